//! Text lines: a time and a level in front, if there are any.

use super::LineContext;
use crate::{Level, LogRecord, time};

/// How many words from the start may hold the level.
const LEVEL_WITHIN: usize = 4;

pub(super) fn parse(context: &LineContext<'_>, line: &str) -> LogRecord {
    let mut record = context.record(line);
    let rest = match leading_time(line) {
        Some((ts, rest)) => {
            record.ts = ts;
            rest
        }
        None => line,
    };
    if let Some(level) = leading_level(rest) {
        record.level = level;
    }
    record
}

/// The time at the start of the line: one word or two, perhaps in brackets.
fn leading_time(line: &str) -> Option<(i64, &str)> {
    let trimmed = line.trim_start_matches('[');
    if !trimmed.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut ends = trimmed
        .char_indices()
        .filter(|(_, c)| c.is_ascii_whitespace() || *c == ']')
        .map(|(at, _)| at)
        .chain([trimmed.len()]);
    let first = ends.next()?;
    let two = ends.next().map(|end| &trimmed[..end]);
    let one = &trimmed[..first];
    [two, Some(one)]
        .into_iter()
        .flatten()
        .filter(|text| text.contains('-') || text.len() >= 10)
        .find_map(|text| Some((time::parse(text)?, &trimmed[text.len()..])))
}

/// A level written as such: in capitals, in brackets, followed by a colon, or as `level=…`.
fn leading_level(text: &str) -> Option<Level> {
    text.split_ascii_whitespace().take(LEVEL_WITHIN).find_map(|word| {
        if let Some(value) = word.strip_prefix("level=").or_else(|| word.strip_prefix("lvl=")) {
            return Level::parse(value);
        }
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let marked = word.starts_with('[')
            || word.ends_with(':')
            || (bare.len() > 3 && bare.bytes().all(|b| b.is_ascii_uppercase()));
        (marked && bare.len() > 2 && !bare.starts_with(|c: char| c.is_ascii_digit()))
            .then(|| Level::parse(bare))
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_count_only_where_they_are_written_as_levels() {
        for (line, level) in [
            ("ERROR: disk full", Level::Error),
            ("warning: 3 tests skipped", Level::Warning),
            ("[debug] cache warm", Level::Debug),
            ("2026-09-21 10:00:00,123 - WARN - slow", Level::Warning),
            ("ts=1 level=error msg=x", Level::Error),
            ("found 0 errors in run", Level::Info),
            ("no error here", Level::Info),
            ("info about 3 things", Level::Info),
        ] {
            let context = LineContext { host: "h", service: "s", unit: "", received: 0 };
            assert_eq!(parse(&context, line).level, level, "{line}");
        }
    }
}
