//! Lines to records.
//!
//! A parser never drops a line: what it does not understand stays in the message,
//! and a line that is not of the announced format is shipped raw with the
//! attribute `parse_error`.

mod access;
mod fields;
mod json;
mod plain;
mod syslog;

use crate::LogRecord;
use std::fmt;
use std::str::FromStr;

/// How the lines of a source look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// Found out line by line.
    #[default]
    Auto,
    /// Text, with a time and a level in front if there are any.
    Plain,
    /// nginx or Apache access log: combined, optionally with `$request_time` or `$msec` behind; error log lines too.
    Nginx,
    /// One JSON object a line.
    Json,
    /// Syslog: RFC 5424, RFC 3164 with or without priority, `RouterOS`.
    Syslog,
}

impl Format {
    /// All formats, for help texts.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Plain, Self::Nginx, Self::Json, Self::Syslog];

    /// The name in configurations and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Plain => "plain",
            Self::Nginx => "nginx",
            Self::Json => "json",
            Self::Syslog => "syslog",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format {found:?}, expected one of auto, plain, nginx, json, syslog")]
pub struct UnknownFormat {
    found: String,
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| UnknownFormat { found: text.to_owned() })
    }
}

/// What is known of a line before it is read.
#[derive(Debug, Clone, Copy)]
pub struct LineContext<'a> {
    /// Host of the source; a syslog header may name another.
    pub host: &'a str,
    /// Service to assume when the line names none.
    pub service: &'a str,
    /// Unit to assume; may be empty.
    pub unit: &'a str,
    /// When the line arrived (ns): its time if it has none, and what a date without year is near to.
    pub received: i64,
}

impl LineContext<'_> {
    fn record(&self, message: &str) -> LogRecord {
        let mut record = LogRecord::new(self.received, self.host, self.service, message);
        self.unit.clone_into(&mut record.unit);
        record
    }
}

/// Reads a line (without its line end). The record has no event id yet.
pub fn parse_line(format: Format, context: &LineContext<'_>, line: &str) -> LogRecord {
    let parsed = match format {
        Format::Auto => return guess(context, line),
        Format::Plain => return plain::parse(context, line),
        Format::Nginx => access::parse(context, line).or_else(|| access::parse_error_log(context, line)),
        Format::Json => json::parse(context, line),
        Format::Syslog => syslog::parse(context, line),
    };
    parsed.unwrap_or_else(|| {
        let mut record = plain::parse(context, line);
        record.attrs.insert("parse_error".to_owned(), format!("not a {format} line"));
        record
    })
}

fn guess(context: &LineContext<'_>, line: &str) -> LogRecord {
    json::parse(context, line)
        .or_else(|| access::parse(context, line))
        .or_else(|| access::parse_error_log(context, line))
        .or_else(|| syslog::parse(context, line))
        .unwrap_or_else(|| plain::parse(context, line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Level, time};
    use proptest::prelude::*;

    const NOW: i64 = 1_790_000_000 * time::SECOND;

    fn context() -> LineContext<'static> {
        LineContext { host: "box", service: "app", unit: "app.service", received: NOW }
    }

    fn auto(line: &str) -> LogRecord {
        parse_line(Format::Auto, &context(), line)
    }

    #[test]
    fn every_kind_of_line_is_recognised() {
        let at = |text: &str| time::parse(text).unwrap();
        for (line, service, level, ts) in [
            (
                r#"{"ts":"2026-09-21T10:00:00Z","level":"warn","msg":"disk at 91%","service":"photo-api"}"#,
                "photo-api",
                Level::Warning,
                at("2026-09-21T10:00:00Z"),
            ),
            (
                r#"10.0.0.7 - - [21/Sep/2026:10:00:00 +0900] "GET /a?b=c HTTP/1.1" 503 12 "-" "curl/8" 0.250"#,
                "app",
                Level::Error,
                at("2026-09-21T01:00:00Z"),
            ),
            (
                "2026/09/21 10:00:00 [error] 71#71: *5 connect() failed (111: Connection refused)",
                "app",
                Level::Error,
                at("2026-09-21T10:00:00Z"),
            ),
            (
                "[Mon Sep 21 10:00:00 2026] [notice] workerEnv.init() ok",
                "app",
                Level::Notice,
                at("2026-09-21T10:00:00Z"),
            ),
            (
                "<34>1 2026-09-21T10:00:00.5Z web su 71 ID47 - 'su root' failed",
                "su",
                Level::Critical,
                at("2026-09-21T10:00:00.5Z"),
            ),
            (
                "Sep 21 10:00:00 combo sshd(pam_unix)[19939]: authentication failure; logname= uid=0",
                "sshd",
                Level::Info,
                at("2026-09-21T10:00:00Z"),
            ),
            (
                "firewall,warning drop input: in:ether1 out:(unknown 0), proto UDP",
                "firewall",
                Level::Warning,
                NOW,
            ),
            ("2026-09-21T10:00:00Z ERROR cannot open index", "app", Level::Error, at("2026-09-21T10:00:00Z")),
            ("just words", "app", Level::Info, NOW),
        ] {
            let record = auto(line);
            assert_eq!((record.service.as_str(), record.level, record.ts), (service, level, ts), "{line}");
        }
    }

    #[test]
    fn a_line_of_the_wrong_format_is_kept_raw_and_marked() {
        for format in [Format::Json, Format::Nginx, Format::Syslog] {
            let record = parse_line(format, &context(), "no such thing");
            assert_eq!(record.message, "no such thing");
            assert_eq!(record.attrs["parse_error"], format!("not a {format} line"));
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_parser(line in ".{0,200}", n in 0usize..5) {
            parse_line(Format::ALL[n], &context(), &line);
        }

        #[test]
        fn damaged_lines_break_no_parser(cut in 0usize..120, n in 0usize..5) {
            for line in [
                r#"{"ts":"2026-09-21T10:00:00Z","level":"warn","msg":"disk","a":{"b":[1,2]},"status":"é"}"#,
                r#"10.0.0.7 - - [21/Sep/2026:10:00:00 +0900] "GET /a?b=c HTTP/1.1" 503 12 "-" "cé" 0.250"#,
                r#"<34>1 2026-09-21T10:00:00Z web su 71 ID47 [a@1 b="é\"]"] text"#,
            ] {
                let cut: String = line.chars().take(cut).collect();
                parse_line(Format::ALL[n], &context(), &cut);
            }
        }
    }
}
