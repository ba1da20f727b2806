//! Five-minute windows: the unit in which completeness is proven.

use crate::time::rfc3339;
use std::fmt;

/// Length of a window: five minutes, in nanoseconds.
pub const WINDOW_NS: i64 = 5 * 60 * 1_000_000_000;

/// Five aligned minutes, half-open: `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    start: i64,
}

impl Window {
    /// The window that holds this time (nanoseconds since the epoch).
    pub const fn containing(ts: i64) -> Self {
        Self { start: ts.div_euclid(WINDOW_NS) * WINDOW_NS }
    }

    /// First nanosecond inside.
    pub const fn start(self) -> i64 {
        self.start
    }

    /// First nanosecond after.
    pub const fn end(self) -> i64 {
        self.start + WINDOW_NS
    }

    /// The window that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { start: self.start + WINDOW_NS }
    }

    /// Whether the time lies inside.
    pub const fn contains(self, ts: i64) -> bool {
        self.start <= ts && ts < self.end()
    }

    /// All windows that lie wholly or partly in `[from, to)`, in order.
    pub fn range(from: i64, to: i64) -> impl Iterator<Item = Self> + Clone {
        std::iter::successors((from < to).then(|| Self::containing(from)), |w| Some(w.next()))
            .take_while(move |w| w.start < to)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = rfc3339(self.end());
        write!(f, "{}..{}", rfc3339(self.start), &end[11..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_every_touched_window_once() {
        let w = |n: i64| Window { start: n * WINDOW_NS };
        assert_eq!(Window::range(0, WINDOW_NS).collect::<Vec<_>>(), [w(0)]);
        assert_eq!(Window::range(1, WINDOW_NS + 1).collect::<Vec<_>>(), [w(0), w(1)]);
        assert_eq!(Window::range(-1, 1).collect::<Vec<_>>(), [w(-1), w(0)]);
        assert_eq!(Window::range(5, 5).count(), 0);
    }

    #[test]
    fn reads_as_a_time_range() {
        let w = Window::containing(1_767_323_000_000_000_000);
        assert_eq!(w.to_string(), "2026-01-02T03:00:00Z..03:05:00Z");
        assert!(w.contains(w.start()) && !w.contains(w.end()));
    }
}
