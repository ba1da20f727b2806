//! What Loki does with a push: the distributor validates, the ingester appends.

use super::request::Streams;
use super::store::{Bucket, Rejection, Store};
use super::{Faults, Settings};
use log_model::{Entry, StreamLabels, time::SECOND, time::rfc3339};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// `time_sharding_ignore_recent`: younger lines stay in the plain stream.
const SHARD_BEFORE: i64 = 40 * 60 * SECOND;
/// Labels that `service_name` is taken from, the first that is there (`discover_service_name`).
const SERVICE_NAMES: [&str; 13] = [
    "service",
    "app",
    "application",
    "app_name",
    "name",
    "app_kubernetes_io_name",
    "container",
    "container_name",
    "k8s_container_name",
    "component",
    "workload",
    "job",
    "k8s_job_name",
];
/// Lines whose errors Loki repeats in one answer (`ingester.max_returned_stream_errors`).
const ERRORS_SHOWN: usize = 10;

/// Status and words of the answer.
pub(super) type Answer = (u16, String);

/// Takes a push in.
pub(super) fn push(
    store: &mut Store,
    settings: &Settings,
    faults: &Faults,
    streams: Streams,
    now: i64,
) -> Answer {
    if streams.is_empty() {
        return (422, "error at least one valid stream is required for ingestion".to_owned());
    }
    let mut errors = GroupedErrors::default();
    let mut valid: Vec<(StreamLabels, Vec<Entry>)> = Vec::new();
    for (labels, entries) in streams {
        if entries.is_empty() {
            continue;
        }
        let labels = with_service_name(labels);
        if let Err((reason, words)) = check_labels(&labels, settings) {
            store.discard(reason, entries.len());
            errors.add(words);
            continue;
        }
        let mut kept = Vec::with_capacity(entries.len());
        for entry in entries {
            match check_entry(&labels, &entry, settings, now) {
                Ok(()) => kept.push(normalise(&labels, entry)),
                Err((reason, words)) => {
                    store.discard(reason, 1);
                    errors.add(words);
                }
            }
        }
        if !kept.is_empty() {
            valid.extend(shard(labels, kept, settings, now));
        }
    }
    let (lines, bytes) = valid
        .iter()
        .flat_map(|(_, entries)| entries)
        .fold((0, 0), |(lines, bytes), entry| (lines + 1, bytes + entry.line.len() + metadata_size(entry)));
    let bucket = &Bucket {
        rate: f64::from(settings.ingestion_rate_mb << 20),
        burst: f64::from(settings.ingestion_burst_mb << 20),
    };
    if lines > 0 && !store.admit(bucket, bytes, now) {
        store.discard("rate_limited", lines);
        let limit = settings.ingestion_rate_mb << 20;
        let words = format!(
            "ingestion rate limit exceeded for user fake (limit: {limit} bytes/sec) while attempting to ingest \
             '{lines}' lines totaling '{bytes}' bytes, reduce log volume or contact your Loki administrator to see if \
             the limit can be increased"
        );
        return (429, words);
    }
    match append(store, settings, faults, valid, now) {
        Some(answer) => answer,
        None if errors.0.is_empty() => (204, String::new()),
        None => (400, errors.to_string()),
    }
}

/// Appends stream by stream. As in Loki, the outcome of a later stream overwrites that of an earlier one.
fn append(
    store: &mut Store,
    settings: &Settings,
    faults: &Faults,
    streams: Streams,
    now: i64,
) -> Option<Answer> {
    let several = streams.len() > 1;
    let mut answer = None;
    for (labels, entries) in streams {
        let total = entries.len();
        answer = match store.append(&labels, entries, settings, now) {
            Ok(rejected) if rejected.is_empty() => None,
            Ok(rejected) => {
                store.discard("too_far_behind", rejected.len());
                Some((400, too_far_behind(&labels, &rejected, total)))
            }
            Err(words) => {
                store.discard("stream_limit", total);
                Some((429, words))
            }
        };
    }
    answer.filter(|_| !(faults.masked_errors && several))
}

fn too_far_behind(labels: &StreamLabels, rejected: &[Rejection], total: usize) -> String {
    let mut words = String::new();
    for Rejection { ts, cutoff } in rejected.iter().take(ERRORS_SHOWN) {
        let (entry, time, cutoff) = (go_time(*ts), seconds(*ts), seconds(*cutoff));
        // Writing to a string cannot fail.
        let _ = writeln!(
            words,
            "entry with timestamp {entry} ignored, reason: 'entry too far behind, entry timestamp is: {time}, oldest \
             acceptable timestamp is: {cutoff}',"
        );
    }
    words + &format!("user 'fake', total ignored: {} out of {total} for stream: {labels}", rejected.len())
}

fn with_service_name(mut labels: StreamLabels) -> StreamLabels {
    if !labels.0.contains_key("service_name") && !labels.0.is_empty() {
        let name = SERVICE_NAMES.into_iter().map(|name| labels.get(name)).find(|value| !value.is_empty());
        let name = name.unwrap_or("unknown_service").to_owned();
        labels.0.insert("service_name".to_owned(), name);
    }
    labels
}

/// Reason of the metric, and Loki's words.
type Refusal = (&'static str, String);

fn check_labels(labels: &StreamLabels, settings: &Settings) -> Result<(), Refusal> {
    let names = labels.0.len() - usize::from(labels.0.contains_key("service_name"));
    if names == 0 {
        return Err(("missing_labels", "error at least one label pair is required per stream".to_owned()));
    }
    if names > settings.max_label_names {
        let words = format!(
            "entry for stream '{labels}' has {names} label names; limit {}",
            settings.max_label_names
        );
        return Err(("max_label_names_per_series", words));
    }
    for (name, value) in &labels.0 {
        if name.len() > 1024 {
            return Err((
                "label_name_too_long",
                format!("stream '{labels}' has label name too long: '{name}'"),
            ));
        }
        if value.len() > 2048 {
            let words = format!("stream '{labels}' has label value too long: '{value}'");
            return Err(("label_value_too_long", words));
        }
    }
    Ok(())
}

fn check_entry(labels: &StreamLabels, entry: &Entry, settings: &Settings, now: i64) -> Result<(), Refusal> {
    let time = seconds(entry.ts);
    let oldest = now - settings.max_age.as_nanos() as i64;
    if entry.ts < oldest {
        let oldest = seconds(oldest);
        let words = format!(
            "entry for stream '{labels}' has timestamp too old: {time}, oldest acceptable timestamp is: {oldest}"
        );
        return Err(("greater_than_max_sample_age", words));
    }
    if entry.ts > now + settings.max_future.as_nanos() as i64 {
        return Err((
            "too_far_in_future",
            format!("entry for stream '{labels}' has timestamp too new: {time}"),
        ));
    }
    if entry.line.len() > settings.max_line_size {
        let (max, found) = (settings.max_line_size, entry.line.len());
        let words = format!(
            "max entry size '{max}' bytes exceeded for stream '{labels}' while adding an entry with length '{found}' \
             bytes"
        );
        return Err(("line_too_long", words));
    }
    let (size, max) = (metadata_size(entry), settings.max_metadata_size);
    if size > max {
        let words = format!(
            "stream '{labels}' has structured metadata too large: '{size}' bytes, limit: '{max}' bytes. Please see \
             `limits_config.max_structured_metadata_size` or contact your Loki administrator to increase it"
        );
        return Err(("structured_metadata_too_large", words));
    }
    let (count, max) = (entry.metadata.len(), settings.max_metadata_entries);
    if count > max {
        let words = format!(
            "stream '{labels}' has too many structured metadata labels: '{count}', limit: '{max}'. Please see \
             `limits_config.max_structured_metadata_entries_count` or contact your Loki administrator to increase it"
        );
        return Err(("structured_metadata_too_many", words));
    }
    Ok(())
}

fn metadata_size(entry: &Entry) -> usize {
    entry.metadata.iter().map(|(name, value)| name.len() + value.len()).sum()
}

/// Metadata as Loki keeps it: names made fit, sorted, one value each, none empty; and `detected_level`. Loki also
/// looks for a level in the line; here only the label and the metadata are asked.
fn normalise(labels: &StreamLabels, mut entry: Entry) -> Entry {
    let mut metadata = BTreeMap::new();
    for (name, value) in entry.metadata {
        metadata.insert(log_model::wire::metadata_name(&name), value.replace('\u{fffd}', " "));
    }
    metadata.retain(|_, value| !value.is_empty());
    let level = match labels.get("level") {
        "" => metadata.get("level").map_or("unknown", String::as_str),
        level => level,
    };
    let level = level.to_ascii_lowercase();
    metadata.entry("detected_level".to_owned()).or_insert(level);
    entry.metadata = metadata.into_iter().collect();
    entry
}

/// With time sharding, lines older than 40 minutes go to streams of an hour each, where nothing is too late.
fn shard(labels: StreamLabels, mut entries: Vec<Entry>, settings: &Settings, now: i64) -> Streams {
    let recent = now - SHARD_BEFORE;
    let length = (settings.max_chunk_age / 2).as_nanos() as i64;
    if !settings.time_sharding || entries.iter().all(|entry| entry.ts > recent) {
        return vec![(labels, entries)];
    }
    entries.sort_by_key(|entry| entry.ts);
    let mut shards: Streams = Vec::new();
    for entry in entries {
        let mut labels = labels.clone();
        if entry.ts < recent {
            let start = entry.ts.div_euclid(length) * length;
            let range = format!("{}_{}", start / SECOND, (start + length) / SECOND);
            labels.0.insert("__time_shard__".to_owned(), range);
        }
        match shards.last_mut().filter(|(last, _)| *last == labels) {
            Some((_, entries)) => entries.push(entry),
            None => shards.push((labels, vec![entry])),
        }
    }
    shards
}

/// RFC 3339 with whole seconds, as in Loki's answers.
fn seconds(ts: i64) -> String {
    rfc3339(ts.div_euclid(SECOND) * SECOND)
}

/// Go's default form: `2026-11-13 18:26:00.5 +0000 UTC`.
fn go_time(ts: i64) -> String {
    let text = chrono::DateTime::from_timestamp_nanos(ts).format("%Y-%m-%d %H:%M:%S%.9f").to_string();
    format!("{} +0000 UTC", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Equal messages once, with their number.
#[derive(Default)]
struct GroupedErrors(BTreeMap<String, usize>);

impl GroupedErrors {
    fn add(&mut self, words: String) {
        *self.0.entry(words).or_default() += 1;
    }
}

impl std::fmt::Display for GroupedErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, (words, count)) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("; ")?;
            }
            if self.0.len() > 1 || *count > 1 {
                write!(f, "{count} errors like: ")?;
            }
            f.write_str(words)?;
        }
        Ok(())
    }
}
