//! Lines that Loki refuses are kept, with Loki's words.

use anyhow::Context as _;
use log_model::time::rfc3339;
use loki_client::Rejected;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

const FILE: &str = "dead-letter.jsonl";

/// A file with one JSON object a line, in the state directory. Made when the first line needs it.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    path: PathBuf,
}

impl DeadLetters {
    pub(crate) fn in_dir(state_dir: &Path) -> Self {
        Self { path: state_dir.join(FILE) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps these lines; they are on disk when this returns.
    pub(crate) fn keep(&self, rejected: &[Rejected], now: i64) -> anyhow::Result<()> {
        let mut text = Vec::new();
        for letter in rejected {
            let metadata: BTreeMap<_, _> = letter.entry.metadata.iter().map(|(k, v)| (k, v)).collect();
            let object = json!({
                "at": rfc3339(now),
                "reason": letter.reason,
                "ts": rfc3339(letter.entry.ts),
                "labels": letter.labels,
                "line": letter.entry.line,
                "metadata": metadata,
            });
            serde_json::to_writer(&mut text, &object)?;
            text.push(b'\n');
        }
        let write = || -> std::io::Result<()> {
            if let Some(dir) = self.path.parent() {
                fs::create_dir_all(dir)?;
            }
            let mut file = File::options().create(true).append(true).open(&self.path)?;
            file.write_all(&text)?;
            file.sync_all()
        };
        write().with_context(|| format!("keep refused lines in {}", self.path.display()))?;
        Ok(unit_kit::atomic::sync_parent(&self.path)?)
    }
}
