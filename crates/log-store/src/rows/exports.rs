//! Sets that were exported.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// A row of `logs.exports`: a version of one week of one table.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct Export {
    /// Name of the table.
    pub table_name: String,
    /// The Monday that the ISO week starts with, in days since the epoch.
    pub week: u16,
    /// From 1.
    pub version: u32,
    /// `published`, `verified` or `pruned`.
    pub state: String,
    /// Rows in it.
    pub rows: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// Number of its files.
    pub files: u32,
    /// Nanoseconds since the epoch.
    pub min_ts: i64,
    /// Nanoseconds since the epoch.
    pub max_ts: i64,
    /// Order-free sum over the rows.
    pub fingerprint: u64,
    /// Where the manifest is, relative to the store's root.
    pub manifest_key: String,
    /// Hexadecimal.
    pub manifest_sha256: String,
    /// Of the files.
    pub schema_version: u16,
    /// Milliseconds since the epoch.
    pub exported_at: i64,
    /// Milliseconds since the epoch.
    pub verified_at: Option<i64>,
    /// Microseconds since the epoch; the latest row of a version counts.
    pub updated_at: i64,
}
