//! Reading whole ranges of a table for parquet-export, and the list of what was exported.

use crate::error::{Error, Result};
use crate::rows::Export;
use crate::store::{Store, timely};
use bytes::Bytes;
use clickhouse::Row;
use clickhouse::query::BytesCursor;
use serde::{Deserialize, Serialize};

/// A table that can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportTable {
    /// Lines.
    AppLogs,
    /// The minute aggregate, finished.
    #[serde(rename = "app_logs_1min")]
    Minutes,
    /// Incidents.
    Anomalies,
    /// Counts of templates.
    #[serde(rename = "templates_1min")]
    TemplateCounts,
}

impl ExportTable {
    /// All tables that can be exported.
    pub const ALL: [Self; 4] = [Self::AppLogs, Self::Minutes, Self::Anomalies, Self::TemplateCounts];

    /// The name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AppLogs => "app_logs",
            Self::Minutes => "app_logs_1min",
            Self::Anomalies => "anomalies",
            Self::TemplateCounts => "templates_1min",
        }
    }

    /// The column that a row's day is taken from.
    pub const fn time_column(self) -> &'static str {
        match self {
            Self::AppLogs => "ts",
            Self::Minutes | Self::TemplateCounts => "minute",
            Self::Anomalies => "window_start",
        }
    }

    /// The columns that the rows are sorted by.
    pub const fn sorting(self) -> &'static [&'static str] {
        match self {
            Self::AppLogs => &["service", "toStartOfHour(ts)", "host", "ts", "event_id"],
            Self::Minutes => &["service", "host", "unit", "minute"],
            Self::Anomalies => &["window_start", "id"],
            Self::TemplateCounts => &["template_id", "service", "host", "minute"],
        }
    }

    fn select(self) -> &'static str {
        match self {
            Self::AppLogs => {
                "ts, host, service, unit, level, path, status, latency_ms, trace_id, message, \
                 toString(attrs) AS attrs, event_id, batch FROM logs.app_logs"
            }
            Self::Minutes => {
                "minute, host, service, unit, cnt, err, s5xx, err_rate, s5xx_rate, latency_cnt, avg_latency, \
                 p50_latency, p95_latency, p99_latency, max_latency FROM logs.app_logs_1min"
            }
            Self::Anomalies => {
                "detected_at, window_start, window_end, host, service, anomaly_type, score, \
                 toString(details) AS details, id, unit, state, feature, observed, expected, template_id, \
                 toJSONString(links) AS links, updated_at FROM logs.anomalies FINAL"
            }
            Self::TemplateCounts => {
                "minute, host, service, template_id, cnt, bytes FROM logs.templates_1min FINAL"
            }
        }
    }

    /// One row as text, for the order-free sum over a range.
    fn row_text(self) -> &'static str {
        match self {
            Self::AppLogs => {
                "concat(toString(toUnixTimestamp64Nano(ts)), '\\t', host, '\\t', service, '\\t', unit, '\\t', \
                 level, '\\t', toString(event_id), '\\t', message)"
            }
            Self::Minutes => {
                "concat(toString(toUnixTimestamp(minute)), '\\t', host, '\\t', service, '\\t', unit, '\\t', \
                 toString(cnt), '\\t', toString(err), '\\t', toString(s5xx))"
            }
            Self::Anomalies => {
                "concat(toString(id), '\\t', toString(toUnixTimestamp(window_start)), '\\t', \
                 toString(toUnixTimestamp64Micro(updated_at)))"
            }
            Self::TemplateCounts => {
                "concat(toString(toUnixTimestamp(minute)), '\\t', host, '\\t', service, '\\t', \
                 toString(template_id), '\\t', toString(cnt), '\\t', toString(bytes))"
            }
        }
    }

    fn range(self) -> String {
        let time = self.time_column();
        format!(
            "{time} >= fromUnixTimestamp64Nano(toInt64(?), 'UTC') AND {time} < fromUnixTimestamp64Nano(toInt64(?), 'UTC')"
        )
    }
}

/// What a range of a table holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct RangeSummary {
    /// Rows.
    pub rows: u64,
    /// Earliest time, nanoseconds since the epoch; 0 without rows.
    pub min_ts: i64,
    /// Latest time, nanoseconds since the epoch; 0 without rows.
    pub max_ts: i64,
    /// Sum, modulo 2^64, of xxh3 of each row as text with tabs between: the same for any order of the
    /// rows. For lines the text is ts in nanoseconds, host, service, unit, level, event id, message.
    pub fingerprint: u64,
}

/// Bytes that arrive while they are read.
pub struct ByteStream {
    cursor: BytesCursor,
    what: String,
    url: String,
}

impl ByteStream {
    /// The next piece; none after the last.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        timely(&self.what, &self.url, self.cursor.next()).await
    }
}

impl Store {
    /// What `[from, to)` (nanoseconds since the epoch) of a table holds.
    pub async fn range_summary(&self, table: ExportTable, from: i64, to: i64) -> Result<RangeSummary> {
        let time = table.time_column();
        let nanos = format!("toUnixTimestamp64Nano(toDateTime64({time}, 9, 'UTC'))");
        let columns = table.select();
        let sql = format!(
            "SELECT count() AS rows, toInt64(min({nanos})) AS min_ts, toInt64(max({nanos})) AS max_ts, \
                    sum(xxh3({row})) AS fingerprint \
             FROM {source} WHERE {range}",
            row = table.row_text(),
            source = columns.rsplit_once(" FROM ").map_or(columns, |(_, source)| source),
            range = table.range(),
        );
        let what = format!("sum up logs.{}", table.name());
        let summary: RangeSummary = self.one(what, self.query(&sql).bind(from).bind(to)).await?;
        Ok(if summary.rows == 0 { RangeSummary::default() } else { summary })
    }

    /// The rows of `[from, to)` (nanoseconds since the epoch) as an Arrow IPC stream, sorted like the
    /// table. A stream that was cut off can look like a whole one: compare with [`Store::range_summary`].
    pub fn export_arrow(&self, table: ExportTable, from: i64, to: i64) -> Result<ByteStream> {
        let what = format!("read logs.{}", table.name());
        let sql = format!(
            "SELECT {} WHERE {} ORDER BY {}",
            table.select(),
            table.range(),
            table.sorting().join(", ")
        );
        let query = self
            .query(&sql)
            .bind(from)
            .bind(to)
            .with_setting("output_format_arrow_string_as_string", "1")
            .with_setting("output_format_arrow_low_cardinality_as_dictionary", "0")
            .with_setting("output_format_arrow_compression_method", "lz4_frame")
            .with_setting("max_execution_time", "0");
        match query.fetch_bytes("ArrowStream") {
            Ok(cursor) => Ok(ByteStream { cursor, what, url: self.url().to_owned() }),
            Err(e) => Err(Error::from_client(what, self.url(), &e)),
        }
    }

    /// Records versions of sets; a later row of a version replaces the earlier.
    pub async fn write_exports(&self, exports: &[Export]) -> Result<()> {
        self.insert_rows("exports", exports).await
    }

    /// All versions of all sets, by table, week and version.
    pub async fn exports(&self) -> Result<Vec<Export>> {
        let query = self.query("SELECT ?fields FROM logs.exports FINAL ORDER BY table_name, week, version");
        self.all("read logs.exports", query).await
    }
}
