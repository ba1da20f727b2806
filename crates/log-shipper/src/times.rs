//! Which time a line is shipped with.

use log_model::time;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What becomes of the times in the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timestamps {
    /// As written.
    #[default]
    Keep,
    /// Moved so that the newest line of a file is now.
    Now,
    /// Moved so that the newest line of a file is at this time (ns).
    At(i64),
}

/// The text is none of `keep`, `now` and a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is neither keep, now, nor a time like 2026-09-21T10:00:00Z")]
pub struct UnknownTimestamps {
    found: String,
}

impl FromStr for Timestamps {
    type Err = UnknownTimestamps;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "keep" => Ok(Self::Keep),
            "now" => Ok(Self::Now),
            _ => time::parse(text).map(Self::At).ok_or_else(|| UnknownTimestamps { found: text.to_owned() }),
        }
    }
}

impl fmt::Display for Timestamps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep => f.pad("keep"),
            Self::Now => f.pad("now"),
            Self::At(ts) => f.pad(&time::rfc3339(*ts)),
        }
    }
}

/// Moves times: distances stay, or shrink alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    newest: i64,
    to: i64,
    scale: f64,
}

impl Shift {
    /// Changes nothing.
    pub const NONE: Self = Self { newest: 0, to: 0, scale: 1.0 };

    /// Moves lines between `oldest` and `newest` so that the newest is at `to`, and no line is older than
    /// `within` before it.
    pub fn new(oldest: i64, newest: i64, to: i64, within: Option<Duration>) -> Self {
        let span = newest.saturating_sub(oldest) as f64;
        let scale = match within {
            Some(within) if span > within.as_nanos() as f64 => within.as_nanos() as f64 / span,
            _ => 1.0,
        };
        Self { newest, to, scale }
    }

    /// The time to ship a line with.
    pub fn apply(&self, ts: i64) -> i64 {
        let before = self.newest.saturating_sub(ts);
        let before = if (self.scale - 1.0).abs() < f64::EPSILON {
            before
        } else {
            (before as f64 * self.scale).round() as i64
        };
        self.to.saturating_sub(before)
    }
}

/// Reads `90s`, `15m`, `6h` or `7d`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration like 90s, 15m, 6h or 7d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).filter(|s| *s > 0).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moved_lines_keep_their_distances_and_squeezed_ones_their_order() {
        let second = time::SECOND;
        let moved = Shift::new(0, 100 * second, 1_000 * second, None);
        assert_eq!([0, 40, 100].map(|s| moved.apply(s * second) / second), [900, 940, 1_000]);
        let squeezed = Shift::new(0, 100 * second, 1_000 * second, Some(Duration::from_secs(10)));
        assert_eq!([0, 40, 100].map(|s| squeezed.apply(s * second) / second), [990, 994, 1_000]);
        assert_eq!(Shift::NONE.apply(1_790_000_000_123_456_789), 1_790_000_000_123_456_789);
    }

    #[test]
    fn choices_read_back_and_wrong_ones_say_what_is_expected() {
        for choice in [Timestamps::Keep, Timestamps::Now, Timestamps::At(1_790_000_000_000_000_000)] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert!("soon".parse::<Timestamps>().unwrap_err().to_string().contains("2026-09-21T10:00:00Z"));
        assert_eq!(parse_duration("6h"), Ok(Duration::from_hours(6)));
        for wrong in ["", "6", "h", "0s", "1w", "-1s", "99999999999999999999d", "6é"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
