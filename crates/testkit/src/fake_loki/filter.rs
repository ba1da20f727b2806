//! Which lines a query keeps: conditions on labels, filters on lines and metadata.

use super::store::Hit;
use regex::Regex;

/// A condition on one label.
#[derive(Debug)]
pub(super) struct Matcher {
    pub(super) name: String,
    pub(super) test: Test,
}

/// What a label's value has to be; a regex is about the whole of it.
#[derive(Debug)]
pub(super) enum Test {
    Equal(String),
    NotEqual(String),
    Regex(Regex),
    NotRegex(Regex),
}

/// Filters, in order.
#[derive(Debug, Default)]
pub(super) struct Pipeline(pub(super) Vec<Stage>);

/// One filter.
#[derive(Debug)]
pub(super) enum Stage {
    Contains(String, bool),
    Matches(Regex, bool),
    Label(Matcher),
    Number {
        name: String,
        op: &'static str,
        value: f64,
    },
    /// The entry's time minus an origin, as a label.
    Since {
        name: String,
        origin: i64,
    },
}

impl Matcher {
    pub(super) fn matches(&self, value: &str) -> bool {
        match &self.test {
            Test::Equal(text) => text == value,
            Test::NotEqual(text) => text != value,
            Test::Regex(regex) => regex.is_match(value),
            Test::NotRegex(regex) => !regex.is_match(value),
        }
    }
}

impl Pipeline {
    /// Whether the line passes every filter.
    pub(super) fn keeps(&self, hit: &Hit<'_>) -> bool {
        let mut made: Vec<(&str, String)> = Vec::new();
        self.0.iter().all(|stage| match stage {
            Stage::Contains(text, wanted) => hit.line.contains(text) == *wanted,
            Stage::Matches(regex, wanted) => regex.is_match(hit.line) == *wanted,
            Stage::Label(matcher) => matcher.matches(value(hit, &made, &matcher.name)),
            Stage::Number { name, op, value: bound } => {
                value(hit, &made, name).parse::<f64>().is_ok_and(|number| match *op {
                    ">=" => number >= *bound,
                    ">" => number > *bound,
                    "<=" => number <= *bound,
                    "<" => number < *bound,
                    "!=" => (number - bound).abs() > 0.0,
                    _ => (number - bound).abs() <= 0.0,
                })
            }
            Stage::Since { name, origin } => {
                made.push((name, (hit.ts - origin).to_string()));
                true
            }
        })
    }
}

fn value<'a>(hit: &Hit<'a>, made: &'a [(&str, String)], name: &str) -> &'a str {
    let made = made.iter().rev().find(|(n, _)| *n == name).map(|(_, value)| value.as_str());
    let metadata = || hit.metadata.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    made.or_else(metadata).unwrap_or_else(|| hit.labels.get(name))
}
