//! What is on the wall.

use crate::details::{Candidate, Contribution, Direction};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// Everything a renderer needs; the document of `wall --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Wall {
    /// When the wall was drawn.
    pub generated_at: DateTime<Utc>,
    /// First second shown.
    pub from: DateTime<Utc>,
    /// First second no longer shown.
    pub to: DateTime<Utc>,
    /// Width of a column, seconds.
    pub step_s: i64,
    /// Whether there is enough history to judge by.
    pub state: State,
    /// How fresh all this is.
    pub health: Health,
    /// The oddest first.
    pub incidents: Vec<Incident>,
    /// Those with incidents first, the oddest on top, then the quiet ones by name.
    pub lanes: Vec<Lane>,
    /// The most frequent messages, while there is little else to show.
    pub templates: Vec<Template>,
}

/// Whether the wall can judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum State {
    /// No service has been seen for long enough.
    Learning {
        /// First minute of the oldest service; none while there is no line at all.
        since: Option<DateTime<Utc>>,
        /// How much history a service needs, seconds.
        needed_s: i64,
    },
    /// At least one service is judged.
    Ready,
}

/// How fresh the wall is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Health {
    /// When a scan last wrote something.
    pub last_scan: Option<DateTime<Utc>>,
    /// From the end of the newest minute with a line to the end of the wall (to the moment it was drawn, if that
    /// is earlier), seconds.
    pub lag_s: Option<i64>,
    /// Lines in the range.
    pub rows: u64,
    /// Services of hosts that are judged or learned.
    pub services: usize,
    /// Incidents that somebody has muted; they are not on the wall.
    pub muted: usize,
}

/// A service of a host over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lane {
    /// Host; `*` for all of them.
    pub host: String,
    /// Service; `*` for all of the host.
    pub service: String,
    /// Too young to be judged.
    pub learning: bool,
    /// One per column, none missing.
    pub cells: Vec<Cell>,
}

/// A column of a lane.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// First second.
    pub start: DateTime<Utc>,
    /// Score of the oddest incident in it; 0 without one.
    pub score: f64,
    /// Lines.
    pub count: u64,
    /// Lines of an error level.
    pub errors: u64,
    /// Type of the oddest incident in it.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// One thing worth knowing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Incident {
    /// Id in `logs.anomalies`, 16 hex digits.
    pub id: String,
    /// 1 is the oddest.
    pub rank: usize,
    /// 1.0 is the alert line, higher is odder.
    pub score: f64,
    /// Host.
    pub host: String,
    /// Service.
    pub service: String,
    /// systemd unit; may be empty.
    pub unit: String,
    /// Kind of oddness.
    #[serde(rename = "type")]
    pub kind: String,
    /// Start of the first flagged window.
    pub first_seen: DateTime<Utc>,
    /// End of the last flagged window.
    pub last_seen: DateTime<Utc>,
    /// From first to last seen, seconds.
    pub duration_s: i64,
    /// `open` or `closed`.
    pub state: String,
    /// Whether a message that was never seen before is part of it.
    pub new: bool,
    /// The feature that was oddest.
    pub feature: String,
    /// Unit of observed and expected.
    pub measure: String,
    /// Which way it went.
    pub direction: Option<Direction>,
    /// What was there.
    pub observed: f64,
    /// What was expected.
    pub expected: f64,
    /// `observed / expected`; none when nothing was expected.
    pub ratio: Option<f64>,
    /// Share of this service's own history that was less odd, percent.
    pub percentile: Option<f64>,
    /// One sentence for people.
    pub reason: String,
    /// What the expectation rests on, in words.
    pub basis: Option<String>,
    /// The message it is about.
    pub template: Option<MessageType>,
    /// Likely causes, best first.
    pub candidates: Vec<Candidate>,
    /// What else was above normal, biggest first.
    pub contributions: Vec<Contribution>,
    /// Where to look next.
    pub links: Links,
}

/// A message with its varying words replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageType {
    /// 16 hex digits.
    pub id: String,
    /// The words, with `<*>` for what varies.
    pub text: String,
    /// A line of it.
    pub example: String,
}

/// Queries to copy and pages to open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Links {
    /// The lines, in ClickHouse.
    pub rows_sql: Option<String>,
    /// The minutes, in ClickHouse.
    pub minutes_sql: Option<String>,
    /// The lines, in Loki.
    pub logql: Option<String>,
    /// Grafana Explore, if `links.grafana_url` is set.
    pub explore: Option<String>,
    /// A prepared silence, if `links.alertmanager_url` is set.
    pub silence: Option<String>,
}

/// A frequent message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Template {
    /// 16 hex digits.
    pub id: String,
    /// Service.
    pub service: String,
    /// Level of the last line.
    pub level: String,
    /// The words, with `<*>` for what varies.
    pub text: String,
    /// Lines in the range.
    pub count: u64,
}

impl Wall {
    /// Incidents that are still going on.
    pub fn open(&self) -> usize {
        self.incidents.iter().filter(|incident| incident.is_open()).count()
    }

    /// The incidents of a lane, the oddest first.
    pub fn incidents_of<'a>(&'a self, lane: &'a Lane) -> impl Iterator<Item = &'a Incident> {
        self.incidents
            .iter()
            .filter(|incident| incident.host == lane.host && incident.service == lane.service)
    }

    /// The columns that something covers, as indices `[start, end)`; at least one, none outside of the wall.
    pub fn columns(&self, first: DateTime<Utc>, last: DateTime<Utc>) -> std::ops::Range<usize> {
        let step = self.step_s.max(1);
        let count = ((self.to - self.from).num_seconds().max(step) / step) as usize;
        let at = |time: DateTime<Utc>| (time - self.from).num_seconds().max(0);
        let start = ((at(first) / step) as usize).min(count - 1);
        let end = ((at(last) + step - 1) / step) as usize;
        start..end.clamp(start + 1, count)
    }
}

impl Lane {
    /// Whether no incident is in it.
    pub fn is_quiet(&self) -> bool {
        self.cells.iter().all(|cell| cell.score <= 0.0)
    }
}

impl Incident {
    /// Whether it is still going on.
    pub fn is_open(&self) -> bool {
        self.state == "open"
    }
}
