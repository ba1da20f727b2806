//! What the demo says at the end.

use super::check::{Comparison, Found};
use super::shown;
use log_model::time::{SECOND, rfc3339};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use unit_kit::{Output, Table};

/// Everything that is worth saying.
pub(super) struct Report {
    /// The lines were made, not given.
    pub(super) made: bool,
    pub(super) lines: Comparison,
    pub(super) found: Found,
    /// Lines of history, if there was any.
    pub(super) history: Option<u64>,
    /// Name, kind, URL.
    pub(super) engines: Vec<(&'static str, &'static str, String)>,
    pub(super) steps: Vec<(&'static str, Duration)>,
    pub(super) wall: PathBuf,
    pub(super) keep: bool,
}

impl Report {
    pub(super) fn is_good(&self) -> bool {
        self.lines.verified && self.found.is_good()
    }

    pub(super) fn print(&self, out: &Output, as_json: bool) -> anyhow::Result<()> {
        if as_json {
            out.json(&self.document())?;
            return Ok(());
        }
        let mut steps = Table::new(["step", "seconds"]);
        for (name, took) in &self.steps {
            steps.row([(*name).to_owned(), seconds(*took)]);
        }
        let total = self.steps.iter().map(|(_, took)| *took).sum();
        steps.row(["all".to_owned(), seconds(total)]);
        out.table(&steps)?;
        out.line("")?;

        let mut lines = Table::new(["lines", "count", ""]);
        if let Some(history) = self.history {
            lines.row(["history", &history.to_string(), "three weeks, loaded into ClickHouse in bulk"]);
        }
        let Comparison { shipped, in_loki, in_clickhouse, verified } = self.lines;
        lines.row(["shipped", &shipped.to_string(), "the live hour, from files by log-shipper"]);
        lines.row(["in Loki", &in_loki.to_string(), self.kind("loki")]);
        lines.row(["in ClickHouse", &in_clickhouse.to_string(), self.kind("clickhouse")]);
        let verdict = if verified { "yes, by event id" } else { "NO" };
        lines.row(["equal", "", verdict]);
        out.table(&lines)?;
        out.line("")?;

        self.print_incidents(out)?;
        if self.keep {
            for (name, kind, url) in &self.engines {
                out.line(format_args!("{name} ({kind}): {url}"))?;
            }
        }
        out.line(format_args!("wall: {}", shown(&self.wall)))?;
        Ok(())
    }

    fn print_incidents(&self, out: &Output) -> anyhow::Result<()> {
        let (injected, others) = (self.found.incidents.len(), self.found.others.len());
        if self.made {
            let mut table = Table::new(["UTC", "host", "service", "injected", "found as"]);
            for (incident, hits) in &self.found.incidents {
                let mut kinds: Vec<&str> = hits.iter().map(|hit| hit.anomaly_type.as_str()).collect();
                kinds.dedup();
                let hit = if hits.is_empty() { "NOT FOUND".to_owned() } else { kinds.join(", ") };
                let what = format!("{}: {}", incident.kind, incident.story);
                table.row([&clock(incident.from), incident.host, incident.service, &what, &hit]);
            }
            out.table(&table)?;
            out.line(format_args!("{} of {injected} incidents found, {others} others", self.found.hits()))?;
        } else {
            out.line(format_args!(
                "{others} anomalies; a service is judged after three days, until then the wall shows its messages"
            ))?;
        }
        for other in &self.found.others {
            let (host, service, kind) = (&other.host, &other.service, &other.anomaly_type);
            let at = clock(i64::from(other.window_start) * SECOND);
            out.line(format_args!("  other: {at} {host} {service} {kind} (score {:.1})", other.score))?;
        }
        Ok(())
    }

    fn kind(&self, engine: &str) -> &'static str {
        self.engines.iter().find(|(name, _, _)| *name == engine).map_or("", |(_, kind, _)| kind)
    }

    fn document(&self) -> Value {
        let Comparison { shipped, in_loki, in_clickhouse, verified } = self.lines;
        let steps: Vec<_> = self
            .steps
            .iter()
            .map(
                |(name, took)| json!({ "name": name, "seconds": (took.as_secs_f64() * 10.0).round() / 10.0 }),
            )
            .collect();
        let engines: serde_json::Map<_, _> = self
            .engines
            .iter()
            .map(|(name, kind, url)| ((*name).to_owned(), json!({ "url": url, "kind": kind })))
            .collect();
        json!({
            "lines": { "shipped": shipped, "in_loki": in_loki, "in_clickhouse": in_clickhouse },
            "history": self.history,
            "verified": verified,
            "incidents": {
                "injected": self.found.incidents.len(),
                "found": self.found.hits(),
                "others": self.found.others.len(),
            },
            "steps": steps,
            "engines": engines,
            "wall": self.wall,
        })
    }
}

fn seconds(took: Duration) -> String {
    format!("{:7.1}", took.as_secs_f64())
}

/// Hours and minutes.
fn clock(ts: i64) -> String {
    rfc3339(ts).get(11..16).unwrap_or_default().to_owned()
}
