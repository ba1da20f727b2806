//! One JSON object a line, in the dialects of the usual logging libraries.

use super::LineContext;
use super::fields::{duration_ms, set_target, trace_id};
use crate::wire::metadata_name;
use crate::{Level, LogRecord, time};
use serde_json::{Map, Value};

/// Nesting beyond this is kept as JSON text in one attribute.
const MAX_DEPTH: usize = 4;

/// Attributes beyond this many stay in the line alone: Loki takes 128 metadata entries.
const MAX_ATTRS: usize = 100;

pub(super) fn parse(context: &LineContext<'_>, line: &str) -> Option<LogRecord> {
    if !line.trim_start().starts_with('{') {
        return None;
    }
    let Ok(Value::Object(object)) = serde_json::from_str(line) else {
        return None;
    };
    let mut record = context.record(line);
    flatten(&mut record, "", object, 1);
    Some(record)
}

fn flatten(record: &mut LogRecord, prefix: &str, object: Map<String, Value>, depth: usize) {
    for (key, value) in object {
        let name =
            if prefix.is_empty() { metadata_name(&key) } else { format!("{prefix}_{}", metadata_name(&key)) };
        match value {
            Value::Null => {}
            Value::Object(inner) if depth < MAX_DEPTH => flatten(record, &name, inner, depth + 1),
            Value::String(text) => take(record, name, text),
            other => take(record, name, other.to_string()),
        }
    }
}

/// Puts a value where its name says; what does not fit a column stays an attribute.
fn take(record: &mut LogRecord, name: String, text: String) {
    let taken = match name.to_ascii_lowercase().as_str() {
        "ts" | "time" | "timestamp" | "_timestamp" | "datetime" => {
            time::parse(&text).map(|ts| record.ts = ts)
        }
        "level" | "severity" | "lvl" | "loglevel" | "log_level" => {
            Level::parse(&text).map(|level| record.level = level)
        }
        "service" | "service_name" | "app" => (!text.is_empty()).then(|| record.service.clone_from(&text)),
        "status" | "status_code" | "http_status" | "http_response_status_code" => {
            text.parse().ok().map(|status| record.status = status)
        }
        "path" | "uri" | "url" | "request_uri" | "url_path" | "http_target" => {
            (text.starts_with('/') || text.contains("://")).then(|| set_target(record, &text))
        }
        "latency_ms" | "duration_ms" | "elapsed_ms" | "response_time_ms" | "took_ms" => {
            duration_ms(&text, 1.0).map(|ms| record.latency_ms = Some(ms))
        }
        "request_time" | "latency_s" | "duration_s" | "elapsed_s" => {
            duration_ms(&text, 1000.0).map(|ms| record.latency_ms = Some(ms))
        }
        // Without a unit nobody can tell what "latency": 12 means.
        "latency" | "duration" | "elapsed" if text.ends_with('s') => {
            duration_ms(&text, 1.0).map(|ms| record.latency_ms = Some(ms))
        }
        "trace_id" | "traceid" | "traceparent" | "trace" | "oteltraceid" => {
            trace_id(&text).map(|id| id.clone_into(&mut record.trace_id))
        }
        _ => None,
    };
    if taken.is_none() && record.attrs.len() < MAX_ATTRS {
        record.attrs.insert(name, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_one(line: &str) -> LogRecord {
        let context = LineContext { host: "h", service: "s", unit: "", received: 5 };
        parse(&context, line).unwrap()
    }

    #[test]
    fn columns_are_filled_and_the_rest_is_attributes() {
        let record = parse_one(
            r#"{"time":1790000000123,"level":50,"msg":"GET failed","status":502,"url":"https://a.b/c/d?q=1",
            "duration":"1.5s","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "user":{"id":7,"tags":["a","b"]},"none":null}"#,
        );
        assert_eq!(record.ts, 1_790_000_000_123_000_000);
        assert_eq!((record.level, record.status, record.latency_ms), (Level::Error, 502, Some(1500.0)));
        assert_eq!((record.path.as_str(), record.attrs["query"].as_str()), ("/c/d", "q=1"));
        assert_eq!(record.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(record.attrs["msg"], "GET failed");
        assert_eq!(
            (record.attrs["user_id"].as_str(), record.attrs["user_tags"].as_str()),
            ("7", r#"["a","b"]"#)
        );
        assert!(!record.attrs.contains_key("none"));
    }

    #[test]
    fn values_that_do_not_fit_stay_attributes() {
        let record =
            parse_one(r#"{"status":"-","latency_ms":"fast","level":"loud","ts":"soon","trace_id":"x"}"#);
        assert_eq!((record.ts, record.status, record.latency_ms), (5, 0, None));
        for name in ["status", "latency_ms", "level", "ts", "trace_id"] {
            assert!(record.attrs.contains_key(name), "{name}");
        }
    }
}
