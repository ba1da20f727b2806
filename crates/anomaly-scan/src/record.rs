//! Incidents to rows of `logs.anomalies`, and back to what the judge needs to know of them.

use std::collections::HashMap;

use anyhow::Context as _;
use log_store::rows::Anomaly;

use crate::details::Details;
use crate::detect::incident::Known;
use crate::detect::{EntityKey, Incident};
use crate::explain::Explainer;

/// The state of an incident to which windows may still be added.
pub(crate) const OPEN: &str = "open";
/// The state of one that is over.
pub(crate) const CLOSED: &str = "closed";

/// An incident and its row.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) row: Anomaly,
    pub(crate) details: Details,
    /// Not yet in the database.
    pub(crate) is_new: bool,
    /// In the database, but not like this.
    pub(crate) is_changed: bool,
}

/// What the judge needs to know of a stored incident.
pub(crate) fn known(row: &Anomaly) -> Known {
    let windows = serde_json::from_str::<Details>(&row.details).map_or(1, |details| details.windows);
    Known {
        id: row.id,
        key: EntityKey { host: row.host.clone(), service: row.service.clone(), unit: row.unit.clone() },
        first: row.window_start.into(),
        last: row.window_end.into(),
        score: row.score,
        windows,
    }
}

/// The rows of `incidents`, and those of stored incidents that are over by now.
pub(crate) fn records(
    incidents: &[Incident],
    stored: &[Anomaly],
    explainer: &Explainer<'_>,
    over_before: i64,
    now_us: i64,
) -> anyhow::Result<Vec<Record>> {
    let by_id: HashMap<u64, &Anomaly> = stored.iter().map(|row| (row.id, row)).collect();
    let mut records = Vec::new();
    for incident in incidents {
        let details = explainer.details(incident);
        let before = by_id.get(&incident.id).copied();
        let mut row = row(incident, &details, explainer, now_us)?;
        if let Some(before) = before {
            row.detected_at = before.detected_at;
            // A verdict of a person stays.
            if before.state != OPEN && before.state != CLOSED {
                row.state.clone_from(&before.state);
            }
        }
        records.push(Record {
            is_new: before.is_none(),
            is_changed: before.is_some_and(|before| differs(before, &row)),
            row,
            details,
        });
    }
    for row in stored {
        let judged = incidents.iter().any(|incident| incident.id == row.id);
        if !judged && row.state == OPEN && i64::from(row.window_end) <= over_before {
            let details = serde_json::from_str(&row.details)
                .with_context(|| format!("read the details of anomaly {:016x}", row.id))?;
            let row = Anomaly { state: CLOSED.into(), updated_at: now_us, ..row.clone() };
            records.push(Record { row, details, is_new: false, is_changed: true });
        }
    }
    Ok(records)
}

fn row(
    incident: &Incident,
    details: &Details,
    explainer: &Explainer<'_>,
    now_us: i64,
) -> anyhow::Result<Anomaly> {
    let headline = explainer.headline(incident);
    let links = &details.links;
    Ok(Anomaly {
        detected_at: now_us.div_euclid(1_000),
        window_start: incident.first as u32,
        window_end: incident.last as u32,
        host: incident.key.host.clone(),
        service: incident.key.service.clone(),
        anomaly_type: incident.kind.clone(),
        score: incident.score,
        details: serde_json::to_string(details).context("encode details")?,
        id: incident.id,
        unit: incident.key.unit.clone(),
        state: if incident.open { OPEN } else { CLOSED }.to_owned(),
        feature: headline.feature,
        observed: headline.observed,
        expected: headline.expected,
        template_id: headline.template_id,
        links: [("rows_sql", &links.rows_sql), ("minutes_sql", &links.minutes_sql), ("logql", &links.logql)]
            .map(|(name, link)| (name.to_owned(), link.clone()))
            .to_vec(),
        updated_at: now_us,
    })
}

/// Is there anything that a reader of the table would want to see anew?
fn differs(before: &Anomaly, now: &Anomaly) -> bool {
    before.window_end != now.window_end
        || before.state != now.state
        || (before.score - now.score).abs() > 1e-3
        || before.anomaly_type != now.anomaly_type
        || before.feature != now.feature
}
