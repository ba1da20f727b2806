//! Keeps a record within what Loki takes, so that one odd line is stored and not refused.
//!
//! The line itself is never touched: what is cut here is a copy of something that stands in it.

use log_model::LogRecord;

/// A service name longer than this is data; Loki refuses label values above 2,048 bytes.
const MAX_NAME: usize = 128;
/// Longest path in the column.
const MAX_PATH: usize = 4096;
/// Most bytes of all attributes; Loki takes 64 KB of structured metadata a line.
const MAX_ATTR_BYTES: usize = 40 * 1024;
/// Most attributes; Loki takes 128 entries a line.
const MAX_ATTRS: usize = 100;

/// Cuts what is too long. `service` is used where the line's own name cannot be a label.
pub fn fit(record: &mut LogRecord, service: &str) {
    for (name, value, instead) in
        [("service_raw", &mut record.service, service), ("host_raw", &mut record.host, "unknown")]
    {
        if value.len() > MAX_NAME || value.chars().any(char::is_control) {
            let mut raw = std::mem::replace(value, instead.to_owned());
            cut(&mut raw, MAX_PATH);
            record.attrs.insert(name.to_owned(), raw);
        }
    }
    if record.path.len() > MAX_PATH {
        cut(&mut record.path, MAX_PATH);
        record.attrs.insert("path_cut".to_owned(), "true".to_owned());
    }
    let weight = |(name, value): (&String, &String)| name.len() + value.len();
    let mut left_out = 0;
    while record.attrs.len() > MAX_ATTRS || record.attrs.iter().map(weight).sum::<usize>() > MAX_ATTR_BYTES {
        let heaviest = record.attrs.iter().max_by_key(|attr| weight(*attr)).map(|(name, _)| name.clone());
        let Some(name) = heaviest else { break };
        record.attrs.remove(&name);
        left_out += 1;
    }
    if left_out > 0 {
        record.attrs.insert("attrs_left_out".to_owned(), left_out.to_string());
    }
}

fn cut(text: &mut String, limit: usize) {
    let end = (0..=limit.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_huge_fields_keeps_its_text_and_the_fields_that_fit() {
        let message = format!(r#"{{"service":"{}","a":"{}","b":"1"}}"#, "s".repeat(300), "a".repeat(60_000));
        let mut record = LogRecord::new(1, "h", "s".repeat(300), message.clone());
        record.path = "é".repeat(5_000);
        record.attrs = [("a".to_owned(), "a".repeat(60_000)), ("b".to_owned(), "1".to_owned())].into();
        fit(&mut record, "app");
        assert_eq!((record.message, record.service.as_str()), (message, "app"));
        assert_eq!(record.attrs["service_raw"].len(), 300);
        assert_eq!((record.attrs["b"].as_str(), record.attrs["attrs_left_out"].as_str()), ("1", "1"));
        assert!(record.path.len() <= MAX_PATH);
    }
}
