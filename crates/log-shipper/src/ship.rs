//! Records to Loki, in batches.

use crate::dead_letter::DeadLetters;
use log_model::{Entry, EventId, LogRecord, StreamLabels, wire};
use loki_client::{Client, Error};
use std::collections::{BTreeMap, BTreeSet};
use unit_kit::{config_error, unavailable, with_hint};

/// A batch is pushed when it has so many bytes of lines…
const BATCH_BYTES: usize = 2 << 20;
/// …or so many of them.
const BATCH_LINES: usize = 10_000;

/// What became of the records so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Acknowledged by Loki.
    pub(crate) shipped: u64,
    /// Refused by Loki and kept in the dead-letter file.
    pub(crate) rejected: u64,
    /// Xor of the event ids that were acknowledged.
    pub(crate) id_xor: u128,
    /// Earliest and latest time of a record that was acknowledged.
    pub(crate) span: Option<(i64, i64)>,
}

/// Collects records and pushes them.
pub(crate) struct Shipper<'a> {
    client: &'a Client,
    dead_letters: DeadLetters,
    now: i64,
    pending: BTreeMap<StreamLabels, Vec<Entry>>,
    bytes: usize,
    lines: usize,
    totals: Totals,
}

impl<'a> Shipper<'a> {
    pub(crate) fn new(client: &'a Client, dead_letters: DeadLetters, now: i64) -> Self {
        Self {
            client,
            dead_letters,
            now,
            pending: BTreeMap::new(),
            bytes: 0,
            lines: 0,
            totals: Totals::default(),
        }
    }

    /// Takes a record along; pushes when a batch is full.
    pub(crate) async fn add(&mut self, record: &LogRecord) -> anyhow::Result<()> {
        let (labels, entry) = wire::to_loki(record);
        self.bytes += entry.line.len();
        self.lines += 1;
        self.pending.entry(labels).or_default().push(entry);
        if self.bytes >= BATCH_BYTES || self.lines >= BATCH_LINES {
            self.flush().await?;
        }
        Ok(())
    }

    /// Pushes what is pending.
    pub(crate) async fn flush(&mut self) -> anyhow::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let batch: Vec<_> = std::mem::take(&mut self.pending).into_iter().collect();
        (self.bytes, self.lines) = (0, 0);
        let report = self.client.push(&batch).await.map_err(|error| self.explain(error))?;
        if !report.rejected.is_empty() {
            self.dead_letters.keep(&report.rejected, self.now)?;
            let first = &report.rejected[0];
            log::warn!(
                "loki refused {} lines, kept in {}; the first: {}",
                report.rejected.len(),
                self.dead_letters.path().display(),
                first.reason
            );
        }
        let refused: BTreeSet<EventId> = report.rejected.iter().map(|letter| id_of(&letter.entry)).collect();
        for entry in batch.iter().flat_map(|(_, entries)| entries) {
            let id = id_of(entry);
            if refused.contains(&id) {
                continue;
            }
            self.totals.shipped += 1;
            self.totals.id_xor ^= id.0;
            let (from, to) = self.totals.span.unwrap_or((entry.ts, entry.ts));
            self.totals.span = Some((from.min(entry.ts), to.max(entry.ts)));
        }
        self.totals.rejected += report.rejected.len() as u64;
        Ok(())
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    pub(crate) fn dead_letters(&self) -> &DeadLetters {
        &self.dead_letters
    }

    fn explain(&self, error: Error) -> anyhow::Error {
        let again = format!(
            "{} lines were shipped; run the same again, nothing is stored twice",
            self.totals.shipped
        );
        if error.is_unavailable() {
            return with_hint(unavailable(error), again);
        }
        classify(error)
    }
}

/// Gives an error of the client its exit code.
pub(crate) fn classify(error: Error) -> anyhow::Error {
    if error.is_unavailable() {
        unavailable(error)
    } else if matches!(error, Error::Malformed { .. } | Error::Api { status: 404 | 405, .. }) {
        with_hint(config_error(error), "loki.url (LOKI_URL) may point to something else")
    } else if error.is_config() {
        config_error(error)
    } else {
        error.into()
    }
}

fn id_of(entry: &Entry) -> EventId {
    let id = entry.metadata.iter().find(|(name, _)| name == "event_id");
    id.and_then(|(_, id)| id.parse().ok()).unwrap_or(EventId::NONE)
}
