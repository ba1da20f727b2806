//! Identity of an event: what keeps two equal lines apart and makes a re-push harmless.

use crate::labels::{StreamLabels, is_loki_addition};
use std::fmt;
use std::str::FromStr;
use xxhash_rust::xxh3::Xxh3;

/// 128 bits that name one event, derived from where the line came from, so that
/// reading the same source again gives the same id.
///
/// `ClickHouse` stores the low half ([`EventId::low64`]); rows are equal when
/// (ts, host, service, unit, level, `event_id`) are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub u128);

/// The text is not 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event id {found:?} is not 32 hexadecimal digits")]
pub struct ParseEventIdError {
    found: String,
}

impl EventId {
    /// The id of a line that has not got one yet.
    pub const NONE: Self = Self(0);

    /// Id of the line at `position` of a source (bytes for a file, a sequence
    /// number else); `sub_line` counts the events that one record was split into.
    pub fn from_source(host: &str, source: &str, position: u64, sub_line: u32) -> Self {
        let mut hash = Xxh3::new();
        field(&mut hash, host);
        field(&mut hash, source);
        hash.update(&position.to_le_bytes());
        hash.update(&sub_line.to_le_bytes());
        Self(hash.digest128())
    }

    /// Id of an entry that another shipper pushed: a hash of its sorted labels, time, line and metadata,
    /// without what Loki adds by itself.
    pub fn from_entry(labels: &StreamLabels, ts: i64, line: &str, metadata: &[(String, String)]) -> Self {
        let mut hash = Xxh3::new();
        for (name, value) in labels.0.iter().filter(|(name, _)| !is_loki_addition(name)) {
            field(&mut hash, name);
            field(&mut hash, value);
        }
        hash.update(&ts.to_le_bytes());
        field(&mut hash, line);
        let mut metadata: Vec<_> = metadata.iter().filter(|(name, _)| !is_loki_addition(name)).collect();
        metadata.sort();
        for (name, value) in metadata {
            field(&mut hash, name);
            field(&mut hash, value);
        }
        Self(hash.digest128())
    }

    /// The half that `ClickHouse` stores.
    pub const fn low64(self) -> u64 {
        self.0 as u64
    }
}

/// Length first, so that ("ab", "c") and ("a", "bc") differ.
fn field(hash: &mut Xxh3, text: &str) {
    hash.update(&(text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for EventId {
    type Err = ParseEventIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 32
            && text.bytes().all(|b| b.is_ascii_hexdigit())
            && let Ok(id) = u128::from_str_radix(text, 16)
        {
            return Ok(Self(id));
        }
        Err(ParseEventIdError { found: text.chars().take(64).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_source_position_gives_the_same_id_and_others_differ() {
        let id = EventId::from_source("h", "/var/log/a", 10, 0);
        assert_eq!(id, EventId::from_source("h", "/var/log/a", 10, 0));
        for other in [
            EventId::from_source("h", "/var/log/a", 11, 0),
            EventId::from_source("h", "/var/log/a", 10, 1),
            EventId::from_source("h/", "var/log/a", 10, 0),
        ] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn lokis_own_additions_do_not_change_the_id() {
        let plain = StreamLabels::from_iter([("host", "h")]);
        let decorated =
            StreamLabels::from_iter([("host", "h"), ("service_name", "x"), ("__stream_shard__", "1")]);
        let level = [("detected_level".to_owned(), "info".to_owned())];
        assert_eq!(EventId::from_entry(&plain, 1, "a", &[]), EventId::from_entry(&decorated, 1, "a", &level));
    }

    #[test]
    fn text_form_reads_back_and_garbage_is_refused() {
        let id = EventId::from_source("h", "s", 1, 2);
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "xyz", "+123456789012345678901234567890ab", &"0".repeat(33)] {
            assert!(bad.parse::<EventId>().is_err(), "{bad}");
        }
    }
}
