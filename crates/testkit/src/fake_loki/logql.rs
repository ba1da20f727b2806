//! The part of LogQL that is spoken here.
//!
//! ```text
//! {a="b", c!="d", e=~"f.*", g!~"h"} |= "x" != `y` |~ "re" !~ "re" | name="v" | name=~"v.*" | name >= 5
//!     | label_format since=`{{ sub (unixEpochNanos __timestamp__) 123 }}`
//! sum(count_over_time(… [5m]))    sum by (a, b) (count_over_time(… [5m]))
//! ```

use super::filter::{Matcher, Pipeline, Stage, Test};
use log_model::StreamLabels;
use regex::Regex;
use std::iter::Peekable;
use std::str::Chars;

/// A query of lines, or of their number.
pub(super) enum Query {
    Lines(Selection),
    Count { selection: Selection, range: i64, by: Vec<String> },
}

/// Which lines.
pub(super) struct Selection {
    pub(super) matchers: Vec<Matcher>,
    pub(super) pipeline: Pipeline,
}

/// Reads a query; the error is what Loki answers with 400.
pub(super) fn parse(query: &str) -> Result<Query, String> {
    let mut parser = Parser::new(query);
    let parsed = parser.query().and_then(|parsed| parser.end().map(|()| parsed));
    parsed.map_err(|problem| parser.error(&problem))
}

/// Reads a selector alone, as `match[]` has it.
pub(super) fn parse_selector(selector: &str) -> Result<Vec<Matcher>, String> {
    let mut parser = Parser::new(selector);
    let parsed = parser.selector().and_then(|parsed| parser.end().map(|()| parsed));
    parsed.map_err(|problem| parser.error(&problem))
}

/// Reads the labels of a stream: equalities only.
pub(super) fn parse_labels(labels: &str) -> Result<StreamLabels, String> {
    let mut parser = Parser::new(labels);
    let matchers = parser.matchers().and_then(|matchers| parser.end().map(|()| matchers));
    let matchers = matchers.map_err(|problem| parser.error(&problem))?;
    matchers
        .into_iter()
        .map(|Matcher { name, test }| match test {
            Test::Equal(value) => Ok((name, value)),
            _ => Err(format!("label {name} has no plain value")),
        })
        .collect()
}

struct Parser<'a> {
    text: &'a str,
    rest: Peekable<Chars<'a>>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, rest: text.chars().peekable() }
    }

    fn error(&self, problem: &str) -> String {
        let column = self.text.chars().count() - self.rest.clone().count() + 1;
        format!("parse error at line 1, col {column}: syntax error: {problem}")
    }

    fn query(&mut self) -> Result<Query, String> {
        if self.sees("{") {
            return Ok(Query::Lines(self.selection()?));
        }
        self.expect("sum")?;
        let mut by = self.by()?;
        self.expect("(")?;
        self.expect("count_over_time")?;
        self.expect("(")?;
        let selection = self.selection()?;
        self.expect("[")?;
        let range = self.duration()?;
        self.expect("]")?;
        self.expect(")")?;
        self.expect(")")?;
        if by.is_empty() {
            by = self.by()?;
        }
        Ok(Query::Count { selection, range, by })
    }

    fn by(&mut self) -> Result<Vec<String>, String> {
        let mut names = Vec::new();
        if self.take("by") {
            self.expect("(")?;
            while !self.take(")") {
                names.push(self.name()?);
                self.take(",");
            }
        }
        Ok(names)
    }

    fn selection(&mut self) -> Result<Selection, String> {
        let matchers = self.selector()?;
        let mut stages = Vec::new();
        while let Some(stage) = self.stage()? {
            stages.push(stage);
        }
        Ok(Selection { matchers, pipeline: Pipeline(stages) })
    }

    fn selector(&mut self) -> Result<Vec<Matcher>, String> {
        let matchers = self.matchers()?;
        if matchers.iter().all(|matcher| matcher.matches("")) {
            return Err("queries require at least one regexp or equality matcher that does not have an \
                        empty-compatible value. For instance, app=~\".*\" does not meet this requirement, but \
                        app=~\".+\" will"
                .to_owned());
        }
        Ok(matchers)
    }

    fn matchers(&mut self) -> Result<Vec<Matcher>, String> {
        self.expect("{")?;
        let mut matchers = Vec::new();
        while !self.take("}") {
            let name = self.name()?;
            let Some(op) = ["=~", "!~", "!=", "="].into_iter().find(|op| self.take(op)) else {
                return Err("unexpected operator, expecting = != =~ !~".to_owned());
            };
            let value = self.string()?;
            matchers.push(matcher(name, op, value)?);
            if !self.take(",") && !self.sees("}") {
                return Err("unexpected end, expecting , or }".to_owned());
            }
        }
        Ok(matchers)
    }

    fn stage(&mut self) -> Result<Option<Stage>, String> {
        for (op, wanted, is_regex) in
            [("|=", true, false), ("!=", false, false), ("|~", true, true), ("!~", false, true)]
        {
            if self.take(op) {
                let text = self.string()?;
                return Ok(Some(if is_regex {
                    Stage::Matches(regex(&text)?, wanted)
                } else {
                    Stage::Contains(text, wanted)
                }));
            }
        }
        if !self.take("|") {
            return Ok(None);
        }
        let name = self.name()?;
        if name == "label_format" {
            let name = self.name()?;
            self.expect("=")?;
            let template = self.string()?;
            return Ok(Some(Stage::Since { name, origin: since_origin(&template)? }));
        }
        let ops = ["=~", "!~", "!=", "==", ">=", "<=", "=", ">", "<"];
        let Some(op) = ops.into_iter().find(|op| self.take(op)) else {
            return Err(format!("the fake does not speak `| {name}`"));
        };
        self.blanks();
        if self.rest.peek().is_some_and(|c| *c == '"' || *c == '`') {
            let value = self.string()?;
            return Ok(Some(Stage::Label(matcher(name, op, value)?)));
        }
        let number = self.word(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | 'e'));
        let value = number.parse().map_err(|_| "expecting STRING or NUMBER".to_owned())?;
        Ok(Some(Stage::Number { name, op, value }))
    }

    /// Prometheus' durations, as LogQL has them in ranges: nothing finer than a millisecond.
    fn duration(&mut self) -> Result<i64, String> {
        let text = self.word(|c| c != ']');
        let mut rest = text.trim();
        let mut total: i64 = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let unit = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |n| digits + n);
            let nanos: i64 = match &rest[digits..unit] {
                "ms" => 1_000_000,
                "s" => 1_000_000_000,
                "m" => 60_000_000_000,
                "h" => 3_600_000_000_000,
                "d" => 86_400_000_000_000,
                "w" => 7 * 86_400_000_000_000,
                other => return Err(format!("unknown unit {other:?} in duration {text:?}")),
            };
            let number: i64 =
                rest[..digits].parse().map_err(|_| format!("not a valid duration: {text:?}"))?;
            total = number
                .checked_mul(nanos)
                .and_then(|n| total.checked_add(n))
                .ok_or("duration out of range")?;
            rest = &rest[unit..];
        }
        if total == 0 { Err("not a valid duration: it must be more than 0".to_owned()) } else { Ok(total) }
    }

    fn name(&mut self) -> Result<String, String> {
        self.blanks();
        let name = self.word(|c| c.is_ascii_alphanumeric() || c == '_');
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err("expecting IDENTIFIER".to_owned());
        }
        Ok(name)
    }

    /// A Go string: `"…"` with escapes, or raw between backquotes.
    fn string(&mut self) -> Result<String, String> {
        self.blanks();
        let open =
            self.rest.next_if(|c| *c == '"' || *c == '`').ok_or("unexpected $end, expecting STRING")?;
        let mut text = String::new();
        loop {
            match self.rest.next() {
                None => return Err("literal not terminated".to_owned()),
                Some(c) if c == open => return Ok(text),
                Some('\\') if open == '"' => text.push(self.escape()?),
                Some(c) => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let bad = || "invalid char escape".to_owned();
        let digits = match self.rest.next().ok_or_else(bad)? {
            'n' => return Ok('\n'),
            't' => return Ok('\t'),
            'r' => return Ok('\r'),
            c @ ('\\' | '"' | '\'') => return Ok(c),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => return Err(bad()),
        };
        let hex: String = self.rest.by_ref().take(digits).collect();
        u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32).ok_or_else(bad)
    }

    fn word(&mut self, of: impl Fn(char) -> bool) -> String {
        std::iter::from_fn(|| self.rest.next_if(|c| of(*c))).collect()
    }

    fn blanks(&mut self) {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {}
    }

    fn sees(&mut self, token: &str) -> bool {
        self.blanks();
        let mut ahead = self.rest.clone();
        token.chars().all(|c| ahead.next() == Some(c))
    }

    fn take(&mut self, token: &str) -> bool {
        let there = self.sees(token);
        if there {
            self.rest.by_ref().take(token.chars().count()).for_each(drop);
        }
        there
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(format!("expecting {token}")) }
    }

    fn end(&mut self) -> Result<(), String> {
        self.blanks();
        match self.rest.peek() {
            None => Ok(()),
            Some(c) => Err(format!("unexpected {c}")),
        }
    }
}

fn matcher(name: String, op: &str, value: String) -> Result<Matcher, String> {
    // Label conditions are about the whole value.
    let whole = |value: &str| regex(&format!("^(?s:{value})$"));
    let test = match op {
        "=" | "==" => Test::Equal(value),
        "!=" => Test::NotEqual(value),
        "=~" => Test::Regex(whole(&value)?),
        "!~" => Test::NotRegex(whole(&value)?),
        _ => return Err(format!("unexpected {op}, expecting NUMBER")),
    };
    Ok(Matcher { name, test })
}

fn regex(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|_| format!("error parsing regexp: {text}"))
}

/// The `123` of `{{ sub (unixEpochNanos __timestamp__) 123 }}`, the only template spoken here.
fn since_origin(template: &str) -> Result<i64, String> {
    template
        .trim()
        .strip_prefix("{{")
        .and_then(|inner| inner.strip_suffix("}}"))
        .and_then(|inner| inner.trim().strip_prefix("sub (unixEpochNanos __timestamp__) "))
        .and_then(|origin| origin.trim().parse().ok())
        .ok_or_else(|| format!("the fake does not speak the template {template:?}"))
}

#[cfg(test)]
mod tests {
    use super::super::store::Hit;
    use super::*;

    fn keeps(query: &str, line: &str, metadata: &[(&str, &str)]) -> bool {
        let Ok(Query::Lines(selection)) = parse(query) else { panic!("{query} is no query of lines") };
        let labels = StreamLabels::from_iter([("host", "h1"), ("service", "s\"1")]);
        let metadata: Vec<_> = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let hit = Hit { labels: &labels, ts: 1_000, line, metadata: &metadata };
        selection.matchers.iter().all(|m| m.matches(labels.get(&m.name))) && selection.pipeline.keeps(&hit)
    }

    #[test]
    fn selectors_and_filters_mean_what_loki_means() {
        for (query, expected) in [
            (r#"{host="h1"}"#, true),
            (r#"{host="h1", unit=""}"#, true),
            (r#"{host="h1", unit!=""}"#, false),
            (r#"{host=~"h"}"#, false),
            (r#"{host=~"h.|x"}"#, true),
            (r#"{service="s\"1"}"#, true),
            ("{service=`s\"1`, host!~`x.*`}", true),
            (r#"{host="h1"} |= "error" != "warn""#, true),
            (r#"{host="h1"} |~ "err.r" !~ `\d+`"#, true),
            (r#"{host="h1"} |= "warn""#, false),
            (r#"{host="h1"} | event_id=~"0a.*""#, true),
            (r#"{host="h1"} | event_id!~"0[0-9a-f].*""#, false),
            (r#"{host="h1"} | nothing!~"0[0-9a-f].*" | nothing="""#, true),
            (r#"{host="h1"} | status >= 500"#, true),
            (r#"{host="h1"} | status < 500"#, false),
            (
                "{host=\"h1\"} | label_format since=`{{ sub (unixEpochNanos __timestamp__) 1000 }}` | since >= 0",
                true,
            ),
            (
                "{host=\"h1\"} | label_format since=`{{ sub (unixEpochNanos __timestamp__) 1001 }}` | since >= 0",
                false,
            ),
        ] {
            assert_eq!(
                keeps(query, "an error", &[("event_id", "0a1b"), ("status", "502")]),
                expected,
                "{query}"
            );
        }
    }

    #[test]
    fn counts_have_a_range_and_groups() {
        for (query, range_ms, groups) in [
            (r#"sum(count_over_time({a="b"}[5m]))"#, 300_000, 0),
            (r#"sum by (host, service) (count_over_time({a="b"} |= "x" [1h30m]))"#, 5_400_000, 2),
            (r#"sum(count_over_time({a="b"}[7ms])) by (host)"#, 7, 1),
        ] {
            let Ok(Query::Count { range, by, .. }) = parse(query) else { panic!("{query}") };
            assert_eq!((range / 1_000_000, by.len()), (range_ms, groups), "{query}");
        }
    }

    #[test]
    fn what_loki_refuses_is_refused() {
        for bad in [
            "{",
            "{}",
            r#"{a=~".*"}"#,
            r#"{a=""}"#,
            r#"{a="b"} |= x"#,
            r#"{a="b"} | json"#,
            r#"{a="b"} extra"#,
            r#"sum(count_over_time({a="b"}[3ns]))"#,
            r#"sum(count_over_time({a="b"}))"#,
            r#"{a=~"("}"#,
        ] {
            assert!(parse(bad).is_err_and(|error| error.starts_with("parse error")), "{bad}");
        }
    }
}
