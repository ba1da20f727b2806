//! What arrived, and what was found.

use super::Hour;
use anyhow::Context as _;
use log_model::time::{MINUTE, SECOND};
use log_model::{Window, wire};
use log_store::Store;
use log_store::rows::Anomaly;
use loki_client::Client;
use serde_json::Value;
use std::collections::BTreeSet;
use testkit::traffic::{Incident, Traffic};

/// An incident that shows so long after its end still counts as found.
const GRACE: i64 = 10 * MINUTE;

/// Event ids of lines, summed up: equal sets have equal sums, whatever their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) count: u64,
    pub(super) xor: u128,
}

impl Ids {
    /// Adds what a run of log-shipper reports.
    pub(super) fn add(&mut self, report: &Value) -> anyhow::Result<()> {
        let ids = &report["event_ids"];
        let read = || Some((ids["count"].as_u64()?, u128::from_str_radix(ids["xor"].as_str()?, 16).ok()?));
        let (count, xor) = read().with_context(|| format!("log-shipper reports no event ids: {report}"))?;
        self.count += count;
        self.xor ^= xor;
        Ok(())
    }
}

/// The live lines at the three places where they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparison {
    pub(super) shipped: u64,
    pub(super) in_loki: u64,
    pub(super) in_clickhouse: u64,
    /// The same event ids at all three.
    pub(super) verified: bool,
}

/// Reads both ends and compares event ids.
pub(super) async fn compare(
    client: &Client,
    store: &Store,
    hour: Hour,
    shipped: Ids,
) -> anyhow::Result<Comparison> {
    let reading = client.read(r#"{host=~".+"}"#, hour.from, hour.to).await?;
    let ids: Vec<_> =
        reading.entries.iter().map(|(labels, entry)| wire::from_loki(labels, entry).event_id).collect();
    let in_loki = Ids { count: ids.len() as u64, xor: ids.iter().fold(0, |xor, id| xor ^ id.0) };
    let mut stored = BTreeSet::new();
    let mut in_clickhouse = 0;
    for window in Window::range(hour.from, hour.to) {
        for key in store.line_keys(window).await? {
            in_clickhouse += 1;
            stored.insert(key.event_id);
        }
    }
    let expected: BTreeSet<u64> = ids.iter().map(|id| id.low64()).collect();
    let verified =
        reading.verified && shipped == in_loki && stored == expected && in_clickhouse == stored.len() as u64;
    Ok(Comparison { shipped: shipped.count, in_loki: in_loki.count, in_clickhouse, verified })
}

/// The incidents that were injected, each with what was said of it, and what was said of nothing.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) incidents: Vec<(Incident, Vec<Anomaly>)>,
    pub(super) others: Vec<Anomaly>,
}

impl Found {
    pub(super) fn hits(&self) -> usize {
        self.incidents.iter().filter(|(_, hits)| !hits.is_empty()).count()
    }

    /// At least four of five found, and at most two others. A user's own files have no list to compare with.
    pub(super) fn is_good(&self) -> bool {
        self.incidents.is_empty() || (self.hits() * 5 >= self.incidents.len() * 4 && self.others.len() <= 2)
    }
}

/// Holds what was written to `logs.anomalies` against the ground truth.
pub(super) async fn judge(store: &Store, hour: Hour, truth: Option<&Traffic>) -> anyhow::Result<Found> {
    let mut found = Found {
        incidents: truth.into_iter().flat_map(Traffic::incidents).map(|i| (i.clone(), Vec::new())).collect(),
        others: Vec::new(),
    };
    for anomaly in store.anomalies(hour.from, hour.to).await? {
        match found.incidents.iter_mut().find(|(incident, _)| is_about(&anomaly, incident)) {
            Some((_, hits)) => hits.push(anomaly),
            None => found.others.push(anomaly),
        }
    }
    Ok(found)
}

fn is_about(anomaly: &Anomaly, incident: &Incident) -> bool {
    let (first, last) = (i64::from(anomaly.window_start) * SECOND, i64::from(anomaly.window_end) * SECOND);
    anomaly.host == incident.host
        && anomaly.service == incident.service
        && first < incident.to + GRACE
        && last > incident.from
}
