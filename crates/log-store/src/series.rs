//! What the detector reads: windows of five minutes, and the queries that its records link to.

use crate::error::Result;
use crate::sql::quote;
use crate::store::Store;
use clickhouse::Row;
use log_model::time::SECOND;
use serde::{Deserialize, Serialize};

/// Five minutes of an entity. A window without lines has no row.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub struct WindowRow {
    /// Start, seconds since the epoch.
    pub start: i64,
    /// Host.
    pub host: String,
    /// Service.
    pub service: String,
    /// systemd unit; may be empty.
    pub unit: String,
    /// Lines.
    pub cnt: u64,
    /// Lines of an error level.
    pub err: u64,
    /// Lines with a status of 500-599.
    pub s5xx: u64,
    /// Mean latency, milliseconds; none if no line has one.
    pub avg_latency: Option<f64>,
    /// 95th percentile, milliseconds.
    pub p95_latency: Option<f32>,
}

/// How often a template came within five minutes.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct TemplateWindow {
    /// Start, seconds since the epoch.
    pub start: i64,
    /// Host.
    pub host: String,
    /// Service.
    pub service: String,
    /// [`crate::rows::Template::id`].
    pub template_id: u64,
    /// Lines.
    pub cnt: u64,
}

impl Store {
    /// Windows of all entities in `[from, to)` (nanoseconds since the epoch; whole windows), by service, host, unit
    /// and time. Percentiles are those of the five minutes, not means of the minutes'.
    pub async fn window_series(&self, from: i64, to: i64) -> Result<Vec<WindowRow>> {
        let query = self
            .query(
                "SELECT toInt64(toUnixTimestamp(toStartOfFiveMinutes(minute))) AS start, \
                     toString(s.host) AS host, toString(s.service) AS service, toString(s.unit) AS unit, \
                     sum(s.cnt) AS cnt, sum(s.err) AS err, sum(s.s5xx) AS s5xx, \
                     if(sum(s.lat_cnt) = 0, NULL, sum(s.lat_sum) / sum(s.lat_cnt)) AS avg_latency, \
                     if(sum(s.lat_cnt) = 0, NULL, quantilesTDigestMerge(0.5, 0.95, 0.99)(s.lat_q)[2]) AS p95_latency \
                 FROM logs.app_logs_1min_state AS s FINAL \
                 WHERE minute >= toDateTime(?, 'UTC') AND minute < toDateTime(?, 'UTC') \
                 GROUP BY service, host, unit, start ORDER BY service, host, unit, start",
            )
            .bind(from.div_euclid(SECOND))
            .bind(to.div_euclid(SECOND));
        self.all("read the series of all entities", query).await
    }

    /// Counts of all templates in `[from, to)` (nanoseconds since the epoch; whole windows), by service, host,
    /// template and time.
    pub async fn template_windows(&self, from: i64, to: i64) -> Result<Vec<TemplateWindow>> {
        let query = self
            .query(
                "SELECT toInt64(toUnixTimestamp(toStartOfFiveMinutes(minute))) AS start, \
                     toString(t.host) AS host, toString(t.service) AS service, t.template_id AS template_id, \
                     sum(t.cnt) AS cnt \
                 FROM logs.templates_1min AS t FINAL \
                 WHERE minute >= toDateTime(?, 'UTC') AND minute < toDateTime(?, 'UTC') AND t.cnt > 0 \
                 GROUP BY service, host, template_id, start ORDER BY service, host, template_id, start",
            )
            .bind(from.div_euclid(SECOND))
            .bind(to.div_euclid(SECOND));
        self.all("read the series of all templates", query).await
    }
}

/// A query for people: the lines of a service of a host in `[from, to)`, seconds since the epoch. `*` means all.
pub fn lines_sql(host: &str, service: &str, from: i64, to: i64) -> String {
    let filter = entity_filter(host, service);
    format!(
        "SELECT ts, host, service, level, message FROM logs.app_logs WHERE {filter}\
         ts >= toDateTime({from}, 'UTC') AND ts < toDateTime({to}, 'UTC') ORDER BY ts LIMIT 500"
    )
}

/// A query for people: the minutes of a service of a host in `[from, to)`, seconds since the epoch. `*` means all.
pub fn minutes_sql(host: &str, service: &str, from: i64, to: i64) -> String {
    let filter = entity_filter(host, service);
    format!(
        "SELECT minute, host, service, unit, cnt, err, s5xx, avg_latency, p95_latency FROM logs.app_logs_1min WHERE \
         {filter}minute >= toDateTime({from}, 'UTC') AND minute < toDateTime({to}, 'UTC') ORDER BY minute"
    )
}

fn entity_filter(host: &str, service: &str) -> String {
    let part = |column: &str, value: &str| {
        if value == "*" { String::new() } else { format!("{column} = {} AND ", quote(value)) }
    };
    part("host", host) + &part("service", service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_quotes_names_and_leaves_out_what_means_all() {
        let sql = lines_sql("*", "o'neill", 300, 600);
        assert!(sql.contains(r"WHERE service = 'o\'neill' AND ts >= toDateTime(300, 'UTC')"), "{sql}");
    }
}
