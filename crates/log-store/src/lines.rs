//! Reading lines back.

use crate::error::{Error, Result};
use crate::sql::TS_RANGE;
use crate::store::Store;
use clickhouse::Row;
use clickhouse::query::RowCursor;
use log_model::Window;
use log_model::time::SECOND;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What makes two rows the same line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Row, Serialize, Deserialize)]
pub struct LineKey {
    /// Nanoseconds since the epoch.
    pub ts: i64,
    /// Host.
    pub host: String,
    /// Service.
    pub service: String,
    /// systemd unit.
    pub unit: String,
    /// Level by name.
    pub level: String,
    /// Low half of the event id.
    pub event_id: u64,
}

/// Sums over a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct WindowTotals {
    /// Lines.
    pub count: u64,
    /// Xor of the event ids: equal sets have equal sums, whatever their order.
    pub id_xor: u64,
    /// Bytes of the messages.
    pub bytes: u64,
}

/// A line as the template miner reads it.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct Line {
    /// Nanoseconds since the epoch.
    pub ts: i64,
    /// Host.
    pub host: String,
    /// Service.
    pub service: String,
    /// systemd unit.
    pub unit: String,
    /// Level by name.
    pub level: String,
    /// The line, verbatim.
    pub message: String,
    /// What people read of it: the message inside of a JSON line, else the line.
    pub text: String,
}

/// Lines that arrive while they are read; memory stays flat whatever their number.
pub struct LineStream {
    cursor: RowCursor<Line>,
    what: String,
    url: String,
}

impl LineStream {
    /// The next line; none after the last.
    pub async fn next(&mut self) -> Result<Option<Line>> {
        crate::store::timely(&self.what, &self.url, self.cursor.next()).await
    }
}

impl Store {
    /// Sums over the lines of a window.
    pub async fn window_totals(&self, window: Window) -> Result<WindowTotals> {
        self.range_totals(window.start(), window.end()).await
    }

    /// Sums over the lines of each window in `[from, to)`; a window without lines is not in the map.
    pub async fn totals_by_window(&self, from: Window, to: Window) -> Result<BTreeMap<Window, WindowTotals>> {
        let sql = format!(
            "SELECT toInt64(toUnixTimestamp(toStartOfFiveMinutes(ts))) AS start, count(), groupBitXor(event_id), \
                 sum(length(message)) FROM logs.app_logs WHERE {TS_RANGE} GROUP BY start"
        );
        let query = self.query(&sql).bind(from.start()).bind(to.start());
        let rows: Vec<(i64, u64, u64, u64)> = self.all("count lines by window", query).await?;
        let totals = rows.into_iter().map(|(start, count, id_xor, bytes)| {
            (Window::containing(start * SECOND), WindowTotals { count, id_xor, bytes })
        });
        Ok(totals.collect())
    }

    /// Sums over the lines of `[from, to)`, nanoseconds since the epoch.
    pub async fn range_totals(&self, from: i64, to: i64) -> Result<WindowTotals> {
        let sql = format!(
            "SELECT count() AS count, groupBitXor(event_id) AS id_xor, sum(length(message)) AS bytes \
             FROM logs.app_logs WHERE {TS_RANGE}"
        );
        self.one("count lines", self.query(&sql).bind(from).bind(to)).await
    }

    /// The keys of all lines of a window, for an anti-join.
    pub async fn line_keys(&self, window: Window) -> Result<Vec<LineKey>> {
        let sql = format!("SELECT ?fields FROM logs.app_logs WHERE {TS_RANGE}");
        let query = self.query(&sql).bind(window.start()).bind(window.end());
        self.all(format!("read the keys of {window}"), query).await
    }

    /// The lines of `[from, to)` by service and time, nanoseconds since the epoch.
    pub fn lines(&self, from: i64, to: i64) -> Result<LineStream> {
        let what = "read lines".to_owned();
        let sql = format!(
            "SELECT ts, host, service, unit, level, message, \
                    if(startsWith(message, '{{'), \
                       coalesce(nullIf(attrs.msg.:String, ''), nullIf(attrs.message.:String, ''), message), \
                       message) AS text \
             FROM logs.app_logs WHERE {TS_RANGE} ORDER BY service, toStartOfHour(ts), host, ts"
        );
        let query = self.query(&sql).bind(from).bind(to);
        match query.fetch::<Line>() {
            Ok(cursor) => Ok(LineStream { cursor, what, url: self.url().to_owned() }),
            Err(e) => Err(Error::from_client(what, self.url(), &e)),
        }
    }

    /// Time of the newest line, nanoseconds since the epoch; none if there is no line.
    pub async fn newest_line(&self) -> Result<Option<i64>> {
        let query = self.query(
            "SELECT toInt64(toUnixTimestamp64Nano(max(ts))) AS ts FROM logs.app_logs HAVING count() > 0",
        );
        self.optional("find the newest line", query).await
    }
}
