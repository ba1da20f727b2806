//! Waiting between attempts: exponential, with jitter, and longer when the server asks for it.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime};

/// The waits of one series of attempts. Bounded from above, endless in number: when to give up is the caller's choice
/// (see [`retry`]).
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    max: Duration,
    attempt: u32,
    random: u64,
}

/// How one attempt failed.
#[derive(Debug)]
pub enum Attempt<E> {
    /// Trying again can help, not before `retry_after` if the server named one.
    Retry {
        /// What went wrong.
        error: E,
        /// The server's `Retry-After`, see [`retry_after`].
        retry_after: Option<Duration>,
    },
    /// Trying again cannot help.
    Fatal(E),
}

/// A server's `Retry-After` is followed up to here. One that asks for more is broken or hostile.
pub const MAX_RETRY_AFTER: Duration = Duration::from_mins(10);

impl Backoff {
    /// Waits that start around `base`, double each time and never pass `max`.
    pub fn new(base: Duration, max: Duration) -> Self {
        Self::seeded(base, max, RandomState::new().hash_one(std::process::id()))
    }

    /// The same with a fixed seed of the jitter, for reproducible tests.
    pub fn seeded(base: Duration, max: Duration, seed: u64) -> Self {
        Self { base, max, attempt: 0, random: seed | 1 }
    }

    /// How many waits were handed out since the start or the last [`Backoff::reset`].
    pub fn attempts(&self) -> u32 {
        self.attempt
    }

    /// Starts over, after a success.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }

    /// How long to wait before the next attempt: between half and all of `base * 2^attempt` (at most `max`), so that
    /// many clients do not come back at once; and at least `retry_after`.
    pub fn next_delay(&mut self, retry_after: Option<Duration>) -> Duration {
        let full = self.base.saturating_mul(1u32.checked_shl(self.attempt).unwrap_or(u32::MAX)).min(self.max);
        self.attempt = self.attempt.saturating_add(1);
        let jittered = full.mul_f64(0.5 + 0.5 * self.random_unit());
        match retry_after {
            // The jitter goes on top: coming early is what the server asked us not to do.
            Some(asked) => asked.min(MAX_RETRY_AFTER) + jittered.min(self.base),
            None => jittered,
        }
    }

    /// A number in 0..1 (xorshift64*; nothing here needs better randomness).
    fn random_unit(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Tries until it succeeds, fails for good, or has failed `attempts` times; then returns the last error.
pub async fn retry<T, E, F>(
    mut backoff: Backoff,
    attempts: u32,
    mut operation: impl FnMut() -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<T, Attempt<E>>>,
{
    loop {
        match operation().await {
            Ok(value) => return Ok(value),
            Err(Attempt::Fatal(error)) => return Err(error),
            Err(Attempt::Retry { error, .. }) if backoff.attempts() + 1 >= attempts => return Err(error),
            Err(Attempt::Retry { retry_after, .. }) => {
                tokio::time::sleep(backoff.next_delay(retry_after)).await;
            }
        }
    }
}

/// Reads a `Retry-After` header: seconds, or an HTTP date. A date in the past is zero; nonsense is none.
pub fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = SystemTime::from(chrono::DateTime::parse_from_rfc2822(header).ok()?);
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tokio::time::Instant;

    const BASE: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(5);

    #[test]
    fn doubles_with_jitter_and_stays_below_the_maximum() {
        for seed in 0..200 {
            let mut backoff = Backoff::seeded(BASE, MAX, seed);
            for attempt in 0..80 {
                let delay = backoff.next_delay(None);
                let full = BASE.saturating_mul(1 << attempt.min(20)).min(MAX);
                assert!(delay >= full / 2 && delay <= full, "attempt {attempt}: {delay:?} of {full:?}");
            }
        }
    }

    #[test]
    fn two_clients_do_not_wait_alike() {
        assert_ne!(Backoff::new(BASE, MAX).next_delay(None), Backoff::new(BASE, MAX).next_delay(None));
    }

    #[test]
    fn never_earlier_than_the_server_asked_and_never_absurdly_late() {
        let mut backoff = Backoff::seeded(BASE, MAX, 7);
        let asked = Duration::from_secs(30);
        let delay = backoff.next_delay(Some(asked));
        assert!(delay >= asked && delay <= asked + BASE, "{delay:?}");
        assert!(backoff.next_delay(Some(Duration::MAX)) <= MAX_RETRY_AFTER + BASE);
    }

    #[test]
    fn a_reset_starts_over() {
        let mut backoff = Backoff::seeded(BASE, MAX, 7);
        for _ in 0..10 {
            backoff.next_delay(None);
        }
        backoff.reset();
        assert!(backoff.next_delay(None) <= BASE);
    }

    #[tokio::test(start_paused = true)]
    async fn retries_until_success_and_waits_in_between() {
        let start = Instant::now();
        let calls = Cell::new(0);
        let result: Result<&str, &str> = retry(Backoff::seeded(BASE, MAX, 1), 10, || {
            calls.set(calls.get() + 1);
            async {
                match calls.get() {
                    1 => Err(Attempt::Retry { error: "busy", retry_after: Some(Duration::from_secs(20)) }),
                    2 => Err(Attempt::Retry { error: "busy", retry_after: None }),
                    _ => Ok("done"),
                }
            }
        })
        .await;
        assert_eq!((result, calls.get()), (Ok("done"), 3));
        let waited = start.elapsed();
        assert!(waited >= Duration::from_secs(20) && waited <= Duration::from_millis(20_400), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn gives_the_last_error_after_the_last_attempt_and_does_not_wait_for_nothing() {
        let start = Instant::now();
        let calls = Cell::new(0);
        let result: Result<(), u32> = retry(Backoff::seeded(BASE, MAX, 1), 3, || {
            calls.set(calls.get() + 1);
            let error = calls.get();
            async move { Err(Attempt::Retry { error, retry_after: None }) }
        })
        .await;
        assert_eq!(result, Err(3));
        assert!(start.elapsed() <= Duration::from_millis(300));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fatal_error_ends_it_at_once() {
        let result: Result<(), &str> =
            retry(Backoff::new(BASE, MAX), 9, || async { Err(Attempt::Fatal("no")) }).await;
        assert_eq!(result, Err("no"));
    }

    #[test]
    fn reads_both_forms_of_retry_after() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(retry_after(" 120 ", now), Some(Duration::from_mins(2)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now), Some(Duration::from_mins(1)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }
}
