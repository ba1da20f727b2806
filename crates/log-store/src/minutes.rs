//! The minute aggregate.

use crate::error::Result;
use crate::rows::MinuteRow;
use crate::sql::{TS_RANGE, aggregate_select, err_levels};
use crate::store::Store;
use clickhouse::Row;
use log_model::time::SECOND;
use serde::{Deserialize, Serialize};

/// A minute whose aggregate is not what its lines say.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct MinuteMismatch {
    /// Seconds since the epoch.
    pub minute: u32,
    /// Host.
    pub host: String,
    /// Service.
    pub service: String,
    /// systemd unit.
    pub unit: String,
    /// Lines there are.
    pub lines: u64,
    /// Lines that the aggregate counts.
    pub cnt: u64,
    /// Lines of an error level there are.
    pub err_lines: u64,
    /// Lines of an error level that the aggregate counts.
    pub err: u64,
    /// Lines of status 500-599 there are.
    pub s5xx_lines: u64,
    /// Lines of status 500-599 that the aggregate counts.
    pub s5xx: u64,
    /// Lines with a latency there are.
    pub latency_lines: u64,
    /// Lines with a latency that the aggregate counts.
    pub latency_cnt: u64,
}

/// Outcome of comparing the aggregate with the lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AggregateReport {
    /// Minutes × entities that were compared.
    pub compared: u64,
    /// How many differ.
    pub different: u64,
    /// The first of them.
    pub examples: Vec<MinuteMismatch>,
}

/// Differing minutes that a report shows.
const MAX_EXAMPLES: u32 = 20;

impl Store {
    /// Minutes of all entities in `[from, to)` (nanoseconds since the epoch; whole minutes), ordered by
    /// service, host, unit and minute. A minute without lines has no row.
    pub async fn minute_series(&self, from: i64, to: i64) -> Result<Vec<MinuteRow>> {
        let query = self
            .query(
                "SELECT ?fields FROM logs.app_logs_1min \
                 WHERE minute >= toDateTime(?, 'UTC') AND minute < toDateTime(?, 'UTC') \
                 ORDER BY service, host, unit, minute",
            )
            .bind(from.div_euclid(SECOND))
            .bind(to.div_euclid(SECOND));
        self.all("read logs.app_logs_1min", query).await
    }

    /// Compares the aggregate with the lines of `[from, to)` (nanoseconds since the epoch; whole minutes).
    pub async fn verify_aggregate(&self, from: i64, to: i64) -> Result<AggregateReport> {
        let joined = format!(
            "SELECT minute, host, service, unit, lines, cnt, err_lines, err, s5xx_lines, s5xx, \
                    latency_lines, latency_cnt
             FROM (
                 SELECT toStartOfMinute(toDateTime(ts, 'UTC')) AS minute, host, service, unit,
                     count() AS lines,
                     countIf(level IN {err}) AS err_lines,
                     countIf(status BETWEEN 500 AND 599) AS s5xx_lines,
                     count(latency_ms) AS latency_lines
                 FROM logs.app_logs WHERE {TS_RANGE} GROUP BY minute, host, service, unit
             ) AS raw
             FULL OUTER JOIN (
                 SELECT minute, host, service, unit, cnt, err, s5xx, latency_cnt FROM logs.app_logs_1min
                 WHERE minute >= toDateTime(?, 'UTC') AND minute < toDateTime(?, 'UTC')
             ) AS kept USING (minute, host, service, unit)",
            err = err_levels()
        );
        let differs =
            "lines != cnt OR err_lines != err OR s5xx_lines != s5xx OR latency_lines != latency_cnt";
        let bound = |sql: &str| {
            self.query(sql)
                .with_setting("join_use_nulls", "0")
                .bind(from)
                .bind(to)
                .bind(from.div_euclid(SECOND))
                .bind(to.div_euclid(SECOND))
        };
        let what = "compare the aggregate with the lines";
        let (compared, different): (u64, u64) =
            self.one(what, bound(&format!("SELECT count(), countIf({differs}) FROM ({joined})"))).await?;
        let examples = if different == 0 {
            Vec::new()
        } else {
            let sql = format!(
                "SELECT ?fields FROM ({joined}) WHERE {differs} \
                 ORDER BY minute, service, host, unit LIMIT {MAX_EXAMPLES}"
            );
            self.all(what, bound(&sql)).await?
        };
        Ok(AggregateReport { compared, different, examples })
    }

    /// Derives the aggregate of all lines of `[from, to)` (nanoseconds since the epoch; whole minutes)
    /// once more.
    pub async fn derive_aggregate_range(&self, from: i64, to: i64) -> Result<()> {
        let select = aggregate_select(&format!("WHERE {TS_RANGE}\n"));
        let sql = format!("INSERT INTO logs.app_logs_1min_state {select}");
        self.run("derive the aggregate", self.query(&sql).bind(from).bind(to)).await
    }
}
