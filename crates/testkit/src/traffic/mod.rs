//! Believable traffic of a home lab, for tests and the demo.
//!
//! Two hosts and a router: a web server with applications behind it, daemons that write to the
//! journal, jobs by the clock, firewall and leases; with daily and weekly rhythm, slow drift, noise,
//! rare harmless lines, deployments and a small share of errors. The last hour has incidents in it,
//! whose list is the ground truth.
//!
//! Everything follows from a seed and a time, which are arguments: the same ones give the same lines.
//! History lines go through the same parsers as shipped ones, so that both look alike to a detector.

mod fleet;
mod incident;
mod lines;
mod rng;
mod scene;
mod season;
mod source;

pub use incident::Incident;
pub use scene::SourceLine;
pub use season::UTC_OFFSET_MINUTES;
pub use source::Source;

use fleet::{Rhythm, SERVICES, Service};
use incident::Effect;
use log_model::parse::{LineContext, parse_line};
use log_model::time::{DAY, HOUR, MINUTE};
use log_model::{EventId, LogRecord, Window};
use rng::Rng;
use scene::Scene;

/// What to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The same seed gives the same traffic.
    pub seed: u64,
    /// Now: the live hour ends at the last whole five minutes before it (ns).
    pub now: i64,
    /// Days of history before the live hour.
    pub days: u32,
}

/// History, live hour and ground truth.
#[derive(Debug, Clone)]
pub struct Traffic {
    seed: u64,
    live_from: i64,
    days: u32,
    incidents: Vec<(Incident, Effect)>,
}

/// The lines of one source in the live hour, in order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveFile {
    /// Which source.
    pub source: Source,
    /// Its lines, without line ends.
    pub lines: Vec<SourceLine>,
}

impl LiveFile {
    /// The file's content.
    pub fn content(&self) -> String {
        self.lines.iter().flat_map(|line| [line.text.as_str(), "\n"]).collect()
    }
}

impl Traffic {
    /// Plans the traffic; lines are made when they are asked for.
    pub fn new(settings: Settings) -> Self {
        let live_to = Window::containing(settings.now).start();
        let live_from = live_to - HOUR;
        let incidents = incident::plan(settings.seed, live_from, live_to);
        Self { seed: settings.seed, live_from, days: settings.days, incidents }
    }

    /// First nanosecond of the live hour, which is the first one after the history.
    pub fn live_from(&self) -> i64 {
        self.live_from
    }

    /// First nanosecond after the live hour.
    pub fn live_to(&self) -> i64 {
        self.live_from + HOUR
    }

    /// First nanosecond of the history.
    pub fn history_from(&self) -> i64 {
        self.live_from - i64::from(self.days) * DAY
    }

    /// What goes wrong in the live hour, in order of time. Each is on another service.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.iter().map(|(incident, _)| incident)
    }

    /// The history, a UTC day (or what of it belongs to the history) at a time, each in order of time.
    pub fn history(&self) -> impl Iterator<Item = Vec<LogRecord>> + '_ {
        let (from, to) = (self.history_from(), self.live_from);
        let first_day = from.div_euclid(DAY);
        (first_day..=(to - 1).div_euclid(DAY)).map(move |day| {
            let lines = self.lines(from.max(day * DAY), to.min((day + 1) * DAY));
            lines.iter().enumerate().map(|(n, line)| history_record(line, day as u64, n as u64)).collect()
        })
    }

    /// The live hour as files.
    pub fn live(&self) -> Vec<LiveFile> {
        let lines = self.lines(self.live_from, self.live_to());
        Source::ALL
            .into_iter()
            .map(|source| {
                let lines = lines.iter().filter(|line| line.source == source).cloned().collect();
                LiveFile { source, lines }
            })
            .collect()
    }

    /// All lines in `[from, to)`, in order of time.
    fn lines(&self, from: i64, to: i64) -> Vec<SourceLine> {
        let mut lines = Vec::new();
        for (index, service) in SERVICES.iter().enumerate() {
            let mut minute = from.div_euclid(MINUTE) * MINUTE;
            while minute < to {
                self.minute(index as u64, service, minute, &mut lines);
                minute += MINUTE;
            }
        }
        lines.extend(self.deploys().flat_map(|at| deploy(self.seed, at)));
        // The lines of one event may run over the edge.
        lines.retain(|line| from <= line.ts && line.ts < to);
        lines.sort_by_key(|line| line.ts);
        lines
    }

    fn minute(&self, index: u64, service: &Service, minute: i64, out: &mut Vec<SourceLine>) {
        let mut rng = Rng::keyed(&[self.seed, index, minute as u64]);
        let effect = self.effect(service, minute);
        let events = match service.rhythm {
            Rhythm::Random { per_minute, season } => {
                let drift = season::drift(self.seed, index, minute, 0.1);
                rng.poisson(per_minute * season.at(minute) * drift * effect.rate)
            }
            Rhythm::Even { per_minute } => (per_minute * effect.rate + rng.f64()) as u32,
            Rhythm::Job { period, offset } => {
                u32::from(effect.rate > 0.0 && (minute / MINUTE - offset).rem_euclid(period) == 0)
            }
        };
        let job = matches!(service.rhythm, Rhythm::Job { .. });
        for _ in 0..events {
            let within = if job { rng.range(0, 3_000) * 1_000_000 } else { rng.range(0, MINUTE as u64) };
            let ts = minute + within as i64;
            (service.write)(&mut Scene { rng: &mut rng, ts, effect: &effect, out });
        }
        if let Some(trouble) = service.trouble {
            for _ in 0..rng.poisson(effect.trouble) {
                let ts = minute + rng.range(0, MINUTE as u64) as i64;
                trouble(&mut Scene { rng: &mut rng, ts, effect: &effect, out });
            }
        }
    }

    fn effect(&self, service: &Service, ts: i64) -> Effect {
        self.incidents
            .iter()
            .find(|(incident, _)| {
                incident.host == service.host
                    && incident.service == service.name
                    && incident.from <= ts
                    && ts < incident.to
            })
            .map_or(Effect::NONE, |(_, effect)| *effect)
    }

    /// Times at which homeMachine got a new generation: every few days, and right before the errors of
    /// the application that it broke.
    fn deploys(&self) -> impl Iterator<Item = i64> + '_ {
        let history = (0..i64::from(self.days)).filter_map(|day| {
            let mut rng = Rng::keyed(&[self.seed, day as u64, 0x00de_b10f]);
            rng.chance(0.25).then(|| self.history_from() + day * DAY + rng.range(0, DAY as u64 - 1) as i64)
        });
        let live = self.incidents().filter(|i| i.kind == "error_burst").map(|i| i.from - MINUTE / 2);
        history.chain(live)
    }
}

fn deploy(seed: u64, at: i64) -> Vec<SourceLine> {
    let mut out = Vec::new();
    let mut rng = Rng::keyed(&[seed, at as u64, 0x00de_b10e]);
    lines::home::deploy(&mut Scene { rng: &mut rng, ts: at, effect: &Effect::NONE, out: &mut out });
    out
}

/// The record that shipping the line would have made.
fn history_record(line: &SourceLine, day: u64, n: u64) -> LogRecord {
    let source = line.source;
    let context = LineContext { host: source.host(), service: source.service(), unit: "", received: line.ts };
    let mut record = parse_line(source.format(), &context, &line.text);
    record.event_id = EventId::from_source(source.host(), "history", day << 32 | n, 0);
    record
}

#[cfg(test)]
mod tests;
