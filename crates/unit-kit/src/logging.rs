//! Where log lines go: to the journal with their fields when systemd connected stderr to it, else to stderr as text.
//!
//! Structured values of a line (`log::info!(window = "…", rows = 3; "imported")`) become journal fields `WINDOW=`,
//! `ROWS=`; on stderr they are printed behind the message as `window=… rows=3`.

use crate::progress::above_bars;
use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use systemd_journal_logger::{JournalLog, connected_to_journal};

/// Libraries that narrate every connection at debug: below a warning they are heard at `trace` only.
const CHATTY: &[&str] =
    &["h2", "hyper", "hyper_util", "reqwest", "rustls", "object_store", "mio", "tokio_util"];

struct Logger {
    sink: Sink,
    level: LevelFilter,
}

enum Sink {
    Journal(JournalLog),
    Stderr { colour: bool },
}

/// Installs the logger of the process. A second call changes nothing (tests run many tools in one process).
pub(crate) fn install(tool: &str, level: LevelFilter) {
    let journal = if connected_to_journal() { JournalLog::empty().ok() } else { None };
    let sink = match journal {
        Some(journal) => Sink::Journal(journal.with_syslog_identifier(tool.to_owned())),
        None => Sink::Stderr { colour: colour_on_stderr() },
    };
    if log::set_boxed_logger(Box::new(Logger { sink, level })).is_ok() {
        log::set_max_level(level);
    }
}

/// On a terminal, unless `NO_COLOR` is set and not empty (<https://no-color.org>).
pub(crate) fn colour_on(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

pub(crate) fn colour_on_stderr() -> bool {
    colour_on(&std::io::stderr())
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= limit(self.level, metadata.target())
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match &self.sink {
            Sink::Journal(journal) => journal.log(record),
            Sink::Stderr { colour } => {
                let line = format_line(record, *colour);
                above_bars(|| {
                    // There is nowhere left to report that stderr is gone.
                    let _ = std::io::stderr().lock().write_all(line.as_bytes());
                });
            }
        }
    }

    fn flush(&self) {}
}

fn limit(level: LevelFilter, target: &str) -> LevelFilter {
    let krate = target.split("::").next().unwrap_or(target);
    if level < LevelFilter::Trace && CHATTY.contains(&krate) { level.min(LevelFilter::Warn) } else { level }
}

fn format_line(record: &Record<'_>, colour: bool) -> String {
    let (name, code) = match record.level() {
        Level::Error => ("error", "31"),
        Level::Warn => ("warn", "33"),
        Level::Info => ("info", "32"),
        Level::Debug => ("debug", "36"),
        Level::Trace => ("trace", "90"),
    };
    let mut line = String::with_capacity(128);
    // Writing to a String cannot fail.
    let _ = if colour { write!(line, "\x1b[{code}m{name}\x1b[0m") } else { write!(line, "{name}") };
    let _ = write!(line, " {}: {}", record.target(), record.args());
    let _ = record.key_values().visit(&mut Append(&mut line));
    line.push('\n');
    line
}

struct Append<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for Append<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let value = value.to_string();
        let _ = if value.is_empty() || value.contains(char::is_whitespace) {
            write!(self.0, " {key}={value:?}")
        } else {
            write!(self.0, " {key}={value}")
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_level_target_message_and_fields() {
        let fields = [("window", "2026-01-02T03:00Z"), ("why", "two words")];
        let record = Record::builder()
            .level(Level::Warn)
            .target("loki2ch::sync")
            .args(format_args!("short read"))
            .key_values(&fields)
            .build();
        let plain = "warn loki2ch::sync: short read window=2026-01-02T03:00Z why=\"two words\"\n";
        assert_eq!(format_line(&record, false), plain);
        assert!(format_line(&record, true).starts_with("\x1b[33mwarn\x1b[0m loki2ch::sync"));
    }

    #[test]
    fn connection_chatter_is_heard_at_trace_only() {
        assert_eq!(limit(LevelFilter::Debug, "hyper::client"), LevelFilter::Warn);
        assert_eq!(limit(LevelFilter::Error, "hyper::client"), LevelFilter::Error);
        assert_eq!(limit(LevelFilter::Trace, "hyper::client"), LevelFilter::Trace);
        assert_eq!(limit(LevelFilter::Debug, "hyperloglog"), LevelFilter::Debug);
    }
}
