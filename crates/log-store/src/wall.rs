//! What the anomaly wall shows beside the incidents.

use crate::error::Result;
use crate::store::Store;
use clickhouse::Row;
use log_model::time::SECOND;
use serde::{Deserialize, Serialize};

/// Lines of a service on a host in one column of the wall.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct LaneCount {
    /// Start of the column, seconds since the epoch.
    pub start: i64,
    /// Host.
    pub host: String,
    /// Service.
    pub service: String,
    /// Lines.
    pub cnt: u64,
    /// Lines of an error level.
    pub err: u64,
}

/// Since when a service of a host is known.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct EntityAge {
    /// Host.
    pub host: String,
    /// Service.
    pub service: String,
    /// First minute with a line, seconds since the epoch.
    pub first_minute: i64,
}

/// A message type and how often it came.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct TemplateTotal {
    /// [`crate::rows::Template::id`].
    pub id: u64,
    /// Service.
    pub service: String,
    /// Level of the last line seen.
    pub level: String,
    /// The constant words, wildcards between.
    pub pattern: String,
    /// Lines.
    pub cnt: u64,
}

/// How fresh the data is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freshness {
    /// When a scan last wrote something, microseconds since the epoch.
    pub last_scan: Option<i64>,
    /// Newest minute with a line, seconds since the epoch.
    pub newest_minute: Option<i64>,
}

impl Store {
    /// Lines per service, host and column of `step_s` seconds in `[from, to)` (nanoseconds since the epoch;
    /// whole minutes). The columns start at `from`; one without lines has no row.
    pub async fn lane_counts(&self, from: i64, to: i64, step_s: i64) -> Result<Vec<LaneCount>> {
        let from_s = from.div_euclid(SECOND);
        let query = self
            .query(
                "SELECT start, host, service, sum(cnt) AS cnt, sum(err) AS err FROM (
                     SELECT toInt64(?) + intDiv(toInt64(toUnixTimestamp(minute)) - toInt64(?), toInt64(?)) \
                         * toInt64(?) AS start,
                         toString(host) AS host, toString(service) AS service, s.cnt AS cnt, s.err AS err
                     FROM logs.app_logs_1min_state AS s FINAL
                     WHERE minute >= toDateTime(?, 'UTC') AND minute < toDateTime(?, 'UTC')
                 ) GROUP BY start, host, service ORDER BY host, service, start",
            )
            .bind(from_s)
            .bind(from_s)
            .bind(step_s.max(60))
            .bind(step_s.max(60))
            .bind(from_s)
            .bind(to.div_euclid(SECOND));
        self.all("read the lanes of the wall", query).await
    }

    /// All services of all hosts that had a line before `to` (nanoseconds since the epoch), with their first minute.
    pub async fn entity_ages(&self, to: i64) -> Result<Vec<EntityAge>> {
        let query = self
            .query(
                "SELECT toString(host) AS host, toString(service) AS service, \
                     toInt64(toUnixTimestamp(min(minute))) AS first_minute \
                 FROM logs.app_logs_1min_state WHERE minute < toDateTime(?, 'UTC') \
                 GROUP BY host, service ORDER BY host, service",
            )
            .bind(to.div_euclid(SECOND));
        self.all("read the age of the services", query).await
    }

    /// The message types of `[from, to)` (nanoseconds since the epoch; whole minutes) that came most often.
    pub async fn top_templates(&self, from: i64, to: i64, limit: u32) -> Result<Vec<TemplateTotal>> {
        let query = self
            .query(
                "SELECT c.template_id AS id, c.service AS service, t.level AS level, t.pattern AS pattern, \
                     c.cnt AS cnt
                 FROM (
                     SELECT template_id, toString(service) AS service, sum(n.cnt) AS cnt
                     FROM logs.templates_1min AS n FINAL
                     WHERE minute >= toDateTime(?, 'UTC') AND minute < toDateTime(?, 'UTC') AND n.cnt > 0
                     GROUP BY template_id, service
                 ) AS c
                 INNER JOIN (
                     SELECT id, toString(service) AS service, toString(level) AS level, pattern
                     FROM logs.templates FINAL
                 ) AS t ON t.id = c.template_id AND t.service = c.service
                 ORDER BY cnt DESC, service, id LIMIT ?",
            )
            .bind(from.div_euclid(SECOND))
            .bind(to.div_euclid(SECOND))
            .bind(limit);
        self.all("read the most frequent templates", query).await
    }

    /// How fresh the data before `to` (nanoseconds since the epoch) is.
    pub async fn freshness(&self, to: i64) -> Result<Freshness> {
        let scans = self.query(
            "SELECT max(at) AS at FROM (
                 SELECT toInt64(toUnixTimestamp64Micro(max(updated_at))) AS at FROM logs.templates_1min
                 UNION ALL
                 SELECT toInt64(toUnixTimestamp64Micro(max(updated_at))) AS at FROM logs.anomalies
             ) HAVING at > 0",
        );
        let newest = self
            .query(
                "SELECT toInt64(toUnixTimestamp(max(minute))) AS newest FROM logs.app_logs_1min_state \
                 WHERE minute < toDateTime(?, 'UTC') HAVING newest > 0",
            )
            .bind(to.div_euclid(SECOND));
        Ok(Freshness {
            last_scan: self.optional("find the last scan", scans).await?,
            newest_minute: self.optional("find the newest minute", newest).await?,
        })
    }
}
