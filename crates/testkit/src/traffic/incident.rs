//! What goes wrong in the live hour: the ground truth.

use super::rng::Rng;
use super::source::{DESKTOP, HOME, ROUTER};
use log_model::WINDOW_NS;
use log_model::time::MINUTE;
use serde::Serialize;

/// Something that an operator would want to hear of, and where and when it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// Host that it is on.
    pub host: &'static str,
    /// Service that it is about.
    pub service: &'static str,
    /// What kind of trouble; the words of `logs.anomalies.anomaly_type`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// First nanosecond.
    pub from: i64,
    /// First nanosecond after.
    pub to: i64,
    /// What happened, for people.
    pub story: &'static str,
}

/// How an incident changes a service while it lasts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Effect {
    /// Factor on the number of events; 0 is silence.
    pub(super) rate: f64,
    /// Share of events that fail on top of the usual ones.
    pub(super) errors: f64,
    /// Factor on latency.
    pub(super) latency: f64,
    /// Events a minute of the service's own kind of trouble, which its writer knows.
    pub(super) trouble: f64,
}

impl Effect {
    pub(super) const NONE: Self = Self { rate: 1.0, errors: 0.0, latency: 1.0, trouble: 0.0 };
}

struct Script {
    host: &'static str,
    service: &'static str,
    kind: &'static str,
    story: &'static str,
    /// Five-minute windows that it lasts.
    windows: i64,
    effect: Effect,
}

const SCRIPTS: [Script; 10] = [
    Script {
        host: HOME,
        service: "photo-api",
        kind: "error_burst",
        story: "a new build cannot get database connections",
        windows: 4,
        // Clients try again.
        effect: Effect { errors: 0.6, rate: 3.0, ..Effect::NONE },
    },
    Script {
        host: HOME,
        service: "bookshelf",
        kind: "latency",
        story: "a query lost its index",
        windows: 5,
        effect: Effect { latency: 12.0, ..Effect::NONE },
    },
    Script {
        host: HOME,
        service: "nginx",
        kind: "server_errors",
        story: "an upstream refuses connections, every third answer is a 502",
        windows: 4,
        effect: Effect { errors: 0.35, trouble: 1.0, ..Effect::NONE },
    },
    Script {
        host: HOME,
        service: "home-assistant",
        kind: "silence",
        story: "the process hangs and logs nothing",
        windows: 7,
        effect: Effect { rate: 0.0, ..Effect::NONE },
    },
    Script {
        host: HOME,
        service: "postgres",
        kind: "new_template",
        story: "the disk is full, said in words never seen before",
        windows: 4,
        effect: Effect { trouble: 2.0, ..Effect::NONE },
    },
    Script {
        host: HOME,
        service: "sshd",
        kind: "template_surge",
        story: "a botnet guesses passwords",
        windows: 3,
        effect: Effect { trouble: 25.0, ..Effect::NONE },
    },
    Script {
        host: ROUTER,
        service: "firewall",
        kind: "traffic_spike",
        story: "a port scan",
        windows: 3,
        effect: Effect { rate: 45.0, ..Effect::NONE },
    },
    Script {
        host: DESKTOP,
        service: "sanoid",
        kind: "missed_job",
        story: "the snapshot timer does not fire twice",
        windows: 6,
        effect: Effect { rate: 0.0, ..Effect::NONE },
    },
    Script {
        host: DESKTOP,
        service: "feed-reader",
        kind: "traffic_spike",
        story: "retries without a pause",
        windows: 4,
        effect: Effect { trouble: 14.0, ..Effect::NONE },
    },
    Script {
        host: DESKTOP,
        service: "jellyfin",
        kind: "new_template",
        story: "the graphics driver is gone, said in words never seen before",
        windows: 4,
        effect: Effect { trouble: 1.5, ..Effect::NONE },
    },
];

/// All incidents of the live hour, each with its effect, in order of time.
pub(super) fn plan(seed: u64, live_from: i64, live_to: i64) -> Vec<(Incident, Effect)> {
    let windows = (live_to - live_from) / WINDOW_NS;
    let mut rng = Rng::keyed(&[seed, 0x1_dc1d]);
    let mut planned: Vec<_> = SCRIPTS
        .iter()
        .map(|script| {
            // Some quiet at the start, and two windows at the end for what shows late.
            let first = if script.kind == "missed_job" {
                // From right after a quarter past until right before the one after the next.
                live_from + aligned_to_quarter(live_from, rng.range(0, 2) as i64)
            } else {
                live_from + rng.range(1, (windows - 2 - script.windows + 1) as u64) as i64 * WINDOW_NS
            };
            let incident = Incident {
                host: script.host,
                service: script.service,
                kind: script.kind,
                from: first,
                to: first + script.windows * WINDOW_NS,
                story: script.story,
            };
            (incident, script.effect)
        })
        .collect();
    planned.sort_by_key(|(incident, _)| (incident.from, incident.service));
    planned
}

/// Distance from `from` to a multiple of fifteen minutes, at least five minutes away, or the quarter after it.
fn aligned_to_quarter(from: i64, later: i64) -> i64 {
    let quarter = 15 * MINUTE;
    let first = (from + WINDOW_NS + quarter - 1).div_euclid(quarter) * quarter;
    first - from + if first - from + quarter * (later + 2) <= 55 * MINUTE { later * quarter } else { 0 }
}
