//! The one open batch, on disk: its rows in a spool file, what is known about it in a journal.
//!
//! The spool is written and synced before the journal, the journal is removed before the spool: a journal
//! always has its spool. What a crash leaves behind without a journal was never sent, or is done with.

use anyhow::Context as _;
use log_store::{BatchRef, EncodedBatch};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use unit_kit::atomic;

/// What is known about the open batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenBatch {
    pub(crate) source: String,
    /// Seconds since the epoch.
    pub(crate) window_start: u32,
    pub(crate) batch: BatchRef,
    /// The attempt that was or is about to be sent, from 1.
    pub(crate) attempt: u16,
    /// Start of the server that it was sent to, seconds since the epoch.
    pub(crate) server_started: i64,
}

/// The folder of the open batch.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    dir: PathBuf,
}

impl Journal {
    /// The journal of a state directory, which is made if it is not there.
    pub(crate) fn open(state_dir: &Path) -> anyhow::Result<Self> {
        let dir = state_dir.join("open-batch");
        fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        Ok(Self { dir })
    }

    /// Looks without making anything.
    pub(crate) fn peek(state_dir: &Path) -> anyhow::Result<Option<OpenBatch>> {
        Self { dir: state_dir.join("open-batch") }.read()
    }

    /// What a run before left open.
    pub(crate) fn read(&self) -> anyhow::Result<Option<OpenBatch>> {
        let path = self.journal();
        match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .with_context(|| format!("{} is not a journal of this program", path.display())),
        }
    }

    /// The rows of the open batch; none if they are not there whole.
    pub(crate) fn rows(&self, open: &OpenBatch) -> anyhow::Result<Option<EncodedBatch>> {
        let path = self.spool();
        match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
            Ok(bytes) => Ok(EncodedBatch::restore(open.batch.clone(), bytes.into())),
        }
    }

    /// Keeps a batch before it is sent.
    pub(crate) fn begin(&self, open: &OpenBatch, rows: &EncodedBatch) -> anyhow::Result<()> {
        atomic::write(&self.spool(), &rows.bytes)?;
        self.note(open)
    }

    /// Keeps what changed about the open batch: another attempt.
    pub(crate) fn note(&self, open: &OpenBatch) -> anyhow::Result<()> {
        atomic::write(&self.journal(), serde_json::to_vec(open)?)?;
        Ok(())
    }

    /// Forgets the open batch: it has arrived, or will never be sent again.
    pub(crate) fn clear(&self) -> anyhow::Result<()> {
        for path in [self.journal(), self.spool()] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("remove {}", path.display()));
                }
                _ => atomic::sync_parent(&path)?,
            }
        }
        Ok(())
    }

    fn journal(&self) -> PathBuf {
        self.dir.join("journal.json")
    }

    fn spool(&self) -> PathBuf {
        self.dir.join("rows.bin")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use log_model::LogRecord;
    use log_store::rows::AppLog;

    fn open_batch() -> (OpenBatch, EncodedBatch) {
        let rows = EncodedBatch::new(7, &[AppLog::new(&LogRecord::new(1, "h", "s", "line"), 7)]);
        let open = OpenBatch {
            source: "loki".to_owned(),
            window_start: 0,
            batch: rows.batch.clone(),
            attempt: 1,
            server_started: 5,
        };
        (open, rows)
    }

    #[test]
    fn an_open_batch_is_found_again_with_its_rows_until_it_is_cleared() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        assert_eq!(journal.read().unwrap(), None);
        let (open, rows) = open_batch();
        journal.begin(&open, &rows).unwrap();
        assert_eq!(Journal::peek(dir.path()).unwrap(), Some(open.clone()));
        assert_eq!(journal.rows(&open).unwrap(), Some(rows));
        journal.clear().unwrap();
        assert_eq!(journal.read().unwrap(), None);
    }

    #[test]
    fn damaged_rows_are_not_taken_for_the_batch() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        let (open, rows) = open_batch();
        journal.begin(&open, &rows).unwrap();
        std::fs::write(dir.path().join("open-batch/rows.bin"), "other").unwrap();
        assert_eq!(journal.rows(&open).unwrap(), None);
    }
}
