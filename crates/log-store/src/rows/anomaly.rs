//! What anomaly-scan writes.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// A row of `logs.anomalies`: an incident as last seen.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub struct Anomaly {
    /// Milliseconds since the epoch.
    pub detected_at: i64,
    /// First seen, seconds since the epoch.
    pub window_start: u32,
    /// Last seen, seconds since the epoch.
    pub window_end: u32,
    /// Host.
    pub host: String,
    /// Service.
    pub service: String,
    /// What kind of oddness.
    pub anomaly_type: String,
    /// 1.0 is the alert line, higher is odder.
    pub score: f32,
    /// JSON object.
    pub details: String,
    /// Hash of host, service, unit, type and first minute.
    pub id: u64,
    /// systemd unit; may be empty.
    pub unit: String,
    /// `open`, `closed` or `muted`.
    pub state: String,
    /// The feature that stands out most.
    pub feature: String,
    /// Its value.
    pub observed: f64,
    /// What its history leads to expect.
    pub expected: f64,
    /// 0 if no template is meant.
    pub template_id: u64,
    /// Name and URL.
    pub links: Vec<(String, String)>,
    /// Microseconds since the epoch; the latest row of an id counts.
    pub updated_at: i64,
}

/// A row of `logs.feedback`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct Feedback {
    /// Hash of what it is about.
    pub id: u64,
    /// 0 for a mute.
    pub anomaly_id: u64,
    /// Host.
    pub host: String,
    /// Service.
    pub service: String,
    /// systemd unit; may be empty.
    pub unit: String,
    /// Feature.
    pub feature: String,
    /// `real`, `noise` or `mute`.
    pub verdict: String,
    /// End of a mute, seconds since the epoch.
    pub until: Option<u32>,
    /// Free text.
    pub comment: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Microseconds since the epoch.
    pub updated_at: i64,
}

/// A row of `logs.deploys`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct Deploy {
    /// Host.
    pub host: String,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// `switch`, `boot` or `restart`.
    pub kind: String,
    /// Service that restarted; empty for a switch.
    pub service: String,
    /// Its unit.
    pub unit: String,
    /// NixOS generation.
    pub generation: String,
    /// The line that told.
    pub message: String,
    /// Milliseconds since the epoch.
    pub detected_at: i64,
}
