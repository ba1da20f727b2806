//! The limits in force, read from `GET /config`.
//!
//! The answer is YAML of some 3,000 lines, written by Go's YAML encoder: two blanks a level, one scalar a
//! line. Of it a dozen scalars matter, so a reader of `section.key` paths by indentation replaces a YAML
//! library. Tenants' overrides are not in it, and a gateway may hide it: an unknown value is Loki's default.

use std::collections::HashMap;
use std::time::Duration;

/// What Loki accepts and answers. Sizes in bytes. A limit of 0 means none, where Loki reads it so.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are Loki's settings, not states of ours")]
pub struct Limits {
    /// `max_entries_limit_per_query`: entries in one answer; 0 = unlimited.
    pub max_entries: usize,
    /// `max_line_size`.
    pub max_line_size: usize,
    /// `max_line_size_truncate`: longer lines are cut instead of rejected.
    pub max_line_size_truncate: bool,
    /// `max_label_names_per_series`.
    pub max_label_names: usize,
    /// `max_structured_metadata_size`, one line's.
    pub max_metadata_size: usize,
    /// `max_structured_metadata_entries_count`, one line's.
    pub max_metadata_entries: usize,
    /// `reject_old_samples_max_age`, `None` when `reject_old_samples` is off.
    pub max_age: Option<Duration>,
    /// `creation_grace_period`: how far in the future a line may lie.
    pub max_future: Duration,
    /// `ingestion_rate_mb` of the tenant, bytes a second.
    pub ingestion_rate: u64,
    /// `ingestion_burst_size_mb` of the tenant: a larger push can never succeed.
    pub ingestion_burst: u64,
    /// `per_stream_rate_limit`, bytes a second.
    pub stream_rate: u64,
    /// `per_stream_rate_limit_burst`.
    pub stream_burst: u64,
    /// `ingester.max_chunk_age`: lines more than half of it behind their stream's newest are rejected.
    pub max_chunk_age: Duration,
    /// `shard_streams.time_sharding_enabled`: late lines are stored all the same.
    pub time_sharding: bool,
    /// `increment_duplicate_timestamp`: breaks idempotent pushing when on.
    pub increment_duplicate_timestamp: bool,
    /// `max_query_length`, `None` for unlimited.
    pub max_query_length: Option<Duration>,
    /// `max_query_lookback`: older ranges read as empty, silently. `None` for unlimited.
    pub max_query_lookback: Option<Duration>,
    /// `ingester.query_store_max_look_back_period` in nanoseconds: how old a line still in an ingester may
    /// be and be found; 0 = Loki derives it, negative = infinite, with which a query also
    /// finds lines after its range, and finds them more than once.
    pub ingester_look_back_ns: i64,
    /// `query_range.cache_results`.
    pub cache_results: bool,
    /// `retention_period`, `None` when lines are kept for ever.
    pub retention: Option<Duration>,
}

const HOUR: Duration = Duration::from_hours(1);

impl Default for Limits {
    /// Loki 3.7's defaults.
    fn default() -> Self {
        Self {
            max_entries: 5000,
            max_line_size: 256 << 10,
            max_line_size_truncate: false,
            max_label_names: 15,
            max_metadata_size: 64 << 10,
            max_metadata_entries: 128,
            max_age: Some(HOUR * 24 * 7),
            max_future: HOUR / 6,
            ingestion_rate: 4 << 20,
            ingestion_burst: 6 << 20,
            stream_rate: 3 << 20,
            stream_burst: 15 << 20,
            max_chunk_age: HOUR * 2,
            time_sharding: false,
            increment_duplicate_timestamp: false,
            max_query_length: Some(HOUR * 721),
            max_query_lookback: None,
            ingester_look_back_ns: 0,
            cache_results: false,
            retention: None,
        }
    }
}

impl Limits {
    /// Picks the scalars out of the answer of `/config`; what is missing or unreadable keeps its default.
    pub(crate) fn from_config(yaml: &str) -> Self {
        let values = scalars(yaml);
        let text = |path: &str| values.get(path).map(String::as_str);
        let size = |path: &str| text(path).and_then(parse_size);
        let duration = |path: &str| text(path).and_then(parse_duration_ns);
        let flag = |path: &str| text(path).map(|v| v == "true");
        let megabytes =
            |path: &str| text(path)?.parse::<f64>().ok().map(|mb| (mb * f64::from(1 << 20)) as u64);
        let some = |ns: i64| (ns > 0).then(|| Duration::from_nanos(ns as u64));
        let d = Self::default();
        let limit = |key: &str| format!("limits_config.{key}");
        Self {
            max_entries: size(&limit("max_entries_limit_per_query")).map_or(d.max_entries, |n| n as usize),
            max_line_size: size(&limit("max_line_size")).map_or(d.max_line_size, |n| n as usize),
            max_line_size_truncate: flag(&limit("max_line_size_truncate"))
                .unwrap_or(d.max_line_size_truncate),
            max_label_names: size(&limit("max_label_names_per_series"))
                .map_or(d.max_label_names, |n| n as usize),
            max_metadata_size: size(&limit("max_structured_metadata_size"))
                .map_or(d.max_metadata_size, |n| n as usize),
            max_metadata_entries: size(&limit("max_structured_metadata_entries_count"))
                .map_or(d.max_metadata_entries, |n| n as usize),
            max_age: if flag(&limit("reject_old_samples")) == Some(false) {
                None
            } else {
                duration(&limit("reject_old_samples_max_age")).map_or(d.max_age, some)
            },
            max_future: duration(&limit("creation_grace_period")).and_then(some).unwrap_or(d.max_future),
            ingestion_rate: megabytes(&limit("ingestion_rate_mb")).unwrap_or(d.ingestion_rate),
            ingestion_burst: megabytes(&limit("ingestion_burst_size_mb")).unwrap_or(d.ingestion_burst),
            stream_rate: size(&limit("per_stream_rate_limit")).unwrap_or(d.stream_rate),
            stream_burst: size(&limit("per_stream_rate_limit_burst")).unwrap_or(d.stream_burst),
            max_chunk_age: duration("ingester.max_chunk_age").and_then(some).unwrap_or(d.max_chunk_age),
            time_sharding: flag(&limit("shard_streams.time_sharding_enabled")).unwrap_or(d.time_sharding),
            increment_duplicate_timestamp: flag(&limit("increment_duplicate_timestamp"))
                .unwrap_or(d.increment_duplicate_timestamp),
            max_query_length: duration(&limit("max_query_length")).map_or(d.max_query_length, some),
            max_query_lookback: duration(&limit("max_query_lookback")).map_or(d.max_query_lookback, some),
            ingester_look_back_ns: duration("ingester.query_store_max_look_back_period")
                .unwrap_or(d.ingester_look_back_ns),
            cache_results: flag("query_range.cache_results").unwrap_or(d.cache_results),
            retention: duration(&limit("retention_period")).map_or(d.retention, some),
        }
    }
}

/// `section.sub.key` → value of every `key: value` line. List items and multi-line texts are skipped.
fn scalars(yaml: &str) -> HashMap<String, String> {
    let mut values = HashMap::new();
    let mut path: Vec<(usize, &str)> = Vec::new();
    for line in yaml.lines() {
        let body = line.trim_start();
        let indent = line.len() - body.len();
        if body.is_empty() || body.starts_with(['#', '-']) {
            continue;
        }
        let Some((key, value)) = body.split_once(':') else { continue };
        while path.last().is_some_and(|(depth, _)| *depth >= indent) {
            path.pop();
        }
        let value = value.trim();
        if value.is_empty() {
            path.push((indent, key));
        } else {
            let mut name = String::new();
            for (_, section) in &path {
                name.push_str(section);
                name.push('.');
            }
            name.push_str(key);
            values.insert(name, value.trim_matches(['"', '\'']).to_owned());
        }
    }
    values
}

/// `256KB`, `3MB`, `1.5GB`, `5000`: powers of 1024, as Loki means them.
fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        _ => return None,
    };
    Some((number.parse::<f64>().ok()? * (1u64 << shift) as f64) as u64)
}

/// Go's and Prometheus' durations: `2h0m0s`, `1w`, `30d1h`, `40m0s`, `0s`, `-1ns`; nanoseconds.
fn parse_duration_ns(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_end =
            rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |length| digits + length);
        total += number
            * match &rest[digits..unit_end] {
                "ns" => 1.0,
                "us" | "µs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                "d" => 86400e9,
                "w" => 7.0 * 86400e9,
                "y" => 365.0 * 86400e9,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    Some(if negative { -total as i64 } else { total as i64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_section_it_means_and_not_its_namesakes() {
        let limits = Limits::from_config(
            "target: all\ningester:\n  max_chunk_age: 1h30m0s\n  query_store_max_look_back_period: 200h0m0s\n\
             pattern_ingester:\n  max_chunk_age: 7h0m0s\nquery_range:\n  cache_results: true\n\
             limits_config:\n  max_entries_limit_per_query: 10000\n  max_line_size: 1MB\n  \
             reject_old_samples_max_age: 1w\n  ingestion_rate_mb: 4.5\n  max_query_length: 0s\n  shard_streams:\n    \
             enabled: true\n    time_sharding_enabled: true\n  creation_grace_period: 20m\n  retention_period: 30d1h\n",
        );
        assert_eq!(limits.max_entries, 10_000);
        assert_eq!(limits.max_line_size, 1 << 20);
        assert_eq!(limits.max_age, Some(HOUR * 168));
        assert_eq!(limits.max_chunk_age, HOUR * 3 / 2);
        assert_eq!(limits.ingester_look_back_ns, 200 * 3600 * 1_000_000_000);
        assert_eq!(limits.max_future, HOUR / 3);
        assert_eq!(limits.retention, Some(HOUR * 721));
        assert_eq!(limits.max_query_length, None);
        assert_eq!(limits.ingestion_rate, (4 << 20) + (1 << 19));
        assert!(limits.time_sharding && limits.cache_results);
    }

    #[test]
    fn what_is_not_there_is_lokis_default() {
        assert_eq!(Limits::from_config("404 page not found"), Limits::default());
        let off = Limits::from_config("limits_config:\n  reject_old_samples: false\n");
        assert_eq!(off.max_age, None);
    }

    #[test]
    fn durations_of_both_spellings() {
        for (text, ns) in
            [("1h2m3s", 3_723_000_000_000), ("1ms", 1_000_000), ("-1ns", -1), ("0s", 0), ("0", 0)]
        {
            assert_eq!(parse_duration_ns(text), Some(ns), "{text}");
        }
        assert_eq!(parse_duration_ns("soon"), None);
    }
}
