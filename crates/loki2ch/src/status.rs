//! `status`

use crate::batch_id;
use crate::config::Config;
use crate::connect::{store, store_error};
use crate::journal::Journal;
use log_model::time::{SECOND, rfc3339};
use log_store::migrate;
use serde::Serialize;
use std::collections::BTreeMap;
use unit_kit::{Context, Outcome, Table};

/// Suspect windows that are shown.
const MAX_SUSPECTS: u32 = 20;

#[derive(Debug, Serialize)]
struct Status {
    source: String,
    /// Everything before is verified.
    watermark: Option<String>,
    /// Seconds that the watermark is behind now.
    lag_s: Option<i64>,
    /// Number of windows by state.
    windows: BTreeMap<String, u64>,
    /// Newest first, at most twenty.
    suspects: Vec<Suspect>,
    /// A batch that a run left open; the next one finishes it.
    open_batch: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Suspect {
    window: String,
    loki_count: u64,
    ch_count: u64,
    reason: String,
}

pub(crate) async fn run(ctx: &Context<Config>) -> anyhow::Result<Outcome> {
    let store = store(ctx)?;
    migrate::require_current(&store).await.map_err(store_error)?;
    let source = ctx.config.source();
    let watermark = store.watermark(source).await.map_err(store_error)?;
    let suspects = store.suspect_windows(source, MAX_SUSPECTS).await.map_err(store_error)?;
    let status = Status {
        source: source.to_owned(),
        watermark: watermark.map(|window| rfc3339(window.start())),
        lag_s: watermark.map(|window| batch_id::now_us() / 1_000_000 - window.start() / SECOND),
        windows: store.windows_by_state(source).await.map_err(store_error)?.into_iter().collect(),
        suspects: suspects
            .into_iter()
            .map(|row| Suspect {
                window: row.window().to_string(),
                loki_count: row.loki_count,
                ch_count: row.ch_count,
                reason: row.reason,
            })
            .collect(),
        open_batch: Journal::peek(&ctx.state_dir)?.map(|open| open.batch.batch),
    };
    if ctx.json {
        ctx.out.json(&status)?;
    } else {
        print(ctx, &status)?;
    }
    Ok(if status.suspects.is_empty() { Outcome::Done } else { Outcome::NeedsEyes })
}

fn print(ctx: &Context<Config>, status: &Status) -> anyhow::Result<()> {
    let out = &ctx.out;
    match (&status.watermark, status.lag_s) {
        (Some(mark), Some(lag)) => {
            out.line(format_args!("{}: verified until {mark} ({} min ago)", status.source, lag / 60))?;
        }
        _ => out.line(format_args!("{}: nothing verified yet", status.source))?,
    }
    for (state, count) in &status.windows {
        out.line(format_args!("{count} windows {state}"))?;
    }
    if let Some(batch) = status.open_batch {
        out.line(format_args!("batch {batch} is open: a run was cut off, the next one finishes it"))?;
    }
    if !status.suspects.is_empty() {
        let mut table = Table::new(["suspect window", "loki", "clickhouse", "reason"]);
        for row in &status.suspects {
            table.row([
                row.window.clone(),
                row.loki_count.to_string(),
                row.ch_count.to_string(),
                row.reason.clone(),
            ]);
        }
        out.table(&table)?;
    }
    Ok(())
}
