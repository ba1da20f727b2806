//! `anomaly-scan status`: what is known of each service, and what is going on.

use log_model::time::{DAY, SECOND, rfc3339};
use log_store::Store;
use serde_json::json;
use unit_kit::{Context, Outcome, Table};

use crate::cli::mark;
use crate::config::Config;
use crate::detect::judge::Settings;
use crate::detect::{WINDOW_S, window_of};
use crate::record::OPEN;

/// Runs the command.
pub(crate) async fn run(ctx: &Context<Config>, store: &Store) -> anyhow::Result<Outcome> {
    let now = chrono::Utc::now().timestamp_nanos_opt().unwrap_or(i64::MAX);
    let learning_s = Settings::default().learning as i64 * WINDOW_S;
    let ages = store.entity_ages(now).await.map_err(mark)?;
    let open: Vec<_> = store
        .anomalies(now - 2 * DAY, now)
        .await
        .map_err(mark)?
        .into_iter()
        .filter(|row| row.state == OPEN)
        .collect();
    let now_s = window_of(now.div_euclid(SECOND)) * WINDOW_S;
    let state = |first: i64| if now_s - first < learning_s { "learning" } else { "judged" };
    if ctx.json {
        let services: Vec<_> = ages
            .iter()
            .map(|age| {
                json!({
                    "host": age.host,
                    "service": age.service,
                    "since": rfc3339(age.first_minute * SECOND),
                    "state": state(age.first_minute),
                })
            })
            .collect();
        let open: Vec<_> = open
            .iter()
            .map(|row| {
                json!({
                    "id": format!("{:016x}", row.id),
                    "host": row.host,
                    "service": row.service,
                    "anomaly_type": row.anomaly_type,
                    "score": row.score,
                    "since": rfc3339(i64::from(row.window_start) * SECOND),
                })
            })
            .collect();
        ctx.out.json(&json!({ "services": services, "open": open }))?;
        return Ok(Outcome::Done);
    }
    let mut table = Table::new(["HOST", "SERVICE", "SINCE", "STATE"]);
    for age in &ages {
        table.row([
            age.host.clone(),
            age.service.clone(),
            rfc3339(age.first_minute * SECOND),
            state(age.first_minute).to_owned(),
        ]);
    }
    ctx.out.table(&table)?;
    for row in &open {
        ctx.out.line(format_args!(
            "open: {} of {} on {}, score {:.1}, since {}",
            row.anomaly_type.replace('_', " "),
            row.service,
            row.host,
            row.score,
            rfc3339(i64::from(row.window_start) * SECOND)
        ))?;
    }
    if open.is_empty() {
        ctx.out.line("nothing odd is going on")?;
    }
    Ok(Outcome::Done)
}
