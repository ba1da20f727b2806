//! How a record travels through Loki: labels, line, structured metadata.
//!
//! [`to_loki`] and [`from_loki`] are inverse for our own lines, but for attributes with an empty value,
//! which Loki does not keep. A line of another
//! shipper maps as well as it can: what fits a column goes there, everything else
//! to `attrs`, and a value that does not parse (`status` of "-", a latency of
//! "nan") stays in `attrs` with the column empty, so that no line can fail a batch.

use crate::{Entry, EventId, Level, LogRecord, StreamLabels, is_loki_addition};

const EVENT_ID: &str = "event_id";
const PATH: &str = "path";
const STATUS: &str = "status";
const LATENCY: &str = "latency_ms";
const TRACE: &str = "trace_id";

/// An attribute whose name is taken by a column travels under this prefix.
const ATTR_PREFIX: &str = "attr_";

/// The stream and the entry that carry this record.
pub fn to_loki(record: &LogRecord) -> (StreamLabels, Entry) {
    let mut labels = StreamLabels::default();
    for (name, value) in [("host", &record.host), ("service", &record.service), ("unit", &record.unit)] {
        if !value.is_empty() {
            labels.0.insert(name.to_owned(), value.clone());
        }
    }
    labels.0.insert("level".to_owned(), record.level.as_str().to_owned());

    let mut metadata = vec![(EVENT_ID.to_owned(), record.event_id.to_string())];
    let mut put = |name: &str, value: String| metadata.push((name.to_owned(), value));
    if !record.path.is_empty() {
        put(PATH, record.path.clone());
    }
    if record.status != 0 {
        put(STATUS, record.status.to_string());
    }
    if let Some(latency) = record.latency_ms {
        put(LATENCY, latency.to_string());
    }
    if !record.trace_id.is_empty() {
        put(TRACE, record.trace_id.clone());
    }
    // Loki drops an empty value by itself.
    for (name, value) in record.attrs.iter().filter(|(_, value)| !value.is_empty()) {
        let name = metadata_name(name);
        let name = if needs_prefix(&name) { format!("{ATTR_PREFIX}{name}") } else { name };
        put(&name, value.clone());
    }
    (labels, Entry { ts: record.ts, line: record.message.clone(), metadata })
}

/// The record that an entry of a stream means.
pub fn from_loki(labels: &StreamLabels, entry: &Entry) -> LogRecord {
    let mut record = LogRecord::new(entry.ts, "", "", entry.line.clone());
    for (name, value) in &labels.0 {
        match name.as_str() {
            "host" => record.host.clone_from(value),
            "service" => record.service.clone_from(value),
            "unit" => record.unit.clone_from(value),
            "level" => set_level(&mut record, value),
            name if is_loki_addition(name) => {}
            name => {
                record.attrs.insert(name.to_owned(), value.clone());
            }
        }
    }
    let mut event_id = None;
    for (name, value) in &entry.metadata {
        let kept = match name.as_str() {
            EVENT_ID => value.parse().map(|id| event_id = Some(id)).is_ok(),
            PATH => set(&mut record.path, value),
            TRACE => set(&mut record.trace_id, value),
            STATUS => value.parse().map(|status| record.status = status).is_ok(),
            LATENCY => match value.parse::<f32>() {
                Ok(latency) if latency.is_finite() && latency >= 0.0 => {
                    record.latency_ms = Some(latency);
                    true
                }
                _ => false,
            },
            "level" if !labels.0.contains_key("level") => {
                set_level(&mut record, value);
                true
            }
            name => is_loki_addition(name),
        };
        if !kept {
            let name = name.strip_prefix(ATTR_PREFIX).filter(|name| needs_prefix(name)).unwrap_or(name);
            record.attrs.insert(name.to_owned(), value.clone());
        }
    }
    record.event_id =
        event_id.unwrap_or_else(|| EventId::from_entry(labels, entry.ts, &entry.line, &entry.metadata));
    record
}

fn set(field: &mut String, value: &str) -> bool {
    value.clone_into(field);
    true
}

fn set_level(record: &mut LogRecord, text: &str) {
    match Level::parse(text) {
        Some(level) => record.level = level,
        None if text.is_empty() => {}
        None => {
            record.attrs.insert("level_raw".to_owned(), text.to_owned());
        }
    }
}

/// Names that mean something else on the wire; prefixed ones among them, so that the prefix comes off again.
fn needs_prefix(name: &str) -> bool {
    matches!(name, EVENT_ID | PATH | STATUS | LATENCY | TRACE | "host" | "service" | "unit" | "level")
        || is_loki_addition(name)
        || name.starts_with(ATTR_PREFIX)
}

/// Loki keeps `[a-zA-Z_][a-zA-Z0-9_]*` and rewrites everything else; we do it first, so that both ends agree.
pub fn metadata_name(name: &str) -> String {
    let mut out: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if out.is_empty() || out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert(0, '_');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_comes_back_as_it_went(
            ts in any::<i64>(), host in "[a-z]{1,8}", service in "[a-z]{0,8}", unit in "[a-z.@-]{0,12}",
            level in 0usize..9, message in any::<String>(), path in "(/[a-z]{1,5}){0,3}", status in any::<u16>(),
            latency in proptest::option::of(0.0f32..1e6), trace in "([0-9a-f]{32})?", id in any::<u128>(),
            attrs in proptest::collection::btree_map("(attr_){0,2}(path|level|[a-z_]{1,10})", ".{1,20}", 0..6),
        ) {
            let record = LogRecord { ts, host, service, unit, level: Level::ALL[level], message, path, status,
                latency_ms: latency, trace_id: trace, attrs, event_id: EventId(id) };
            let (labels, entry) = to_loki(&record);
            prop_assert_eq!(from_loki(&labels, &entry), record);
        }
    }

    fn foreign(metadata: &[(&str, &str)]) -> LogRecord {
        let labels = StreamLabels::from_iter([("job", "promtail"), ("host", "h"), ("level", "WARN")]);
        let metadata = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        from_loki(&labels, &Entry { ts: 7, line: "x".to_owned(), metadata })
    }

    #[test]
    fn bad_values_of_other_shippers_land_in_attrs() {
        let record = foreign(&[("status", "-"), ("latency_ms", "nan"), ("detected_level", "warn")]);
        assert_eq!((record.status, record.latency_ms, record.level), (0, None, Level::Warning));
        assert_eq!(record.attrs["status"], "-");
        assert_eq!(record.attrs["latency_ms"], "nan");
        assert_eq!(record.attrs["job"], "promtail");
        assert!(!record.attrs.contains_key("detected_level"));
        assert_ne!(record.event_id, EventId::NONE);
    }

    #[test]
    fn an_unknown_level_is_info_and_kept() {
        let labels = StreamLabels::from_iter([("level", "loud")]);
        let record = from_loki(&labels, &Entry { ts: 0, line: String::new(), metadata: Vec::new() });
        assert_eq!((record.level, record.attrs["level_raw"].as_str()), (Level::Info, "loud"));
    }
}
