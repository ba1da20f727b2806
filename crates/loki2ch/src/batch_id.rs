//! Numbers of batches.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since the epoch, as the wall clock has them.
pub(crate) fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

/// A number that no earlier batch of this process has, and none of an earlier one: microseconds since
/// the epoch. They ascend, which the column's codec likes. Two copies into one database that meet on the
/// same microsecond are told apart by the count-back.
pub(crate) fn next() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = now_us() as u64;
    let last = LAST.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(now.max(last + 1)));
    now.max(last.unwrap_or(0) + 1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_ascend_even_within_a_microsecond() {
        let ids: Vec<u64> = (0..1000).map(|_| super::next()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
