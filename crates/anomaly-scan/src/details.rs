//! The JSON in `logs.anomalies.details`: why a record is there, in words and in numbers.
//!
//! Written by the scan, read by the wall and by people. Every key is always present; numbers are finite.

use serde::{Deserialize, Serialize};

/// Version of this shape; goes up when a key changes its meaning.
pub const VERSION: u32 = 1;

/// Everything known about one incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// [`VERSION`].
    pub version: u32,
    /// One sentence for people.
    pub reason: String,
    /// The feature that was oddest, as in the column `feature`.
    pub feature: String,
    /// Unit of `observed` and `expected`.
    pub measure: String,
    /// Which way it went.
    pub direction: Direction,
    /// What was there in the oddest window.
    pub observed: f64,
    /// What the baseline says for that window.
    pub expected: f64,
    /// `observed / expected`; none when nothing was expected.
    pub ratio: Option<f64>,
    /// Share of this entity's own windows of the history that were less odd, in percent.
    pub percentile: f64,
    /// Score of the oddest window.
    pub peak_score: f64,
    /// Start of the oddest window, RFC 3339.
    pub peak_at: String,
    /// Flagged windows of five minutes.
    pub windows: u32,
    /// What the expectation rests on.
    pub baseline: Baseline,
    /// All that was above normal in the oddest window, biggest first; the shares add up to 1.
    pub contributions: Vec<Contribution>,
    /// The isolation forest's opinion of the oddest window.
    pub forest: Option<Forest>,
    /// The message it is about.
    pub template: Option<TemplateRef>,
    /// Likely causes, best first.
    pub candidates: Vec<Candidate>,
    /// Where to look next.
    pub links: Links,
}

/// Which way a feature went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More than usual.
    High,
    /// Less than usual.
    Low,
    /// Never seen before.
    New,
    /// Expected and not there.
    Missing,
}

/// The history behind an expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Windows of five minutes.
    pub windows: u32,
    /// The same in days.
    pub days: f64,
    /// `hour of week`, `hour of day` or `none`.
    pub season: String,
}

/// One feature's part in the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// Name of the feature.
    pub feature: String,
    /// What was there.
    pub observed: f64,
    /// What was expected.
    pub expected: f64,
    /// Calibrated score of this feature alone.
    pub score: f64,
    /// Part of the sum of all contributions.
    pub share: f64,
}

/// The isolation forest's second vote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    /// 0 to 1, 0.5 ordinary.
    pub score: f64,
    /// Place among the incidents of the run, 1 the oddest.
    pub rank: u32,
    /// Features by how much they shortened the path, biggest first; only those that did.
    pub contributions: Vec<ForestPart>,
}

/// One feature's part in the forest's score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForestPart {
    /// Name of the feature.
    pub feature: String,
    /// Part of the shortening of the path.
    pub share: f64,
}

/// A message type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateRef {
    /// 16 hex digits.
    pub id: String,
    /// The words, with `<*>` for what varies.
    pub text: String,
    /// A line of it.
    pub example: String,
}

/// A likely cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Candidate {
    /// A message that came more often than usual at the same time.
    Template {
        /// The words.
        text: String,
        /// 16 hex digits.
        template_id: String,
        /// Lines in the oddest window.
        observed: f64,
        /// Lines expected there.
        expected: f64,
    },
    /// A unit started or stopped on the same host shortly before.
    Restart {
        /// The line.
        text: String,
        /// When, RFC 3339.
        at: String,
    },
    /// Another incident on the same host, or of the same service, at the same time.
    CoAnomaly {
        /// What it is, in words.
        text: String,
        /// Its id.
        anomaly_id: String,
        /// Its service.
        service: String,
        /// Its host.
        host: String,
    },
}

/// Ready queries and links.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Links {
    /// The lines, in ClickHouse.
    pub rows_sql: String,
    /// The minutes, in ClickHouse.
    pub minutes_sql: String,
    /// The lines, in Loki.
    pub logql: String,
    /// From when to look, RFC 3339.
    pub from: String,
    /// Until when.
    pub to: String,
}
