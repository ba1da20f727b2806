//! Stream labels, entries, and the rules that keep the number of streams small.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// The labels that a stream has, all of them and no other.
pub const LABELS: [&str; 4] = ["host", "service", "unit", "level"];

/// Labels of a Loki stream, sorted by name. `Display` is the `LogQL` selector form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamLabels(pub BTreeMap<String, String>);

impl StreamLabels {
    /// The label's value, "" when it is not there (Loki treats the two alike).
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for StreamLabels {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Display for StreamLabels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (n, (name, value)) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={}", quote(value))?;
        }
        f.write_str("}")
    }
}

/// A text as a double-quoted `LogQL` string.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// One entry of a stream: what Loki stores.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Nanoseconds since the epoch, UTC.
    pub ts: i64,
    /// The line.
    pub line: String,
    /// Structured metadata, name and value.
    pub metadata: Vec<(String, String)>,
}

/// Whether Loki adds this label or metadata name by itself, so that it is no part of what was pushed.
pub fn is_loki_addition(name: &str) -> bool {
    matches!(name, "service_name" | "detected_level") || (name.starts_with("__") && name.ends_with("__"))
}

/// Makes a systemd unit name fit for a label: transient units, template instances, session numbers
/// and container ids would each make a new stream.
///
/// ```
/// # use log_model::normalise_unit;
/// assert_eq!(normalise_unit("session-42.scope"), "session.scope");
/// assert_eq!(normalise_unit("getty@tty1.service"), "getty@.service");
/// assert_eq!(normalise_unit("nginx.service"), "nginx.service");
/// ```
pub fn normalise_unit(unit: &str) -> String {
    let Some((stem, kind)) = unit.rsplit_once('.') else {
        return unit.to_owned();
    };
    if !matches!(
        kind,
        "service" | "scope" | "slice" | "mount" | "socket" | "timer" | "device" | "target" | "path" | "swap"
    ) {
        return unit.to_owned();
    }
    if let Some((template, _instance)) = stem.split_once('@') {
        return format!("{template}@.{kind}");
    }
    let transient = ["run-", "session-", "docker-", "libpod-", "crio-", "cri-containerd-"];
    if let Some(prefix) = transient.into_iter().find(|prefix| stem.starts_with(prefix))
        && (kind == "scope" || kind == "service" || kind == "mount")
        && (prefix == "run-" && stem[4..].starts_with(['r', 'u', 'p', 'd'])
            || looks_generated(&stem[prefix.len()..]))
    {
        return format!("{}.{kind}", prefix.trim_end_matches('-'));
    }
    if kind == "slice"
        && let Some(uid) = stem.strip_prefix("user-")
        && uid.bytes().all(|b| b.is_ascii_digit())
    {
        return "user.slice".to_owned();
    }
    unit.to_owned()
}

/// Numbers and hexadecimal ids, possibly prefixed by a letter as in `session-c2`.
fn looks_generated(text: &str) -> bool {
    let hex = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits > 0 && hex + 1 >= text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transient_units_share_one_label_value() {
        for (unit, label) in [
            ("session-42.scope", "session.scope"),
            ("session-c3.scope", "session.scope"),
            ("run-r7f0c2d1e8b.scope", "run.scope"),
            ("run-u123.service", "run.service"),
            ("run-p1234-i99.service", "run.service"),
            ("run-docker-runtime\\x2drunc-moby-ab.mount", "run.mount"),
            ("user@1000.service", "user@.service"),
            ("getty@tty1.service", "getty@.service"),
            ("user-1000.slice", "user.slice"),
            ("libpod-4f6a1c0de3b2.scope", "libpod.scope"),
            ("docker-0a1b2c3d4e5f.scope", "docker.scope"),
            ("init.scope", "init.scope"),
            ("nginx.service", "nginx.service"),
            ("run-backup.service", "run-backup.service"),
            ("docker-registry.service", "docker-registry.service"),
            ("", ""),
            ("my.app", "my.app"),
        ] {
            assert_eq!(normalise_unit(unit), label, "{unit}");
        }
    }

    #[test]
    fn selector_form_escapes_what_logql_would_misread() {
        let labels = StreamLabels::from_iter([("service", "a\"b\\c\n"), ("host", "h")]);
        assert_eq!(labels.to_string(), r#"{host="h", service="a\"b\\c\n"}"#);
    }
}
