//! Values that several formats share.

use crate::LogRecord;

/// Sets path, and the query string as an attribute, from a request target.
pub(super) fn set_target(record: &mut LogRecord, target: &str) {
    let target = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    path.clone_into(&mut record.path);
    if !query.is_empty() {
        record.attrs.insert("query".to_owned(), query.to_owned());
    }
}

/// The trace id in a W3C `traceparent` (`00-<32 hex>-<16 hex>-<2 hex>`) or standing alone.
/// All zeros is the specification's "none".
pub(super) fn trace_id(text: &str) -> Option<&str> {
    let id = match text.as_bytes() {
        [_, _, b'-', rest @ ..] if rest.len() >= 32 => text.get(3..35)?,
        _ => text,
    };
    let valid = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) && id.bytes().any(|b| b != b'0');
    valid.then_some(id)
}

/// A duration with a unit ("12ms", "1.5s", "250µs") in milliseconds; without one it is in `bare_ms`
/// milliseconds each.
pub(super) fn duration_ms(text: &str, bare_ms: f64) -> Option<f32> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let factor = match text[unit_at..].trim() {
        "" => bare_ms,
        "ns" => 1e-6,
        "us" | "µs" | "μs" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        "m" | "min" => 6e4,
        _ => return None,
    };
    let ms = text[..unit_at].parse::<f64>().ok()? * factor;
    (ms.is_finite() && ms >= 0.0).then_some(ms as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_with_and_without_unit_are_milliseconds() {
        for (text, ms) in
            [("12ms", 12.0), ("1.5s", 1500.0), ("250µs", 0.25), ("0.25", 250.0), ("1 s", 1000.0)]
        {
            assert_eq!(duration_ms(text, 1000.0), Some(ms), "{text}");
        }
        for text in ["", "-", "fast", "12 parsecs", "nan", "-1"] {
            assert_eq!(duration_ms(text, 1.0), None, "{text}");
        }
    }

    #[test]
    fn trace_ids_are_found_bare_and_in_traceparent() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id(id), Some(id));
        assert_eq!(trace_id(&format!("00-{id}-00f067aa0ba902b7-01")), Some(id));
        for none in ["", "abc", &"0".repeat(32), "00-zz"] {
            assert_eq!(trace_id(none), None, "{none}");
        }
    }
}
