//! loki2ch's manifest.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// What is known about a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowState {
    /// Being worked on.
    Open,
    /// Both sides were read and are equal.
    Verified,
    /// The sides differ, or could not be compared; somebody has to look.
    Suspect,
    /// Verified, and too old for late lines.
    Settled,
}

impl WindowState {
    /// The column's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Verified => "verified",
            Self::Suspect => "suspect",
            Self::Settled => "settled",
        }
    }
}

/// A row of `logs.sync_windows`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct SyncWindow {
    /// Loki tenant, or a file of a backfill.
    pub source: String,
    /// Seconds since the epoch; five minutes from here.
    pub window_start: u32,
    /// Lines that Loki has.
    pub loki_count: u64,
    /// Lines that `logs.app_logs` has.
    pub ch_count: u64,
    /// Xor of the event ids in `logs.app_logs`.
    pub id_xor: u64,
    /// Bytes of the messages.
    pub bytes: u64,
    /// See [`WindowState`].
    pub state: String,
    /// Why it is suspect.
    pub reason: String,
    /// Microseconds since the epoch; the latest row of a window counts.
    pub checked_at: i64,
}

/// A row of `logs.sync_batches`: a batch that was counted back.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct SyncBatch {
    /// Loki tenant, or a file of a backfill.
    pub source: String,
    /// Seconds since the epoch.
    pub window_start: u32,
    /// The batch's number, as in `logs.app_logs`.
    pub batch: u64,
    /// Rows in it.
    pub rows: u64,
    /// Nanoseconds since the epoch.
    pub min_ts: i64,
    /// Nanoseconds since the epoch.
    pub max_ts: i64,
    /// xxh3 of the bytes sent.
    pub content_hash: u64,
    /// Which attempt got through, from 1.
    pub attempt: u16,
    /// Microseconds since the epoch.
    pub committed_at: i64,
}
