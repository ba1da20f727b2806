//! Waiting between attempts: doubling, with jitter, bounded in number.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Attempts before Loki counts as away. With the delays below: about three seconds of patience.
const ATTEMPTS: u32 = 5;
/// First delay.
const BASE: Duration = Duration::from_millis(150);
/// Longest delay, also when the server asks for more.
const CAP: Duration = Duration::from_secs(5);

/// Counts failed attempts in a row.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failed: u32,
}

impl Backoff {
    /// Something worked: the next failure is a first one again.
    pub(crate) fn reset(&mut self) {
        self.failed = 0;
    }

    /// How long to wait before the next attempt, `None` when it is time to give up.
    pub(crate) fn next(&mut self, asked_for: Option<Duration>) -> Option<Duration> {
        self.failed += 1;
        if self.failed >= ATTEMPTS {
            return None;
        }
        let full = BASE * 2u32.pow(self.failed - 1);
        // Between half and all of it, so that many shippers do not come back at the same moment.
        let jittered = full / 2 + full / 2 * (noise() % 1000) / 1000;
        Some(asked_for.unwrap_or_default().max(jittered).min(CAP))
    }
}

/// The standard library's only source of randomness; plenty for jitter.
fn noise() -> u32 {
    RandomState::new().build_hasher().finish() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_end() {
        let mut backoff = Backoff::default();
        let delays: Vec<_> = std::iter::from_fn(|| backoff.next(None)).collect();
        assert_eq!(delays.len(), 4);
        assert!(delays[0] >= BASE / 2 && delays[3] <= BASE * 8, "{delays:?}");
        assert!(delays[3] > delays[0]);
        backoff.reset();
        assert_eq!(backoff.next(Some(Duration::from_hours(1))), Some(CAP));
    }
}
