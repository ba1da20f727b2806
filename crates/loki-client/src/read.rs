//! A complete copy of a range, or the word that it is not one.
//!
//! Loki's pages cannot be trusted: a page may be short though more lines exist, may have
//! holes, and cannot go on within one nanosecond. So every slice is counted first and divided until its page
//! is far below the limit: by time, by stream, by the first digits of `event_id`; what is left on one
//! nanosecond is read from both ends. A slice whose lines and count disagree is read again, divided
//! further, and in the end reported: [`Reading::verified`] is false, never a silent gap.

use crate::query::MILLISECOND;
use crate::{Client, Direction, Result};
use log_model::{Entry, EventId, LABELS, StreamLabels};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// Pages larger than this gain nothing and come near Loki's 4 MiB between its parts.
const MAX_PAGE: usize = 5000;
/// A slice is divided into at most so many pieces at once.
const MAX_PIECES: u64 = 16;
/// Times that a slice is read again before it is divided further.
const REREADS: u32 = 2;
/// Slices of one reading that may be divided because lines and count disagree. Halved by each division that
/// brings nothing new, so that a Loki which always disagrees costs little.
const DISPUTES: u32 = 256;
/// Pieces of such a slice: small pages are the honest ones.
const DISPUTE_PIECES: u64 = 8;
/// Pause before the first slice in dispute is read again: a line may just be arriving.
const REREAD_PAUSE: Duration = Duration::from_millis(100);
/// Largest slice whose rows are counted one by one: Loki answers with a series each, at most 500.
const DISTINCT: usize = 400;
/// Digits that an `event_id` starts with.
const DIGITS: &str = "0123456789abcdef";
/// Digits of an `event_id` that lines are divided by. Ids are hashes: a page of them does not agree in so many.
const ID_DIGITS: usize = 8;
/// Metadata name of the event id (`log_model::wire`).
const EVENT_ID: &str = "event_id";

/// What [`Client::read`] brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Each event once, by time, then stream, then event id.
    pub entries: Vec<(StreamLabels, Entry)>,
    /// What Loki counted in the whole range before reading.
    pub count: u64,
    /// Lines and counts agreed in every slice. False: suspect, read again later.
    pub verified: bool,
}

/// Lines of a slice, apart from its time range.
#[derive(Debug, Clone)]
struct Scope {
    /// The caller's stream selector, or the exact one of a single stream.
    selector: String,
    /// The caller's filters.
    pipeline: String,
    part: Part,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Everything the selector matches.
    Streams,
    /// One stream's lines with an `event_id` that starts so ("" = all lines).
    Ids(String),
    /// One stream's lines whose `event_id` starts so and does not go on with a digit ("" = no proper id).
    Rest(String),
}

impl Scope {
    fn query(&self) -> String {
        let Self { selector, pipeline, part } = self;
        let mut query = format!("{selector}{pipeline}");
        let (prefix, rest) = match part {
            Part::Streams => return query,
            Part::Ids(prefix) => (prefix, false),
            Part::Rest(prefix) => (prefix, true),
        };
        if !prefix.is_empty() {
            let _ = write!(query, " | {EVENT_ID}=~\"{prefix}.*\"");
        }
        if rest {
            let _ = write!(query, " | {EVENT_ID}!~\"{prefix}[0-9a-f].*\"");
        }
        query
    }

    fn with(&self, part: Part) -> Self {
        Self { part, ..self.clone() }
    }

    /// Whether there is nothing left to divide by but time.
    fn is_indivisible(&self) -> bool {
        match &self.part {
            Part::Streams => false,
            Part::Ids(prefix) => prefix.len() >= ID_DIGITS,
            Part::Rest(_) => true,
        }
    }
}

struct Reader<'a> {
    client: &'a Client,
    page: usize,
    disputes_left: u32,
    entries: Vec<(StreamLabels, Entry)>,
    verified: bool,
}

type Page = Vec<(StreamLabels, Entry)>;
type Found<'a> = Pin<Box<dyn Future<Output = Result<u64>> + Send + 'a>>;

impl Client {
    /// Reads all lines of `[from, to)` and proves it by counting.
    ///
    /// Ask for ranges that are over (end a few minutes ago): in a range that still grows lines and counts
    /// disagree by nature.
    pub async fn read(&self, selector: &str, from: i64, to: i64) -> Result<Reading> {
        let limits = self.limits().await?;
        let page = if limits.max_entries == 0 { MAX_PAGE } else { limits.max_entries.min(MAX_PAGE) };
        let (selector, pipeline) = split_selector(selector);
        let scope =
            Scope { selector: selector.to_owned(), pipeline: pipeline.to_owned(), part: Part::Streams };
        let mut reader =
            Reader { client: self, page, disputes_left: DISPUTES, entries: Vec::new(), verified: true };
        let count = self.count(&scope.query(), from, to).await?;
        reader.slice(&scope, from, to, count).await?;
        Ok(Reading { entries: once_each(reader.entries), count, verified: reader.verified })
    }
}

impl Reader<'_> {
    /// Reads a slice that holds `count` lines; returns how many it found.
    fn slice<'a>(&'a mut self, scope: &'a Scope, from: i64, to: i64, count: u64) -> Found<'a> {
        Box::pin(async move {
            if count == 0 {
                return Ok(0);
            }
            if count as usize > self.page / 5 * 4 {
                return self.divide(scope, from, to, count).await;
            }
            let page = match self.fetch(scope, from, to).await {
                Err(error) if error.wants_smaller() && (to - from > 1 || count > 1) => {
                    log::debug!("slice of {count} lines is too much for loki: {error}");
                    return self.divide(scope, from, to, count).await;
                }
                page => page?,
            };
            if page.len() >= self.page {
                return self.divide(scope, from, to, count).await;
            }
            if page.len() as u64 == count {
                self.entries.extend(page);
                return Ok(count);
            }
            self.settle(scope, from, to, count, page).await
        })
    }

    async fn fetch(&self, scope: &Scope, from: i64, to: i64) -> Result<Page> {
        self.client.query_range(&scope.query(), from, to, self.page, Direction::Forward).await
    }

    /// Lines and count disagree: look again; more lines than counted are believed when two readings are the
    /// same; fewer are sought by dividing.
    async fn settle(&mut self, scope: &Scope, from: i64, to: i64, count: u64, page: Page) -> Result<u64> {
        let (mut count, mut page, mut seen) = (count, page, BTreeSet::new());
        for _ in 0..REREADS {
            seen = ids(&page);
            if self.disputes_left == DISPUTES {
                tokio::time::sleep(REREAD_PAUSE).await;
            }
            count = self.client.count(&scope.query(), from, to).await?;
            let again = self.fetch(scope, from, to).await?;
            let same = ids(&again) == seen;
            // Whatever one reading has shown exists; what follows may only add to it.
            self.entries.append(&mut page);
            page = again;
            if page.len() as u64 == count || (page.len() as u64 > count && same) {
                let found = page.len() as u64;
                self.entries.append(&mut page);
                return Ok(found);
            }
        }
        let found = page.len().max(seen.len()) as u64;
        let repeated = found < count && self.only_repeats(scope, from, to, &page).await?;
        self.entries.append(&mut page);
        if repeated {
            return Ok(count);
        }
        if found >= count || self.disputes_left == 0 || (to - from == 1 && scope.is_indivisible()) {
            self.doubt(scope, from, to, count, found);
            return Ok(found);
        }
        self.disputes_left -= 1;
        let in_pieces = self.divide_into(scope, from, to, count, DISPUTE_PIECES).await?;
        if in_pieces <= found {
            self.disputes_left /= 2;
        }
        Ok(found.max(in_pieces))
    }

    /// Whether Loki counts more lines than it shows only because it holds some twice, as after a push that was
    /// repeated when the first one's block had been closed already: queries merge those, counts don't. Then
    /// the number of different rows is that of the lines shown.
    async fn only_repeats(&self, scope: &Scope, from: i64, to: i64, page: &Page) -> Result<bool> {
        if page.len() > DISTINCT || (to - from) % MILLISECOND != 0 {
            return Ok(false);
        }
        let rows: Option<BTreeSet<_>> = page.iter().map(|(labels, entry)| row(labels, entry)).collect();
        if rows.is_none_or(|rows| rows.len() < page.len()) {
            return Ok(false);
        }
        Ok(self.client.count_rows(&scope.query(), from, to).await? == page.len() as u64)
    }

    /// Reads a slice that is too much for one page, in pieces of half a page.
    fn divide<'a>(&'a mut self, scope: &'a Scope, from: i64, to: i64, count: u64) -> Found<'a> {
        let wanted = (count * 2).div_ceil(self.page as u64);
        self.divide_into(scope, from, to, count, wanted)
    }

    /// Reads a slice in pieces, each counted by itself, and compares the sum with the whole.
    ///
    /// Pieces are time down to a millisecond, then streams, then event ids, then time again: below the
    /// millisecond counting is dear.
    fn divide_into<'a>(
        &'a mut self,
        scope: &'a Scope,
        from: i64,
        to: i64,
        count: u64,
        wanted: u64,
    ) -> Found<'a> {
        Box::pin(async move {
            let mut found = 0;
            if to - from > MILLISECOND || (to - from > 1 && scope.is_indivisible()) {
                for (start, end) in pieces(from, to, wanted) {
                    found += self.piece(scope, start, end).await?;
                }
            } else {
                let scopes = match &scope.part {
                    _ if scope.is_indivisible() => return self.both_ends(scope, from, to, count).await,
                    Part::Streams => self.streams(scope, from, to).await?,
                    Part::Ids(prefix) | Part::Rest(prefix) => {
                        let longer = |digit| scope.with(Part::Ids(format!("{prefix}{digit}")));
                        DIGITS.chars().map(longer).chain([scope.with(Part::Rest(prefix.clone()))]).collect()
                    }
                };
                for scope in &scopes {
                    found += self.piece(scope, from, to).await?;
                }
            }
            if found < count && found < self.client.count(&scope.query(), from, to).await? {
                self.doubt(scope, from, to, count, found);
            }
            Ok(found)
        })
    }

    fn piece<'a>(&'a mut self, scope: &'a Scope, from: i64, to: i64) -> Found<'a> {
        Box::pin(async move {
            let count = self.client.count(&scope.query(), from, to).await?;
            self.slice(scope, from, to, count).await
        })
    }

    /// One scope for each stream that the selector matches, disjoint.
    async fn streams(&self, scope: &Scope, from: i64, to: i64) -> Result<Vec<Scope>> {
        let series = self.client.series(&scope.selector, from, to).await?;
        let names: BTreeSet<&String> = series.iter().flat_map(|labels| labels.0.keys()).collect();
        let exact = |labels: &StreamLabels| {
            // A label that this stream lacks and another has is matched as empty, or this one's selector
            // would match the other too.
            let full: StreamLabels = names.iter().map(|name| (name.as_str(), labels.get(name))).collect();
            Scope { selector: full.to_string(), part: Part::Ids(String::new()), ..scope.clone() }
        };
        Ok(series.iter().map(exact).collect())
    }

    /// The last resort on one nanosecond of one stream: twice the limit, once from each end.
    async fn both_ends(&mut self, scope: &Scope, from: i64, to: i64, count: u64) -> Result<u64> {
        let mut lines = self.fetch(scope, from, to).await?;
        lines
            .extend(self.client.query_range(&scope.query(), from, to, self.page, Direction::Backward).await?);
        let lines = once_each(lines);
        let found = lines.len() as u64;
        self.entries.extend(lines);
        if found < count {
            self.doubt(scope, from, to, count, found);
        }
        Ok(found)
    }

    fn doubt(&mut self, scope: &Scope, from: i64, to: i64, count: u64, found: u64) {
        let query = scope.query();
        log::warn!("{query} from {from} to {to}: loki counts {count} lines and shows {found}");
        self.verified = false;
    }
}

/// Cuts a range into at most [`MAX_PIECES`] parts, of whole milliseconds where it is longer than one: those
/// are counted with one query.
fn pieces(from: i64, to: i64, wanted: u64) -> Vec<(i64, i64)> {
    let step = (to - from) / wanted.clamp(2, MAX_PIECES) as i64;
    let unit = if to - from > MILLISECOND { MILLISECOND } else { 1 };
    let step = (step / unit).max(1) * unit;
    let mut pieces = Vec::new();
    let mut start = from;
    while start < to {
        let end = start.saturating_add(step).min(to);
        pieces.push((start, end));
        start = end;
    }
    pieces
}

/// `{…}` and what follows it.
fn split_selector(selector: &str) -> (&str, &str) {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in selector.char_indices() {
        match quote {
            Some('"') if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '`' => quote = Some(c),
            None if c == '}' => return selector.split_at(at + 1),
            _ => {}
        }
    }
    (selector, "")
}

fn id(labels: &StreamLabels, entry: &Entry) -> EventId {
    entry
        .metadata
        .iter()
        .find(|(name, _)| name == EVENT_ID)
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or_else(|| EventId::from_entry(labels, entry.ts, &entry.line, &entry.metadata))
}

/// What makes a line a row of its own; none without an event id.
fn row<'a>(labels: &'a StreamLabels, entry: &'a Entry) -> Option<(i64, [&'a str; LABELS.len()], &'a str)> {
    let (_, id) = entry.metadata.iter().find(|(name, _)| name == EVENT_ID)?;
    Some((entry.ts, LABELS.map(|name| labels.get(name)), id))
}

fn ids(page: &Page) -> BTreeSet<(i64, EventId)> {
    page.iter().map(|(labels, entry)| (entry.ts, id(labels, entry))).collect()
}

/// Sorts by time, stream and id, and keeps each event once.
fn once_each(entries: Page) -> Page {
    let keyed = |(labels, entry): (StreamLabels, Entry)| (entry.ts, id(&labels, &entry), labels, entry);
    let mut lines: Vec<_> = entries.into_iter().map(keyed).collect();
    lines.sort_by(|a, b| (a.0, &a.2, a.1, &a.3).cmp(&(b.0, &b.2, b.1, &b.3)));
    lines.dedup_by(|a, b| (a.0, a.1, &a.2) == (b.0, b.1, &b.2));
    lines.into_iter().map(|(_, _, labels, entry)| (labels, entry)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_range_without_gap_or_overlap() {
        for (from, to, wanted) in
            [(0, 300_000_000_000, 3), (5, 6_000_005, 2), (7, 9, 16), (0, 17, 16), (0, 1_000_003, 4)]
        {
            let pieces = pieces(from, to, wanted);
            assert_eq!((pieces[0].0, pieces.last().unwrap().1), (from, to));
            assert!(pieces.windows(2).all(|pair| pair[0].1 == pair[1].0));
            assert!(pieces.len() > 1 && pieces.iter().all(|(start, end)| start < end));
        }
    }

    #[test]
    fn the_stream_selector_ends_at_its_own_brace() {
        assert_eq!(split_selector(r#"{a="x}y\"}", b=`}`} |= "z""#), (r#"{a="x}y\"}", b=`}`}"#, r#" |= "z""#));
        assert_eq!(split_selector(r#"{a="b"}"#), (r#"{a="b"}"#, ""));
    }

    #[test]
    fn ids_divide_into_disjoint_parts() {
        let scope = Scope {
            selector: "{a=\"b\"}".to_owned(),
            pipeline: " |= \"x\"".to_owned(),
            part: Part::Ids("0".to_owned()),
        };
        assert_eq!(scope.query(), r#"{a="b"} |= "x" | event_id=~"0.*""#);
        let rest = scope.with(Part::Rest("0".to_owned()));
        assert_eq!(rest.query(), r#"{a="b"} |= "x" | event_id=~"0.*" | event_id!~"0[0-9a-f].*""#);
    }
}
