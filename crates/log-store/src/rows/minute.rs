//! A minute of an entity.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// A row of the view `logs.app_logs_1min`. A minute without lines has no row.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub struct MinuteRow {
    /// Seconds since the epoch.
    pub minute: u32,
    /// Host.
    pub host: String,
    /// Service.
    pub service: String,
    /// systemd unit; may be empty.
    pub unit: String,
    /// Lines.
    pub cnt: u64,
    /// Lines of an error level.
    pub err: u64,
    /// Lines with a status of 500-599.
    pub s5xx: u64,
    /// Lines with a latency.
    pub latency_cnt: u64,
    /// Mean latency, milliseconds; none if no line has one.
    pub avg_latency: Option<f64>,
    /// Median latency, milliseconds.
    pub p50_latency: Option<f32>,
    /// 95th percentile, milliseconds.
    pub p95_latency: Option<f32>,
    /// 99th percentile, milliseconds.
    pub p99_latency: Option<f32>,
    /// Highest latency, milliseconds.
    pub max_latency: Option<f32>,
}
