//! A line.

use crate::attrs::{attrs_json, raw_attrs_json};
use crate::lines::LineKey;
use clickhouse::Row;
use log_model::LogRecord;
use serde::{Deserialize, Serialize};

/// A row of `logs.app_logs`.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub struct AppLog {
    /// Nanoseconds since the epoch.
    pub ts: i64,
    /// Host that the line is about.
    pub host: String,
    /// Service that wrote it.
    pub service: String,
    /// systemd unit, normalised; may be empty.
    pub unit: String,
    /// Level by name.
    pub level: String,
    /// Request path; empty if there is none.
    pub path: String,
    /// HTTP status, 0 if there is none.
    pub status: u16,
    /// Milliseconds.
    pub latency_ms: Option<f32>,
    /// W3C trace id; empty if there is none.
    pub trace_id: String,
    /// The line, verbatim.
    pub message: String,
    /// JSON object, as [`crate::attrs_json`] makes it.
    pub attrs: String,
    /// Low half of the event id.
    pub event_id: u64,
    /// Batch that brought it, see `logs.sync_batches`.
    pub batch: u64,
}

impl AppLog {
    /// The row of a record, as part of a batch.
    pub fn new(record: &LogRecord, batch: u64) -> Self {
        Self {
            ts: record.ts,
            host: record.host.clone(),
            service: record.service.clone(),
            unit: record.unit.clone(),
            level: record.level.as_str().to_owned(),
            path: record.path.clone(),
            status: record.status,
            latency_ms: record.latency_ms.filter(|ms| ms.is_finite()),
            trace_id: record.trace_id.clone(),
            message: record.message.clone(),
            attrs: attrs_json(&record.attrs),
            event_id: record.event_id.low64(),
            batch,
        }
    }

    /// The same line with its attributes as text under `_raw`, should the server refuse them as they are.
    #[must_use]
    pub fn with_raw_attrs(self) -> Self {
        Self { attrs: raw_attrs_json(self.attrs), ..self }
    }

    /// What makes it the same line as another.
    pub fn key(&self) -> LineKey {
        LineKey {
            ts: self.ts,
            host: self.host.clone(),
            service: self.service.clone(),
            unit: self.unit.clone(),
            level: self.level.clone(),
            event_id: self.event_id,
        }
    }
}
