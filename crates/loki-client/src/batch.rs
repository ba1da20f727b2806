//! Requests: what travels together, and how a request is split when it fails.

use crate::Limits;
use crate::proto::{PushRequest, Stream};
use crate::track::Tracker;
use log_model::{Entry, StreamLabels};
use prost::Message;
use std::collections::BTreeMap;
use std::time::Instant;

/// Largest request before compression. Far below the 4 MiB of Loki's internal hop.
const MAX_BYTES: usize = 1 << 20;
/// What an entry weighs beyond its texts: time, tags, lengths.
const ENTRY_OVERHEAD: usize = 32;

/// Entries of one stream, ascending.
#[derive(Debug, Clone)]
pub(crate) struct Part<'a> {
    pub(crate) labels: &'a StreamLabels,
    pub(crate) entries: Vec<&'a Entry>,
    bytes: usize,
}

/// One request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch<'a> {
    pub(crate) parts: Vec<Part<'a>>,
    bytes: usize,
}

impl<'a> Part<'a> {
    fn new(labels: &'a StreamLabels, entries: Vec<&'a Entry>) -> Self {
        let bytes = entries.iter().map(|entry| weight(entry)).sum();
        Self { labels, entries, bytes }
    }

    fn first_ts(&self) -> i64 {
        self.entries.first().map_or(i64::MAX, |entry| entry.ts)
    }
}

fn weight(entry: &Entry) -> usize {
    let metadata: usize = entry.metadata.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
    entry.line.len() + metadata + ENTRY_OVERHEAD
}

/// Groups by stream, sorts each ascending, and cuts into requests. A stream that Loki could reject gets
/// requests of its own; all others share.
pub(crate) fn cut<'a>(
    streams: &'a [(StreamLabels, Vec<Entry>)],
    tracker: &Tracker,
    limits: &Limits,
    now: Instant,
) -> Vec<Batch<'a>> {
    // A request above the burst can never succeed, however often it is repeated.
    let burst = limits.ingestion_burst.min(limits.stream_burst);
    let max_bytes = MAX_BYTES.min((burst as f64 * 0.8) as usize).max(1);

    let mut by_stream: BTreeMap<&StreamLabels, Vec<&Entry>> = BTreeMap::new();
    for (labels, entries) in streams {
        by_stream.entry(labels).or_default().extend(entries);
    }
    let mut alone = Vec::new();
    let mut shared: Vec<Batch<'a>> = Vec::new();
    for (labels, mut entries) in by_stream {
        // Stable: entries of one nanosecond keep the order they came in.
        entries.sort_by_key(|entry| entry.ts);
        let whole = Part::new(labels, entries);
        let risky = tracker.is_risky(labels, whole.first_ts(), whole.bytes, limits, now);
        for part in chunks(whole, max_bytes) {
            if risky {
                alone.push(Batch::of(part));
                continue;
            }
            match shared.last_mut().filter(|batch| batch.bytes + part.bytes <= max_bytes) {
                Some(batch) => batch.add(part),
                None => shared.push(Batch::of(part)),
            }
        }
    }
    shared.extend(alone);
    shared
}

fn chunks(part: Part<'_>, max_bytes: usize) -> Vec<Part<'_>> {
    if part.bytes <= max_bytes {
        return if part.entries.is_empty() { Vec::new() } else { vec![part] };
    }
    let mut chunks = Vec::new();
    let mut open = Part { labels: part.labels, entries: Vec::new(), bytes: 0 };
    for entry in part.entries {
        let bytes = weight(entry);
        if open.bytes + bytes > max_bytes && !open.entries.is_empty() {
            let full =
                std::mem::replace(&mut open, Part { labels: part.labels, entries: Vec::new(), bytes: 0 });
            chunks.push(full);
        }
        open.entries.push(entry);
        open.bytes += bytes;
    }
    chunks.push(open);
    chunks
}

impl<'a> Batch<'a> {
    fn of(part: Part<'a>) -> Self {
        Self { bytes: part.bytes, parts: vec![part] }
    }

    fn add(&mut self, part: Part<'a>) {
        self.bytes += part.bytes;
        self.parts.push(part);
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.entries.len()).sum()
    }

    /// The next smaller requests: one per stream, then halves of one stream. A single line stays as it is.
    pub(crate) fn split(self) -> Vec<Self> {
        if self.parts.len() > 1 {
            return self.parts.into_iter().map(Self::of).collect();
        }
        let Some(part) = self.parts.into_iter().next() else { return Vec::new() };
        let (head, tail) = part.entries.split_at(part.entries.len() / 2);
        [head, tail]
            .into_iter()
            .filter(|half| !half.is_empty())
            .map(|half| Self::of(Part::new(part.labels, half.to_vec())))
            .collect()
    }

    /// The body: protobuf in a raw (unframed) snappy block.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let request = PushRequest {
            streams: self
                .parts
                .iter()
                .map(|part| Stream {
                    labels: part.labels.to_string(),
                    entries: part.entries.iter().map(|entry| (*entry).into()).collect(),
                })
                .collect(),
        };
        snap::raw::Encoder::new()
            .compress_vec(&request.encode_to_vec())
            .expect("a request is far below snappy's 4 GiB")
    }

    /// Remembers what was stored.
    pub(crate) fn note_delivered(&self, tracker: &mut Tracker, limits: &Limits, now: Instant) {
        for part in &self.parts {
            if let Some(last) = part.entries.last() {
                tracker.delivered(part.labels, last.ts, part.bytes, limits, now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(host: &str, times: &[i64], line: &str) -> (StreamLabels, Vec<Entry>) {
        let entry = |ts: &i64| Entry { ts: *ts, line: line.to_owned(), metadata: Vec::new() };
        (StreamLabels::from_iter([("host", host)]), times.iter().map(entry).collect())
    }

    #[test]
    fn new_streams_travel_alone_and_known_ones_together() {
        let (mut tracker, limits, now) = (Tracker::default(), Limits::default(), Instant::now());
        let input = [stream("a", &[3, 1, 2], "x"), stream("b", &[1], "x"), stream("c", &[1], "x")];
        let batches = cut(&input, &tracker, &limits, now);
        assert_eq!(batches.len(), 3);
        assert_eq!(batches[0].parts[0].entries.iter().map(|e| e.ts).collect::<Vec<_>>(), [1, 2, 3]);
        for batch in batches.iter().filter(|batch| batch.parts[0].labels.get("host") != "b") {
            batch.note_delivered(&mut tracker, &limits, now);
        }
        let again: Vec<usize> = cut(&input, &tracker, &limits, now).iter().map(|b| b.parts.len()).collect();
        assert_eq!(again, [2, 1], "a and c share, b is still new");
    }

    #[test]
    fn requests_stay_below_a_mebibyte_and_lose_nothing() {
        let line = "x".repeat(100_000);
        let times: Vec<i64> = (0..50).collect();
        let input = [stream("a", &times, &line), stream("b", &[], "")];
        let batches = cut(&input, &Tracker::default(), &Limits::default(), Instant::now());
        assert!(batches.iter().all(|batch| batch.bytes <= MAX_BYTES && batch.len() > 0));
        assert_eq!(batches.iter().map(Batch::len).sum::<usize>(), 50);
    }

    #[test]
    fn splitting_ends_at_the_single_line() {
        let input = [stream("a", &[1, 2, 3], "x"), stream("b", &[1], "x")];
        let all =
            Batch { parts: input.iter().map(|(l, e)| Part::new(l, e.iter().collect())).collect(), bytes: 0 };
        let mut queue = vec![all];
        let mut singles = 0;
        while let Some(batch) = queue.pop() {
            if batch.len() == 1 {
                singles += 1;
            } else {
                queue.extend(batch.split());
            }
        }
        assert_eq!(singles, 4);
    }
}
