//! What this client has pushed to each stream: which of them Loki could reject now.
//!
//! Why it matters: in a request of several streams Loki reports the last stream's error only, so a stream
//! that could be rejected must travel alone (`Client::push`).

use crate::Limits;
use log_model::StreamLabels;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A stream that was quiet for so long may be gone from Loki's memory and be new to it
/// (`chunk_idle_period` is 30 min).
const FORGOTTEN_AFTER: Duration = Duration::from_mins(20);
/// Lines so far behind their stream's newest are near Loki's own line (1 h by default); nanoseconds.
const BEHIND_NS: i64 = 30 * 60 * 1_000_000_000;
/// Streams remembered; past it the quiet ones go. Loki allows 5000 per tenant by default.
const CAPACITY: usize = 20_000;

#[derive(Debug, Default)]
pub(crate) struct Tracker {
    streams: HashMap<StreamLabels, Seen>,
}

#[derive(Debug)]
struct Seen {
    newest_ts: i64,
    at: Instant,
    /// Bytes in Loki's token bucket for the stream, as far as we filled it.
    filled: f64,
}

impl Tracker {
    /// Whether Loki could reject lines of this stream from `first_ts` on, `bytes` of them.
    pub(crate) fn is_risky(
        &self,
        labels: &StreamLabels,
        first_ts: i64,
        bytes: usize,
        limits: &Limits,
        now: Instant,
    ) -> bool {
        let Some(seen) = self.streams.get(labels) else { return true };
        now.duration_since(seen.at) >= FORGOTTEN_AFTER
            || first_ts < seen.newest_ts.saturating_sub(BEHIND_NS)
            || seen.filled_at(now, limits) + bytes as f64 > limits.stream_burst as f64 / 2.0
    }

    /// Loki has stored these.
    pub(crate) fn delivered(
        &mut self,
        labels: &StreamLabels,
        last_ts: i64,
        bytes: usize,
        limits: &Limits,
        now: Instant,
    ) {
        if let Some(seen) = self.streams.get_mut(labels) {
            seen.filled = seen.filled_at(now, limits) + bytes as f64;
            seen.newest_ts = seen.newest_ts.max(last_ts);
            seen.at = now;
            return;
        }
        if self.streams.len() >= CAPACITY {
            self.streams.retain(|_, seen| now.duration_since(seen.at) < FORGOTTEN_AFTER);
        }
        if self.streams.len() < CAPACITY {
            self.streams.insert(labels.clone(), Seen { newest_ts: last_ts, at: now, filled: bytes as f64 });
        }
    }
}

impl Seen {
    fn filled_at(&self, now: Instant, limits: &Limits) -> f64 {
        (self.filled - now.duration_since(self.at).as_secs_f64() * limits.stream_rate as f64).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_NS: i64 = 3600 * 1_000_000_000;

    #[test]
    fn a_stream_is_risky_while_new_late_loud_or_long_quiet() {
        let (mut tracker, limits, now) = (Tracker::default(), Limits::default(), Instant::now());
        let labels = StreamLabels::from_iter([("host", "h")]);
        assert!(tracker.is_risky(&labels, 10 * HOUR_NS, 1, &limits, now), "new");
        tracker.delivered(&labels, 10 * HOUR_NS, 1 << 20, &limits, now);
        assert!(!tracker.is_risky(&labels, 10 * HOUR_NS, 1 << 20, &limits, now));
        assert!(tracker.is_risky(&labels, 9 * HOUR_NS, 1, &limits, now), "late");
        assert!(tracker.is_risky(&labels, 10 * HOUR_NS, 7 << 20, &limits, now), "loud");
        assert!(!tracker.is_risky(&labels, 10 * HOUR_NS, 7 << 20, &limits, now + Duration::from_secs(2)));
        assert!(tracker.is_risky(&labels, 10 * HOUR_NS, 1, &limits, now + FORGOTTEN_AFTER), "long quiet");
    }
}
