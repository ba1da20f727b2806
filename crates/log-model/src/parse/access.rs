//! Access logs in the combined format (nginx, Apache) and the error logs beside them.

use super::LineContext;
use super::fields::{duration_ms, set_target, trace_id};
use crate::{Level, LogRecord, time};
use chrono::DateTime;
use chrono::NaiveDateTime;

/// `addr - user [time] "request" status bytes ["referer" "agent" [request_time …]]`
pub(super) fn parse(context: &LineContext<'_>, line: &str) -> Option<LogRecord> {
    let (client, rest) = line.split_once(' ')?;
    let (who, rest) = rest.split_once(" [")?;
    let (stamp, rest) = rest.split_once("] \"")?;
    let ts = DateTime::parse_from_str(stamp, "%d/%b/%Y:%H:%M:%S %z").ok()?.timestamp_nanos_opt()?;
    let (request, rest) = quoted(rest)?;
    let mut words = rest.trim_start().splitn(3, ' ');
    let (status, bytes) = (words.next()?, words.next().unwrap_or("-"));
    let tail = words.next().unwrap_or("");

    let mut record = context.record(line);
    record.ts = ts;
    match status.parse::<u16>() {
        Ok(code) => {
            record.status = code;
            record.level = level_of_status(code);
        }
        Err(_) => attr(&mut record, "status", status),
    }
    attr(&mut record, "client", client);
    if let Some(user) = who.split_once(' ').map(|(_, user)| user).filter(|user| *user != "-") {
        attr(&mut record, "user", user);
    }
    attr(&mut record, "bytes", bytes);
    let mut parts = request.split(' ');
    if let (Some(method), Some(target)) = (parts.next(), parts.next()) {
        attr(&mut record, "method", method);
        set_target(&mut record, target);
    }
    extras(&mut record, tail);
    Some(record)
}

/// nginx has no level in its access log; the status says how bad it was.
fn level_of_status(status: u16) -> Level {
    match status {
        500..=599 => Level::Error,
        400..=499 => Level::Warning,
        _ => Level::Info,
    }
}

/// What may follow: referer, agent, then `$request_time` (seconds), `$msec` (epoch), a trace id, `name=value`.
fn extras(record: &mut LogRecord, tail: &str) {
    let mut rest = tail.trim_start();
    for name in ["referer", "agent"] {
        let Some((value, after)) = rest.strip_prefix('"').and_then(quoted) else { break };
        if value != "-" && !value.is_empty() {
            attr(record, name, value);
        }
        rest = after.trim_start();
    }
    for word in rest.split_ascii_whitespace() {
        let word = word.trim_matches('"');
        let (name, value) = word.split_once('=').unwrap_or(("", word));
        if let Some(id) = trace_id(value) {
            id.clone_into(&mut record.trace_id);
        } else if value.len() >= 14 && value.contains('.') && time::parse(value).is_some() {
            record.ts = time::parse(value).unwrap_or(record.ts);
        } else if matches!(name, "" | "rt" | "request_time")
            && value.contains('.')
            && record.latency_ms.is_none()
        {
            record.latency_ms = duration_ms(value, 1000.0);
        } else if !name.is_empty() {
            attr(record, &crate::wire::metadata_name(name), value);
        }
    }
}

/// nginx `2026/09/21 10:00:00 [error] 71#71: …` and Apache `[Mon Sep 21 10:00:00.12 2026] [core:error] …`.
pub(super) fn parse_error_log(context: &LineContext<'_>, line: &str) -> Option<LogRecord> {
    let (ts, level, message) = if let Some(rest) = line.strip_prefix('[') {
        let (stamp, rest) = rest.split_once("] [")?;
        let (level, message) = rest.split_once(']')?;
        let ts = ["%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S%.f %Y"]
            .into_iter()
            .find_map(|format| NaiveDateTime::parse_from_str(stamp, format).ok())?;
        (ts, level.rsplit(':').next()?, message)
    } else {
        let (stamp, rest) = line.split_once(" [")?;
        let (level, message) = rest.split_once(']')?;
        (NaiveDateTime::parse_from_str(stamp, "%Y/%m/%d %H:%M:%S").ok()?, level, message)
    };
    let level = Level::parse(level)?;
    let mut record = context.record(message.trim_start());
    record.ts = ts.and_utc().timestamp_nanos_opt()?;
    record.level = level;
    Some(record)
}

/// The text up to the closing quote, and what follows it. A backslash takes the next character along.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

fn attr(record: &mut LogRecord, name: &str, value: &str) {
    record.attrs.insert(name.to_owned(), value.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_one(line: &str) -> LogRecord {
        parse(&LineContext { host: "h", service: "nginx", unit: "", received: 0 }, line).unwrap()
    }

    #[test]
    fn a_combined_line_with_request_time_fills_the_columns() {
        let line = r#"192.0.2.7 - eva [21/Sep/2026:10:00:00 +0000] "GET /a/b?c=d HTTP/2.0" 502 157 "https://x/" "Moz \"q\"" 0.137"#;
        let record = parse_one(line);
        assert_eq!((record.status, record.level, record.latency_ms), (502, Level::Error, Some(137.0)));
        assert_eq!(record.path, "/a/b");
        assert_eq!(record.message, line);
        for (name, value) in [("client", "192.0.2.7"), ("user", "eva"), ("method", "GET"), ("query", "c=d")] {
            assert_eq!(record.attrs[name], value);
        }
    }

    #[test]
    fn optional_tails_are_told_apart() {
        let head = r#"::1 - - [21/Sep/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-""#;
        let record = parse_one(&format!(
            "{head} rt=0.002 1789984800.250 trace=4bf92f3577b34da6a3ce929d0e0e4736 upstream=10.0.0.1:80"
        ));
        assert_eq!((record.latency_ms, record.ts), (Some(2.0), 1_789_984_800_250_000_000));
        assert_eq!(record.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(record.attrs["upstream"], "10.0.0.1:80");
        assert_eq!(parse_one(head).latency_ms, None);
    }

    #[test]
    fn requests_that_are_not_http_are_still_lines() {
        let record =
            parse_one(r#"198.51.100.1 - - [21/Sep/2026:10:00:00 +0000] "\x16\x03\x01" 400 157 "-" "-""#);
        assert_eq!((record.status, record.level, record.path.as_str()), (400, Level::Warning, ""));
    }
}
