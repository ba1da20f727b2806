//! What the fake holds: streams with their lines by time.

use super::filter::{Matcher, Pipeline};
use super::{Faults, Settings};
use log_model::{Entry, StreamLabels, time::HOUR, time::SECOND};
use std::collections::{BTreeMap, BTreeSet};

/// `query_ingesters_within`: what arrives later than this is not sought where it is.
const SOUGHT_WITHIN: i64 = 3 * HOUR;

/// Everything stored.
#[derive(Debug, Default)]
pub(super) struct Store {
    streams: BTreeMap<StreamLabels, Stream>,
    discarded: BTreeMap<&'static str, u64>,
    /// Push requests so far.
    pub(super) pushes: u64,
    /// Lines that arrived up to this moment are out of the ingester.
    flushed: i64,
    /// Tokens used of the tenant's ingestion bucket, and when that was.
    used: (f64, i64),
}

#[derive(Debug, Default)]
struct Stream {
    newest: Option<i64>,
    entries: BTreeMap<i64, Vec<Stored>>,
}

#[derive(Debug)]
struct Stored {
    line: String,
    metadata: Vec<(String, String)>,
    arrived: i64,
}

/// A token bucket: bytes a second, and bytes at once.
pub(super) struct Bucket {
    pub(super) rate: f64,
    pub(super) burst: f64,
}

/// A line that came too late for its stream.
pub(super) struct Rejection {
    pub(super) ts: i64,
    /// The oldest time that would have been taken.
    pub(super) cutoff: i64,
}

/// A line that a query found.
#[derive(Debug, Clone)]
pub(super) struct Hit<'a> {
    pub(super) labels: &'a StreamLabels,
    pub(super) ts: i64,
    pub(super) line: &'a str,
    pub(super) metadata: &'a [(String, String)],
}

impl Store {
    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.streams.values().flat_map(|stream| stream.entries.values()).map(Vec::len).sum()
    }

    /// Counts lines that were not taken.
    pub(super) fn discard(&mut self, reason: &'static str, lines: usize) {
        *self.discarded.entry(reason).or_default() += lines as u64;
    }

    /// Discarded lines by reason.
    pub(super) fn discarded(&self) -> &BTreeMap<&'static str, u64> {
        &self.discarded
    }

    /// Ends the invisibility of what has arrived.
    pub(super) fn flush(&mut self, now: i64) {
        self.flushed = now;
    }

    /// Whether the tenant's rate allows these bytes now.
    pub(super) fn admit(&mut self, bucket: &Bucket, bytes: usize, now: i64) -> bool {
        let (used, at) = self.used;
        let used = (used - (now - at) as f64 / SECOND as f64 * bucket.rate).max(0.0);
        let fits = used + bytes as f64 <= bucket.burst;
        self.used = (if fits { used + bytes as f64 } else { used }, now);
        fits
    }

    /// Appends to a stream; `Err` when it would be one stream too many.
    pub(super) fn append(
        &mut self,
        labels: &StreamLabels,
        entries: Vec<Entry>,
        settings: &Settings,
        now: i64,
    ) -> Result<Vec<Rejection>, String> {
        if !self.streams.contains_key(labels) && self.streams.len() >= settings.max_streams {
            return Err(format!(
                "maximum active stream limit exceeded when trying to create stream {labels}, reduce the number of \
                 active streams (reduce labels or reduce label values), or contact your Loki administrator to see if \
                 the limit can be increased, user: 'fake'"
            ));
        }
        let window = (settings.max_chunk_age / 2).as_nanos() as i64;
        let stream = self.streams.entry(labels.clone()).or_default();
        let mut rejected = Vec::new();
        for Entry { ts, line, metadata } in entries {
            if let Some(cutoff) = stream.newest.map(|newest| newest - window).filter(|cutoff| ts < *cutoff) {
                rejected.push(Rejection { ts, cutoff });
                continue;
            }
            stream.newest = stream.newest.max(Some(ts));
            let same_time = stream.entries.entry(ts).or_default();
            if !same_time.iter().any(|stored| stored.line == line && stored.metadata == metadata) {
                same_time.push(Stored { line, metadata, arrived: now });
            }
        }
        Ok(rejected)
    }

    /// Lines in `[from, to)` that match, by time, then stream, then arrival.
    pub(super) fn select(
        &self,
        matchers: &[Matcher],
        pipeline: &Pipeline,
        from: i64,
        to: i64,
        faults: &Faults,
    ) -> Vec<Hit<'_>> {
        let visible = |ts: i64, stored: &Stored| {
            !faults.invisible_late || stored.arrived - ts <= SOUGHT_WITHIN || stored.arrived <= self.flushed
        };
        let mut hits = Vec::new();
        if from >= to {
            return hits;
        }
        for (labels, stream) in &self.streams {
            if !matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name))) {
                continue;
            }
            for (ts, same_time) in stream.entries.range(from..to) {
                for stored in same_time {
                    let hit = Hit { labels, ts: *ts, line: &stored.line, metadata: &stored.metadata };
                    if visible(*ts, stored) && pipeline.keeps(&hit) {
                        hits.push(hit);
                    }
                }
            }
        }
        hits.sort_by_key(|hit| hit.ts);
        hits
    }

    /// Streams with lines in `[from, to)` that match any of the selectors; all streams if there is none.
    pub(super) fn series(&self, selectors: &[Vec<Matcher>], from: i64, to: i64) -> BTreeSet<&StreamLabels> {
        let wanted = |labels: &StreamLabels| {
            selectors.is_empty()
                || selectors.iter().any(|matchers| matchers.iter().all(|m| m.matches(labels.get(&m.name))))
        };
        self.streams
            .iter()
            .filter(|(labels, stream)| {
                from <= to && stream.entries.range(from..=to).next().is_some() && wanted(labels)
            })
            .map(|(labels, _)| labels)
            .collect()
    }
}
