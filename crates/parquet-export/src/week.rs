//! ISO weeks in UTC: the unit of an export.

use chrono::{DateTime, Datelike, Days, IsoWeek, NaiveDate, NaiveTime, Utc, Weekday};
use std::fmt;
use std::str::FromStr;

/// An ISO 8601 week, Monday 00:00 to Monday 00:00 UTC. Written `2026-W46`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Week {
    monday: NaiveDate,
}

/// The text names no week.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no ISO week, expected one as in 2026-W46")]
pub struct ParseWeekError {
    found: String,
}

impl Week {
    /// The week that holds this day.
    pub fn containing(day: NaiveDate) -> Self {
        Self { monday: day - Days::new(u64::from(day.weekday().num_days_from_monday())) }
    }

    /// The newest week that has ended by `now`.
    pub fn last_closed(now: DateTime<Utc>) -> Self {
        Self { monday: Self::containing(now.date_naive()).monday - Days::new(7) }
    }

    /// Its seven days.
    pub fn days(self) -> impl Iterator<Item = NaiveDate> {
        self.monday.iter_days().take(7)
    }

    /// First nanosecond inside.
    pub fn start(self) -> i64 {
        day_start(self.monday)
    }

    /// First nanosecond after.
    pub fn end(self) -> i64 {
        day_start(self.monday + Days::new(7))
    }
}

/// The first nanosecond of a day, UTC. Saturates outside the years that an `i64` can hold (1677 to 2262).
pub fn day_start(day: NaiveDate) -> i64 {
    day.and_time(NaiveTime::MIN).and_utc().timestamp_nanos_opt().unwrap_or(if day.year() < 1970 {
        i64::MIN
    } else {
        i64::MAX
    })
}

impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let week: IsoWeek = self.monday.iso_week();
        write!(f, "{:04}-W{:02}", week.year(), week.week())
    }
}

impl FromStr for Week {
    type Err = ParseWeekError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (year, week) = text.split_once("-W")?;
            let digits = |s: &str, n| (s.len() == n && s.bytes().all(|b| b.is_ascii_digit())).then_some(());
            digits(year, 4).and(digits(week, 2))?;
            let monday = NaiveDate::from_isoywd_opt(year.parse().ok()?, week.parse().ok()?, Weekday::Mon)?;
            Some(Self { monday })
        };
        parse().ok_or_else(|| ParseWeekError { found: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_follow_iso_8601_over_new_year() {
        for (day, week) in [
            ("2026-11-22", "2026-W47"),
            ("2026-11-23", "2026-W48"),
            ("2027-01-03", "2026-W53"),
            ("2027-01-04", "2027-W01"),
            ("2024-12-30", "2025-W01"),
        ] {
            let found = Week::containing(day.parse().unwrap());
            assert_eq!(found.to_string(), week, "{day}");
            assert_eq!(week.parse(), Ok(found));
        }
        for bad in ["2026-46", "2026-W54", "2026-W00", "26-W01", "2026-W1", "2026-W+1"] {
            assert!(bad.parse::<Week>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_week_is_closed_when_the_next_one_has_begun() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(Week::last_closed(at("2026-11-22T23:59:59Z")).to_string(), "2026-W46");
        assert_eq!(Week::last_closed(at("2026-11-23T00:00:00Z")).to_string(), "2026-W47");
        let week: Week = "2026-W46".parse().unwrap();
        assert_eq!(week.end() - week.start(), 7 * 86_400 * 1_000_000_000);
        assert_eq!(week.days().count(), 7);
    }
}
