//! What loki2ch knows to be complete.

use crate::error::Result;
use crate::rows::{SyncBatch, SyncWindow, WindowState};
use crate::store::Store;
use log_model::time::SECOND;
use log_model::{WINDOW_NS, Window};

/// States that count as complete.
const DONE: &str = "('verified', 'settled')";

impl SyncWindow {
    /// The window that the row is about.
    pub fn window(&self) -> Window {
        Window::containing(i64::from(self.window_start) * SECOND)
    }

    /// Whether both sides were equal when last looked at.
    pub fn is_done(&self) -> bool {
        [WindowState::Verified, WindowState::Settled].iter().any(|state| state.as_str() == self.state)
    }
}

impl Store {
    /// Writes what is known about windows; a later row of a window replaces the earlier.
    pub async fn write_windows(&self, windows: &[SyncWindow]) -> Result<()> {
        self.insert_rows("sync_windows", windows).await
    }

    /// Records batches that were counted back.
    pub async fn write_batches(&self, batches: &[SyncBatch]) -> Result<()> {
        self.insert_rows("sync_batches", batches).await
    }

    /// What is known about the windows of `[from, to)`, oldest first.
    pub async fn windows(&self, source: &str, from: Window, to: Window) -> Result<Vec<SyncWindow>> {
        let query = self
            .query(
                "SELECT ?fields FROM logs.sync_windows FINAL \
                 WHERE source = ? AND window_start >= toDateTime(?, 'UTC') AND window_start < toDateTime(?, 'UTC') \
                 ORDER BY window_start",
            )
            .bind(source)
            .bind(from.start() / SECOND)
            .bind(to.start() / SECOND);
        self.all("read logs.sync_windows", query).await
    }

    /// The windows of `[from, to)` that every source that knows them calls complete, oldest first.
    pub async fn complete_windows(&self, from: Window, to: Window) -> Result<Vec<Window>> {
        let sql = format!(
            "SELECT toInt64(toUnixTimestamp(window_start)) AS start FROM logs.sync_windows FINAL \
             WHERE window_start >= toDateTime(?, 'UTC') AND window_start < toDateTime(?, 'UTC') \
             GROUP BY window_start HAVING min(state IN {DONE}) ORDER BY window_start"
        );
        let query = self.query(&sql).bind(from.start() / SECOND).bind(to.start() / SECOND);
        let starts: Vec<i64> = self.all("read logs.sync_windows", query).await?;
        Ok(starts.into_iter().map(|start| Window::containing(start * SECOND)).collect())
    }

    /// How many windows of a source are in each state.
    pub async fn windows_by_state(&self, source: &str) -> Result<Vec<(String, u64)>> {
        let query = self
            .query(
                "SELECT toString(state) AS state, count() AS windows FROM logs.sync_windows FINAL \
                 WHERE source = ? GROUP BY state ORDER BY state",
            )
            .bind(source);
        self.all("read logs.sync_windows", query).await
    }

    /// The windows of a source that somebody should look at, newest first.
    pub async fn suspect_windows(&self, source: &str, limit: u32) -> Result<Vec<SyncWindow>> {
        let query = self
            .query(
                "SELECT ?fields FROM logs.sync_windows FINAL WHERE source = ? AND state = 'suspect' \
                 ORDER BY window_start DESC LIMIT ?",
            )
            .bind(source)
            .bind(limit);
        self.all("read logs.sync_windows", query).await
    }

    /// The first window that is not known to be complete: the end of the contiguous run of complete
    /// windows that the oldest one begins. None if no window of this source was ever looked at.
    pub async fn watermark(&self, source: &str) -> Result<Option<Window>> {
        let window_seconds = WINDOW_NS / SECOND;
        let sql = format!(
            "SELECT toInt64(toUnixTimestamp(min(window_start) + {window_seconds})) AS end
             FROM (
                 SELECT window_start,
                     leadInFrame(window_start, 1, toDateTime(0, 'UTC')) OVER w AS following,
                     state IN {DONE} AS done,
                     leadInFrame(state IN {DONE}, 1, false) OVER w AS following_done
                 FROM logs.sync_windows FINAL WHERE source = ?
                 WINDOW w AS (ORDER BY window_start ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
             )
             WHERE done AND (following != window_start + {window_seconds} OR NOT following_done)
             HAVING count() > 0"
        );
        let end: Option<i64> =
            self.optional("find the verified prefix", self.query(&sql).bind(source)).await?;
        let oldest: Option<(i64, bool)> = self
            .optional(
                "find the oldest window",
                self.query(&format!(
                    "SELECT toInt64(toUnixTimestamp(window_start)) AS start, state IN {DONE} AS done \
                     FROM logs.sync_windows FINAL WHERE source = ? ORDER BY window_start LIMIT 1"
                ))
                .bind(source),
            )
            .await?;
        Ok(match (oldest, end) {
            (None, _) => None,
            (Some((_, true)), Some(end)) => Some(Window::containing(end * SECOND)),
            (Some((start, _)), _) => Some(Window::containing(start * SECOND)),
        })
    }
}
