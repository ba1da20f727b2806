//! What a service writes its lines with.

use super::incident::Effect;
use super::rng::Rng;
use super::source::Source;
use chrono::{DateTime, SecondsFormat, Utc};
use log_model::Level;
use log_model::time::SECOND;

/// A line as its source writes it, without line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLine {
    /// When it was written; what the line itself says may be coarser.
    pub ts: i64,
    /// Where it was written to.
    pub source: Source,
    /// The text.
    pub text: String,
}

/// One event of one service: the writer adds the lines that it leaves behind.
pub(super) struct Scene<'a> {
    pub(super) rng: &'a mut Rng,
    pub(super) ts: i64,
    pub(super) effect: &'a Effect,
    pub(super) out: &'a mut Vec<SourceLine>,
}

impl Scene<'_> {
    /// Moves the scene's clock on.
    pub(super) fn wait(&mut self, low_s: f64, high_s: f64) {
        self.ts += (self.rng.between(low_s, high_s) * SECOND as f64) as i64;
    }

    pub(super) fn line(&mut self, source: Source, text: String) {
        self.out.push(SourceLine { ts: self.ts, source, text });
    }

    /// A line of a host's journal, as a syslog daemon writes it to a file (RFC 5424).
    pub(super) fn journal(&mut self, source: Source, level: Level, app: &str, pid: u64, message: &str) {
        /// Daemon facility.
        const FACILITY: usize = 3;
        let priority = FACILITY * 8 + Level::ALL.iter().position(|l| *l == level).unwrap_or(6).min(7);
        let stamp = moment(self.ts).to_rfc3339_opts(SecondsFormat::Micros, true);
        let text = format!("<{priority}>1 {stamp} {} {app} {pid} - - {message}", source.host());
        self.line(source, text);
    }

    /// A line of the router with the receiver's time and name in front.
    pub(super) fn router(&mut self, topics: &str, message: &str) {
        let text = format!(
            "{} {} {topics} {message}",
            moment(self.ts).format("%b %e %H:%M:%S"),
            Source::Router.host()
        );
        self.line(Source::Router, text);
    }

    /// The time as a JSON log has it.
    pub(super) fn json_time(&self) -> String {
        moment(self.ts).to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// The time in an `strftime` form.
    pub(super) fn time(&self, format: &str) -> String {
        moment(self.ts).format(format).to_string()
    }

    pub(super) fn trace_id(&mut self) -> String {
        format!("{:016x}{:016x}", self.rng.u64() | 1, self.rng.u64())
    }
}

fn moment(ts: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(ts)
}
