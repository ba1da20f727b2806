//! The common fields.

use crate::{EventId, Level};
use std::collections::BTreeMap;

/// A log line of any source with the fields that all sources share.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRecord {
    /// Nanoseconds since the epoch, UTC.
    pub ts: i64,
    /// The host that the line is about.
    pub host: String,
    /// The service that wrote it, for people: `nginx`, `sshd`.
    pub service: String,
    /// The systemd unit, normalised ([`crate::normalise_unit`]); may be empty.
    pub unit: String,
    /// Severity.
    pub level: Level,
    /// The line as people read it, verbatim.
    pub message: String,
    /// Request path without query string; empty if there is none.
    pub path: String,
    /// HTTP status, 0 if there is none.
    pub status: u16,
    /// How long the request took, in milliseconds.
    pub latency_ms: Option<f32>,
    /// W3C trace id, 32 hexadecimal digits; empty if there is none.
    pub trace_id: String,
    /// Everything else the line says.
    pub attrs: BTreeMap<String, String>,
    /// Identity, see [`EventId`].
    pub event_id: EventId,
}

impl LogRecord {
    /// A line with a time, an origin and a text, and nothing else known yet.
    pub fn new(
        ts: i64,
        host: impl Into<String>,
        service: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            ts,
            host: host.into(),
            service: service.into(),
            unit: String::new(),
            level: Level::Info,
            message: message.into(),
            path: String::new(),
            status: 0,
            latency_ms: None,
            trace_id: String::new(),
            attrs: BTreeMap::new(),
            event_id: EventId::NONE,
        }
    }
}
