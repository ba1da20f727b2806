//! Copying one window, and comparing it.

use crate::batch_id;
use crate::commit::Committer;
use crate::connect::{loki_error, store_error};
use log_model::time::SECOND;
use log_model::{Window, wire};
use log_store::rows::{AppLog, SyncWindow, WindowState};
use log_store::{LineKey, MAX_BATCH_BYTES, MAX_BATCH_ROWS, Store, WindowTotals};
use loki_client::Client;
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// The two sides of a window.
pub(crate) struct Sides {
    /// Loki's lines, each event once.
    rows: Vec<AppLog>,
    /// Keys that ClickHouse has, and how often.
    stored: HashMap<LineKey, u32>,
    /// Lines that Loki counted.
    pub(crate) loki_count: u64,
    /// Whether the reading was complete by its counts.
    pub(crate) complete: bool,
}

/// How the two sides of a window compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// Events that only Loki has.
    pub(crate) missing: u64,
    /// Events that only ClickHouse has.
    pub(crate) extra: u64,
    /// Rows beyond the first of an event in ClickHouse.
    pub(crate) doubled: u64,
}

/// What became of a window.
pub(crate) struct Copied {
    pub(crate) row: SyncWindow,
    /// Lines that were not there before.
    pub(crate) inserted: u64,
}

impl Sides {
    /// Reads both sides.
    pub(crate) async fn read(
        loki: &Client,
        store: &Store,
        selector: &str,
        window: Window,
    ) -> anyhow::Result<Self> {
        let reading = loki.read(selector, window.start(), window.end()).await.map_err(loki_error)?;
        let mut seen = HashSet::new();
        let rows: Vec<AppLog> = reading
            .entries
            .iter()
            .map(|(labels, entry)| AppLog::new(&wire::from_loki(labels, entry), 0))
            .filter(|row| seen.insert(row.key()))
            .collect();
        let mut stored = HashMap::new();
        for key in store.line_keys(window).await.map_err(store_error)? {
            *stored.entry(key).or_insert(0) += 1;
        }
        Ok(Self { rows, stored, loki_count: reading.count, complete: reading.verified })
    }

    /// Counts what differs.
    pub(crate) fn difference(&self) -> Difference {
        let in_both = self.rows.iter().filter(|row| self.stored.contains_key(&row.key())).count();
        Difference {
            missing: (self.rows.len() - in_both) as u64,
            extra: (self.stored.len() - in_both) as u64,
            doubled: self.stored.values().map(|count| u64::from(count - 1)).sum(),
        }
    }

    /// Whether both sides have the same events, each once in ClickHouse. How often Loki has one does not matter.
    pub(crate) fn equal(&self, totals: WindowTotals) -> bool {
        self.complete
            && self.rows.len() as u64 == totals.count
            && self.id_xor() == totals.id_xor
            && self.difference() == Difference { missing: 0, extra: 0, doubled: 0 }
    }

    /// Lines that Loki counted beyond the first of an event: a shipper that was killed had sent them before, and Loki
    /// keeps those that its newest chunk no longer holds. Nothing is wrong with them.
    pub(crate) fn repeats(&self) -> u64 {
        if self.complete { self.loki_count.saturating_sub(self.rows.len() as u64) } else { 0 }
    }

    /// Xor of Loki's event ids, as ClickHouse computes it over its own.
    pub(crate) fn id_xor(&self) -> u64 {
        self.rows.iter().fold(0, |xor, row| xor ^ row.event_id)
    }

    fn take_missing(&mut self) -> Vec<AppLog> {
        let stored = &self.stored;
        let mut rows: Vec<_> = self.rows.extract_if(.., |row| !stored.contains_key(&row.key())).collect();
        rows.sort_by_key(|row| (row.ts, row.event_id));
        rows
    }
}

/// Copies what ClickHouse lacks of a window, and says how the window stands after that.
pub(crate) async fn copy(
    committer: &Committer<'_>,
    loki: &Client,
    selector: &str,
    window: Window,
) -> anyhow::Result<Copied> {
    let store = committer.store;
    let mut sides = Sides::read(loki, store, selector, window).await?;
    let difference = sides.difference();
    let missing = sides.take_missing();
    for chunk in cut(&missing) {
        committer.commit(window, chunk).await?;
    }
    let inserted = missing.len() as u64;
    let totals = store.window_totals(window).await.map_err(store_error)?;
    let expected = sides.stored.values().map(|count| u64::from(*count)).sum::<u64>() + inserted;
    let reason = if !sides.complete {
        Some(format!("loki counts {} lines and gave others", sides.loki_count))
    } else if totals.count != expected {
        Some(format!("{expected} lines expected in clickhouse, {} counted", totals.count))
    } else if difference.doubled > 0 {
        Some(format!("clickhouse has {} lines twice", difference.doubled))
    } else {
        None
    };
    let state = if reason.is_some() { WindowState::Suspect } else { WindowState::Verified };
    let row = SyncWindow {
        loki_count: sides.loki_count,
        state: state.as_str().to_owned(),
        reason: reason.unwrap_or_default(),
        ..empty_in_loki(committer.source, window, totals)
    };
    Ok(Copied { row, inserted })
}

/// Whether Loki has no line at all in these contiguous windows.
pub(crate) async fn is_empty(loki: &Client, selector: &str, windows: &[Window]) -> anyhow::Result<bool> {
    let (Some(first), Some(last)) = (windows.first(), windows.last()) else { return Ok(false) };
    Ok(loki.count(selector, first.start(), last.end()).await.map_err(loki_error)? == 0)
}

/// The manifest's row of a window for which Loki has nothing.
pub(crate) fn empty_in_loki(source: &str, window: Window, totals: WindowTotals) -> SyncWindow {
    SyncWindow {
        source: source.to_owned(),
        window_start: (window.start() / SECOND) as u32,
        loki_count: 0,
        ch_count: totals.count,
        id_xor: totals.id_xor,
        bytes: totals.bytes,
        state: WindowState::Verified.as_str().to_owned(),
        reason: String::new(),
        checked_at: batch_id::now_us(),
    }
}

/// Pieces that the server takes as one block. A window lies within a UTC day, and so does every piece.
fn cut(rows: &[AppLog]) -> impl Iterator<Item = &[AppLog]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let len = rest
            .iter()
            .take(MAX_BATCH_ROWS)
            .take_while(|row| {
                bytes += row.message.len() + row.attrs.len() + 256;
                bytes <= MAX_BATCH_BYTES
            })
            .count()
            .max(1);
        let (piece, after) = rest.split_at_checked(len)?;
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use log_model::LogRecord;

    fn row(id: u64, message: &str) -> AppLog {
        let mut record = LogRecord::new(1, "h", "s", message);
        record.event_id = log_model::EventId(u128::from(id));
        AppLog::new(&record, 0)
    }

    #[test]
    fn pieces_hold_every_row_once_and_stay_below_the_limit() {
        assert_eq!(cut(&[]).count(), 0);
        let big = "x".repeat(MAX_BATCH_BYTES / 2);
        let rows = [row(1, &big), row(2, &big), row(3, "small")];
        let pieces: Vec<usize> = cut(&rows).map(<[_]>::len).collect();
        assert_eq!(pieces, [1, 2]);
    }

    #[test]
    fn a_difference_tells_missing_from_extra_and_doubled() {
        let stored = HashMap::from([(row(2, "").key(), 1), (row(3, "").key(), 3)]);
        let mut sides = Sides { rows: vec![row(1, "a"), row(2, "b")], stored, loki_count: 2, complete: true };
        assert_eq!(sides.difference(), Difference { missing: 1, extra: 1, doubled: 2 });
        let missing: Vec<_> = sides.take_missing().into_iter().map(|row| row.message).collect();
        assert_eq!(missing, ["a"]);
    }

    #[test]
    fn lines_that_loki_has_twice_make_no_difference() {
        let rows = vec![row(1, "a"), row(2, "b")];
        let stored = rows.iter().map(|row| (row.key(), 1)).collect();
        let sides = Sides { rows, stored, loki_count: 5, complete: true };
        let totals = |count| WindowTotals { count, id_xor: 1 ^ 2, bytes: 2 };
        assert!(sides.equal(totals(2)) && !sides.equal(totals(3)));
        assert_eq!(sides.repeats(), 3);
        let in_doubt = Sides { complete: false, ..sides };
        assert!(!in_doubt.equal(totals(2)));
        assert_eq!(in_doubt.repeats(), 0);
    }
}
