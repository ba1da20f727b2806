//! Anomalies, verdicts on them, and what may explain them.

use crate::error::Result;
use crate::rows::{Anomaly, Deploy, Feedback};
use crate::store::Store;
use log_model::time::SECOND;

impl Store {
    /// Writes incidents as last seen; a later row of an id replaces the earlier.
    pub async fn write_anomalies(&self, anomalies: &[Anomaly]) -> Result<()> {
        self.insert_rows("anomalies", anomalies).await
    }

    /// Incidents that were last seen at or after `from` and first seen before `to` (nanoseconds since the
    /// epoch), by first sighting.
    pub async fn anomalies(&self, from: i64, to: i64) -> Result<Vec<Anomaly>> {
        let query = self
            .query(
                "SELECT ?fields FROM logs.anomalies FINAL \
                 WHERE window_end >= toDateTime(?, 'UTC') AND window_start < toDateTime(?, 'UTC') \
                 ORDER BY window_start, id",
            )
            .bind(from.div_euclid(SECOND))
            .bind(to.div_euclid(SECOND));
        self.all("read logs.anomalies", query).await
    }

    /// The incident of an id.
    pub async fn anomaly(&self, id: u64) -> Result<Option<Anomaly>> {
        let query = self.query("SELECT ?fields FROM logs.anomalies FINAL WHERE id = ? LIMIT 1").bind(id);
        self.optional(format!("read anomaly {id:016x}"), query).await
    }

    /// Writes verdicts and mutes.
    pub async fn write_feedback(&self, feedback: &[Feedback]) -> Result<()> {
        self.insert_rows("feedback", feedback).await
    }

    /// All verdicts and mutes.
    pub async fn feedback(&self) -> Result<Vec<Feedback>> {
        let query = self.query("SELECT ?fields FROM logs.feedback FINAL ORDER BY created_at, id");
        self.all("read logs.feedback", query).await
    }

    /// Writes restarts and generation switches.
    pub async fn write_deploys(&self, deploys: &[Deploy]) -> Result<()> {
        self.insert_rows("deploys", deploys).await
    }

    /// Restarts and generation switches in `[from, to)`, nanoseconds since the epoch.
    pub async fn deploys(&self, from: i64, to: i64) -> Result<Vec<Deploy>> {
        let query = self
            .query(
                "SELECT ?fields FROM logs.deploys FINAL \
                 WHERE at >= fromUnixTimestamp64Milli(toInt64(?), 'UTC') \
                   AND at < fromUnixTimestamp64Milli(toInt64(?), 'UTC') ORDER BY at, host",
            )
            .bind(from.div_euclid(1_000_000))
            .bind(to.div_euclid(1_000_000));
        self.all("read logs.deploys", query).await
    }
}
