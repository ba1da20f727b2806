//! Numbers, times and names as people read them.

use chrono::{DateTime, Utc};

/// The lower ends of the score's steps: six colours, six shades.
pub(super) const SCORE_STEPS: [f64; 6] = [1.0, 1.5, 2.5, 4.0, 8.0, 16.0];

/// The step of a score: 0 for none, 1 to 6.
pub(super) fn score_step(score: f64) -> usize {
    if score <= 0.0 {
        return 0;
    }
    SCORE_STEPS.iter().filter(|low| score >= **low).count().max(1)
}

/// An anomaly type as a title; an unknown one by its own name.
pub(super) fn title(kind: &str) -> String {
    let known = match kind {
        "traffic_spike" => "Traffic spike",
        "traffic_drop" => "Traffic drop",
        "error_burst" => "Error burst",
        "server_errors" => "Server errors",
        "latency" => "Slow responses",
        "slow_leak" => "Creeping slowness",
        "silence" => "Silence",
        "missed_job" => "Missed job",
        "host_silence" => "Silent host",
        "pipeline" => "No logs at all",
        "new_template" => "New error message",
        "template_surge" => "Message surge",
        _ => {
            let words = kind.replace('_', " ");
            let mut chars = words.chars();
            return chars.next().map_or_else(
                || "Anomaly".to_owned(),
                |first| first.to_uppercase().collect::<String>() + chars.as_str(),
            );
        }
    };
    known.to_owned()
}

/// A service on its host, where `*` stands for all.
pub(super) fn place(host: &str, service: &str) -> (String, String) {
    match (host, service) {
        ("*", "*") => ("all services".to_owned(), "all hosts".to_owned()),
        (host, "*") => ("all services".to_owned(), host.to_owned()),
        ("*", service) => (service.to_owned(), "all hosts".to_owned()),
        (host, service) => (service.to_owned(), host.to_owned()),
    }
}

/// A number with as many digits as one looks at: `0.25`, `12.1`, `412`, `1,240`.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 99.95 {
        return grouped(value.round() as i64);
    }
    let text = match size {
        s if s >= 9.95 || s == 0.0 => format!("{value:.1}"),
        s if s >= 0.095 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A whole number with thousands separated: `14,502`.
pub(super) fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if value < 0 {
        text.push('-');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and its noun, in the plural unless it is one.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        grouped(i64::try_from(count).unwrap_or(i64::MAX)),
        if count == 1 { "" } else { "s" }
    )
}

/// Seconds as a duration in its two biggest units: `45 s`, `20 min`, `1 h 5 min`, `3 d 2 h`.
pub(super) fn duration(seconds: i64) -> String {
    let two = |big: i64, unit: &str, small: i64, small_unit: &str| {
        if small == 0 { format!("{big} {unit}") } else { format!("{big} {unit} {small} {small_unit}") }
    };
    match seconds.max(0) {
        s @ 0..60 => format!("{s} s"),
        s @ 60..3600 => format!("{} min", s / 60),
        s @ 3600..86_400 => two(s / 3600, "h", s % 3600 / 60, "min"),
        s => two(s / 86_400, "d", s % 86_400 / 3600, "h"),
    }
}

/// How old something is, to the minute.
pub(super) fn age(seconds: i64) -> String {
    if seconds < 60 { "just now".to_owned() } else { format!("{} old", duration(seconds)) }
}

/// A stretch of time, roughly: `90 minutes`, `24 hours`, `7 days`.
pub(super) fn stretch(seconds: i64) -> String {
    match seconds {
        s if s < 6 * 3600 => format!("{} minutes", s / 60),
        s if s < 3 * 86_400 => format!("{} hours", (s + 1800) / 3600),
        s => format!("{} days", (s + 43_200) / 86_400),
    }
}

/// How many times as much: `34×`, `0.1×`; none when nothing was expected, or nothing was there.
pub(super) fn times(ratio: Option<f64>) -> Option<String> {
    ratio.filter(|ratio| *ratio > 0.0).map(|ratio| format!("{}×", number(ratio)))
}

/// The hour and minute.
pub(super) fn clock(time: DateTime<Utc>) -> String {
    time.format("%H:%M").to_string()
}

/// Day of the week and of the month.
pub(super) fn day(time: DateTime<Utc>) -> String {
    time.format("%a %-d %b").to_string()
}

/// Day, hour and minute.
pub(super) fn day_clock(time: DateTime<Utc>) -> String {
    time.format("%a %-d %b, %H:%M").to_string()
}

/// A span of time, with the day only where it is needed.
pub(super) fn span(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    if from.date_naive() == to.date_naive() {
        format!("{} – {}", day_clock(from), clock(to))
    } else {
        format!("{} – {}", day_clock(from), day_clock(to))
    }
}

/// At most `width` characters, the last one an ellipsis when something is missing.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_one_looks_at() {
        let shown: Vec<_> =
            [0.0, 0.02, 0.25, 3.0, 9.99, 12.14, 99.96, 412.0, 14502.4, -3.25].map(number).to_vec();
        assert_eq!(shown, ["0", "0.02", "0.25", "3", "10", "12.1", "100", "412", "14,502", "-3.25"]);
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(counted(1, "incident") + " " + &counted(2, "line"), "1 incident 2 lines");
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let shown: Vec<_> = [0, 59, 300, 3600, 4800, 86_400, 270_000, -5].map(duration).to_vec();
        assert_eq!(shown, ["0 s", "59 s", "5 min", "1 h", "1 h 20 min", "1 d", "3 d 3 h", "0 s"]);
    }

    #[test]
    fn every_score_has_its_step() {
        assert_eq!([0.0, 0.5, 1.0, 1.6, 2.5, 7.9, 8.0, 99.0].map(score_step), [0, 1, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn an_unknown_type_keeps_its_name() {
        assert_eq!(title("error_burst"), "Error burst");
        assert_eq!(title("odd_thing"), "Odd thing");
        assert_eq!(title(""), "Anomaly");
    }
}
