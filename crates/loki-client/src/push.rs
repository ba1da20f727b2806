//! Pushing: every entry ends up stored, or named with the reason, or the push fails as a whole.

use crate::backoff::Backoff;
use crate::batch::{self, Batch};
use crate::error::clip;
use crate::reject::{Verdict, classify, words_for_all};
use crate::{Client, Error, Result};
use log_model::{Entry, StreamLabels};
use reqwest::header::CONTENT_TYPE;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Longest that one call waits for a Loki that answers "later", waiting between attempts included.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of a push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushReport {
    /// Entries that Loki has acknowledged.
    pub delivered: usize,
    /// Entries that Loki will never take as they are.
    pub rejected: Vec<Rejected>,
}

/// A line that Loki refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its stream.
    pub labels: StreamLabels,
    /// The line itself.
    pub entry: Entry,
    /// Loki's words.
    pub reason: String,
}

impl Client {
    /// Pushes these streams. The order of entries does not matter; equal entries of one stream are one.
    ///
    /// After an error an unknown part is stored: push the same again, that is harmless (Loki merges entries
    /// with equal stream, time, line and metadata). [`Error::is_unavailable`] tells whether later can help.
    ///
    /// Of the metadata Loki keeps one value per name, sorted, and drops empty values; U+FFFD becomes a blank.
    pub async fn push(&self, streams: &[(StreamLabels, Vec<Entry>)]) -> Result<PushReport> {
        let limits = self.known_limits();
        let started = Instant::now();
        let mut queue: VecDeque<Batch<'_>> = batch::cut(streams, &self.tracker(), &limits, started).into();
        let mut report = PushReport::default();
        let mut backoff = Backoff::default();
        while let Some(batch) = queue.pop_front() {
            let (verdict, words, retry_after) = self.push_once(&batch).await?;
            match verdict {
                Verdict::Delivered => {
                    report.delivered += batch.len();
                    batch.note_delivered(&mut self.tracker(), &limits, Instant::now());
                    backoff.reset();
                }
                Verdict::Partial | Verdict::TooLarge => {
                    backoff.reset();
                    match settle(verdict, &batch, &words) {
                        Some(rejected) => report.rejected.extend(rejected),
                        None => prepend(&mut queue, batch.split()),
                    }
                }
                Verdict::Later => {
                    let delay =
                        backoff.next(retry_after).filter(|delay| started.elapsed() + *delay < PATIENCE);
                    let Some(delay) = delay else { return Err(self.unavailable("push", words)) };
                    log::debug!("push of {} entries: {words}; again in {delay:?}", batch.len());
                    tokio::time::sleep(delay).await;
                    // A smaller request may fit into what the rate limit has left.
                    let parts = if words.starts_with("429") { batch.split() } else { vec![batch] };
                    prepend(&mut queue, parts);
                }
                Verdict::Refused | Verdict::Foreign => unreachable!("push_once makes them errors"),
            }
        }
        Ok(report)
    }

    /// One request: its verdict, Loki's words, and how long Loki asks to wait.
    async fn push_once(&self, batch: &Batch<'_>) -> Result<(Verdict, String, Option<Duration>)> {
        let request = self
            .post("/loki/api/v1/push")
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(batch.encode());
        let answer = match self.send(request).await {
            Ok(answer) => answer,
            Err(cause) => return Ok((Verdict::Later, cause, None)),
        };
        let (status, body) = (answer.status.as_u16(), answer.text());
        let verdict = classify(status, &body);
        let what = "push".to_owned();
        match verdict {
            Verdict::Refused => Err(Error::Rejected { what, status, body: clip(body) }),
            Verdict::Foreign => Err(Error::Api { what, status, body: clip(body) }),
            Verdict::Later => Ok((verdict, clip(format!("{status}: {body}")), answer.retry_after)),
            Verdict::Delivered | Verdict::Partial | Verdict::TooLarge => Ok((verdict, body, None)),
        }
    }
}

/// The entries of a failed request, once it is sure that all of them are refused and why each is.
fn settle(verdict: Verdict, batch: &Batch<'_>, words: &str) -> Option<Vec<Rejected>> {
    let [part] = &batch.parts[..] else { return None };
    if verdict == Verdict::TooLarge && part.entries.len() > 1 {
        return None;
    }
    let reasons = words_for_all(words, &part.entries)?;
    let rejected = part.entries.iter().zip(reasons).map(|(entry, reason)| Rejected {
        labels: part.labels.clone(),
        entry: (*entry).clone(),
        reason,
    });
    Some(rejected.collect())
}

fn prepend<'a>(queue: &mut VecDeque<Batch<'a>>, batches: Vec<Batch<'a>>) {
    for batch in batches.into_iter().rev() {
        queue.push_front(batch);
    }
}
