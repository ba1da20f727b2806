//! Batches of lines: what is sent in one insert, and what is needed to know whether it arrived.
//!
//! One batch is one UTC day and one block, and so one part: all of it is there or nothing is. The
//! deduplication token makes a retry safe while the server lives; it does not survive a crash of the
//! server, so the caller counts what is there and decides by that.

use crate::error::{Error, Result};
use crate::rows::AppLog;
use crate::sql::{TS_RANGE, aggregate_select, quote};
use crate::store::{Store, insert_timeouts};
use bytes::Bytes;
use log_model::time::DAY;
use xxhash_rust::xxh3::xxh3_64;

/// Most rows of a batch; the server cuts blocks at 1,048,449 rows.
pub const MAX_BATCH_ROWS: usize = 400_000;
/// Most bytes of a batch; the server cuts blocks at 256 MiB in memory.
pub const MAX_BATCH_BYTES: usize = 96 << 20;

/// Columns in the order of [`encode_row`].
const COLUMNS: &str = "ts, host, service, unit, level, path, status, latency_ms, trace_id, message, attrs, \
                       event_id, batch";

/// Settings of an insert of lines. A text of an attribute stays the text it was (`infer`), the rows stay
/// one block (`block_size`, `threads`), and nothing is acknowledged before it is on disk.
const SETTINGS: [(&str, &str); 15] = [
    ("async_insert", "0"),
    ("deduplicate_blocks_in_dependent_materialized_views", "0"),
    ("input_format_json_try_infer_numbers_from_strings", "0"),
    ("input_format_try_infer_dates", "0"),
    ("input_format_try_infer_datetimes", "0"),
    ("insert_deduplicate", "1"),
    ("insert_quorum", "0"),
    ("json_type_escape_dots_in_keys", "1"),
    ("materialized_views_ignore_errors", "0"),
    ("max_insert_block_size", "1048449"),
    ("max_insert_threads", "1"),
    ("min_insert_block_size_bytes", "268435456"),
    ("min_insert_block_size_rows", "1048449"),
    ("parallel_view_processing", "0"),
    ("wait_end_of_query", "1"),
];

/// Rows as they are sent, and as they are kept on disk until they arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedBatch {
    /// `RowBinary`.
    pub bytes: Bytes,
    /// What the bytes hold.
    pub batch: BatchRef,
}

/// A batch, without its rows.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BatchRef {
    /// Number, unique in `logs.app_logs`.
    pub batch: u64,
    /// Number of rows.
    pub rows: u64,
    /// Earliest time, nanoseconds since the epoch.
    pub min_ts: i64,
    /// Latest time, nanoseconds since the epoch; of the same UTC day.
    pub max_ts: i64,
    /// xxh3 of the bytes.
    pub content_hash: u64,
}

impl EncodedBatch {
    /// Encodes rows of one UTC day; they get the batch's number.
    ///
    /// # Panics
    /// If there are no rows, more than [`MAX_BATCH_ROWS`], or rows of two days: a caller cuts first.
    pub fn new(batch: u64, rows: &[AppLog]) -> Self {
        assert!(!rows.is_empty() && rows.len() <= MAX_BATCH_ROWS, "{} rows in a batch", rows.len());
        let day = rows[0].ts.div_euclid(DAY);
        let (mut min_ts, mut max_ts) = (i64::MAX, i64::MIN);
        let mut bytes = Vec::with_capacity(rows.len() * 256);
        for row in rows {
            assert!(row.ts.div_euclid(DAY) == day, "two days in a batch");
            min_ts = min_ts.min(row.ts);
            max_ts = max_ts.max(row.ts);
            encode_row(&mut bytes, row, batch);
        }
        let content_hash = xxh3_64(&bytes);
        let batch = BatchRef { batch, rows: rows.len() as u64, min_ts, max_ts, content_hash };
        Self { bytes: bytes.into(), batch }
    }

    /// A batch as it was kept on disk; none if the bytes are not the ones that were meant.
    pub fn restore(batch: BatchRef, bytes: Bytes) -> Option<Self> {
        (xxh3_64(&bytes) == batch.content_hash).then_some(Self { bytes, batch })
    }
}

impl BatchRef {
    /// What the server knows an attempt by; a token is never used for other bytes.
    pub fn token(&self, attempt: u16) -> String {
        format!("{}#{attempt}", self.batch)
    }

    fn partition(&self) -> String {
        let day = log_model::time::rfc3339(self.min_ts);
        day[..10].replace('-', "")
    }
}

impl Store {
    /// Sends a batch. An error says nothing about whether it arrived: [`Store::count_batch`] does.
    pub async fn insert_batch(&self, batch: &EncodedBatch, attempt: u16) -> Result<()> {
        let token = batch.batch.token(attempt);
        let what = format!("insert batch {token} of {} lines", batch.batch.rows);
        let sql = format!("INSERT INTO logs.app_logs ({COLUMNS}) FORMAT RowBinary");
        let (send_timeout, end_timeout) = insert_timeouts();
        let mut insert = self
            .client()
            .insert_formatted_with(sql)
            .with_timeouts(send_timeout, end_timeout)
            .with_setting("query_id", &token)
            .with_setting("insert_deduplication_token", &token);
        for (name, value) in SETTINGS {
            insert = insert.with_setting(name, value);
        }
        if self.has_deduplicate_insert().await? {
            insert = insert.with_setting("deduplicate_insert", "enable");
        }
        let sent = async {
            insert.send(batch.bytes.clone()).await?;
            insert.end().await
        };
        sent.await.map_err(|e| Error::from_client(&what, self.url(), &e))
    }

    /// How many rows of the batch are there.
    pub async fn count_batch(&self, batch: &BatchRef) -> Result<u64> {
        let query = self
            .query(&format!("SELECT count() FROM logs.app_logs WHERE batch = ? AND {TS_RANGE}"))
            .bind(batch.batch)
            .bind(batch.min_ts)
            .bind(batch.max_ts + 1);
        self.one(format!("count batch {} back", batch.batch), query).await
    }

    /// Whether the server still works on an attempt.
    pub async fn batch_running(&self, batch: &BatchRef, attempt: u16) -> Result<bool> {
        let query =
            self.query("SELECT count() FROM system.processes WHERE query_id = ?").bind(batch.token(attempt));
        let count: u64 = self.one("look for a running insert", query).await?;
        Ok(count > 0)
    }

    /// Ends an attempt that the server still works on, and waits until it has ended.
    pub async fn kill_batch(&self, batch: &BatchRef, attempt: u16) -> Result<()> {
        let token = batch.token(attempt);
        let sql = format!("KILL QUERY WHERE query_id = {} SYNC", quote(&token));
        self.run_raw(format!("end the insert {token}"), &sql).await
    }

    /// Takes a batch out again, from the aggregate too.
    pub async fn delete_batch(&self, batch: &BatchRef) -> Result<()> {
        let (id, day) = (batch.batch, batch.partition());
        for (table, partition) in [("app_logs", &day[..]), ("app_logs_1min_state", &day[..6])] {
            let sql = format!("ALTER TABLE logs.{table} DELETE IN PARTITION {partition} WHERE batch = {id}");
            let query = self.client().query_raw(&sql).with_setting("mutations_sync", "2");
            self.run(format!("delete batch {id} from logs.{table}"), query).await?;
        }
        Ok(())
    }

    /// Derives the aggregate of a batch from its lines; doing it again changes nothing.
    pub async fn derive_aggregate(&self, batch: &BatchRef) -> Result<()> {
        let select = aggregate_select(&format!("WHERE batch = ? AND {TS_RANGE}\n"));
        let sql = format!("INSERT INTO logs.app_logs_1min_state {select}");
        let query = self.query(&sql).bind(batch.batch).bind(batch.min_ts).bind(batch.max_ts + 1);
        self.run(format!("derive the aggregate of batch {}", batch.batch), query).await
    }

    /// Loads history in bulk: rows in any order, cut into batches numbered from `first_batch`. Each is
    /// counted back. For data that can be made again; it keeps no journal.
    pub async fn load_history(&self, mut rows: Vec<AppLog>, first_batch: u64) -> Result<u64> {
        rows.sort_by_key(|row| row.ts);
        let mut number = first_batch;
        for day in rows.chunk_by(|a, b| a.ts.div_euclid(DAY) == b.ts.div_euclid(DAY)) {
            for chunk in day.chunks(MAX_HISTORY_ROWS) {
                let batch = EncodedBatch::new(number, chunk);
                self.insert_batch(&batch, 1).await?;
                let stored = self.count_batch(&batch.batch).await?;
                if stored != batch.batch.rows {
                    return Err(Error::Reply {
                        what: format!("load history, batch {number}"),
                        reason: format!("{} lines sent, {stored} counted back", batch.batch.rows),
                    });
                }
                number += 1;
            }
        }
        Ok(number - first_batch)
    }
}

/// Rows of a batch of history: well under the bytes that make a block, whatever the lines.
const MAX_HISTORY_ROWS: usize = 100_000;

fn encode_row(out: &mut Vec<u8>, row: &AppLog, batch: u64) {
    out.extend_from_slice(&row.ts.to_le_bytes());
    for text in [&row.host, &row.service, &row.unit, &row.level, &row.path] {
        encode_text(out, text);
    }
    out.extend_from_slice(&row.status.to_le_bytes());
    match row.latency_ms {
        None => out.push(1),
        Some(ms) => {
            out.push(0);
            out.extend_from_slice(&ms.to_le_bytes());
        }
    }
    for text in [&row.trace_id, &row.message, &row.attrs] {
        encode_text(out, text);
    }
    out.extend_from_slice(&row.event_id.to_le_bytes());
    out.extend_from_slice(&batch.to_le_bytes());
}

/// Length as LEB128, then the bytes.
fn encode_text(out: &mut Vec<u8>, text: &str) {
    let mut len = text.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use log_model::LogRecord;

    #[test]
    fn lengths_of_texts_take_as_many_bytes_as_they_need() {
        let encoded = |len: usize| {
            let mut out = Vec::new();
            encode_text(&mut out, &"x".repeat(len));
            out.len() - len
        };
        assert_eq!([0, 127, 128, 16_383, 16_384].map(encoded), [1, 1, 2, 2, 3]);
    }

    #[test]
    fn the_partition_is_the_utc_day() {
        let record = LogRecord::new(1_767_311_999_999_999_999, "h", "s", "last of its day");
        let batch = EncodedBatch::new(7, &[AppLog::new(&record, 0)]).batch;
        assert_eq!(batch.partition(), "20260101");
        assert_eq!(batch.token(2), "7#2");
    }
}
