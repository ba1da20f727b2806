//! Templates and their counts.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// A row of `logs.templates`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct Template {
    /// Hash of the pattern.
    pub id: u64,
    /// Service.
    pub service: String,
    /// The constant words, wildcards between.
    pub pattern: String,
    /// Level of the last line seen.
    pub level: String,
    /// A line of it.
    pub sample: String,
    /// Milliseconds since the epoch; the earliest ever written counts.
    pub first_seen: i64,
    /// Milliseconds since the epoch; the latest ever written counts.
    pub last_seen: i64,
}

/// A row of `logs.templates_1min`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct TemplateCount {
    /// Seconds since the epoch.
    pub minute: u32,
    /// Host.
    pub host: String,
    /// Service.
    pub service: String,
    /// [`Template::id`].
    pub template_id: u64,
    /// Lines.
    pub cnt: u64,
    /// Bytes of their messages.
    pub bytes: u64,
    /// Microseconds since the epoch; the latest row of a key counts.
    pub updated_at: i64,
}
