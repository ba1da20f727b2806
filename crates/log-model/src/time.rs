//! Nanosecond times to text and back. UTC throughout.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};

/// One second in nanoseconds.
pub const SECOND: i64 = 1_000_000_000;
/// One minute in nanoseconds.
pub const MINUTE: i64 = 60 * SECOND;
/// One hour in nanoseconds.
pub const HOUR: i64 = 60 * MINUTE;
/// One day in nanoseconds.
pub const DAY: i64 = 24 * HOUR;

/// RFC 3339 in UTC, with as many digits after the second as the time has (none, 3, 6 or 9).
pub fn rfc3339(ts: i64) -> String {
    DateTime::from_timestamp_nanos(ts).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Reads a time that a person or a program wrote: RFC 3339 (also with a blank for the `T`, a comma for
/// the decimal point, or no zone, which means UTC), a date alone, or seconds, milliseconds,
/// microseconds or nanoseconds since the epoch, told apart by their size.
///
/// `None` if it is none of these or outside the years that an `i64` of nanoseconds can hold.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.starts_with(|c: char| c.is_ascii_digit()) && text.contains('-') {
        return parse_calendar(text);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 19 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    let unit = match whole.len() {
        ..=11 => SECOND,
        12..=14 => 1_000_000,
        15..=17 => 1_000,
        _ => 1,
    };
    let below: i64 = format!("{fraction:0<9.9}").parse().ok()?;
    number.checked_mul(unit)?.checked_add(below / (SECOND / unit))
}

fn parse_calendar(text: &str) -> Option<i64> {
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_nanos_opt();
    }
    let text = text.replace(',', ".");
    if let Ok(time) = DateTime::parse_from_rfc3339(&text) {
        return time.timestamp_nanos_opt();
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f %z", "%Y-%m-%d %H:%M:%S%.f%z"] {
        if let Ok(time) = DateTime::parse_from_str(&text, format) {
            return time.timestamp_nanos_opt();
        }
    }
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
        .into_iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text.trim_end_matches('Z'), format).ok())?
        .and_utc()
        .timestamp_nanos_opt()
}

/// Gives a date without a year the year that puts it nearest to `reference` (nanoseconds).
pub fn nearest_year(month: u32, day: u32, hms: (u32, u32, u32), reference: i64) -> Option<i64> {
    let year = {
        use chrono::Datelike;
        DateTime::<Utc>::from_timestamp_nanos(reference).year()
    };
    (year - 1..=year + 1)
        .filter_map(|y| {
            NaiveDate::from_ymd_opt(y, month, day)?
                .and_hms_opt(hms.0, hms.1, hms.2)?
                .and_utc()
                .timestamp_nanos_opt()
        })
        .min_by_key(|ts| ts.abs_diff(reference))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_of_one_moment_is_the_same_moment() {
        let moment = 1_790_000_000_123_000_000;
        for text in [
            "2026-09-21T14:13:20.123Z",
            "2026-09-21 14:13:20.123",
            "2026-09-21 14:13:20,123",
            "2026-09-21T23:13:20.123+09:00",
            "2026-09-21T23:13:20.123+0900",
            "2026-09-21 23:13:20.123 +0900",
            "1790000000.123",
            "1790000000123",
            "1790000000123000",
            "1790000000123000000",
        ] {
            assert_eq!(parse(text), Some(moment), "{text}");
        }
        assert_eq!(parse("2026-09-21"), Some(1_789_948_800 * SECOND));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in
            ["", "soon", "2026-13-01", "12:00", "1e9", "99999999999999999999", "-5", "2026-09-21T25:00:00Z"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_without_year_lands_next_to_its_reference() {
        let new_year = parse("2027-01-01T00:10:00Z").unwrap();
        assert_eq!(nearest_year(12, 31, (23, 59, 0), new_year), parse("2026-12-31T23:59:00Z"));
        assert_eq!(nearest_year(1, 1, (0, 11, 0), new_year), parse("2027-01-01T00:11:00Z"));
        assert_eq!(nearest_year(2, 30, (0, 0, 0), new_year), None);
    }
}
