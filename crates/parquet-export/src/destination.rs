//! Where sets go: a directory, laid out as the object store will be.
//!
//! `logs/<table>/week=<week>/v<version>/` holds the files and, written last, `manifest.json`.

use crate::manifest::Manifest;
use crate::week::Week;
use anyhow::Context as _;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

const MANIFEST: &str = "manifest.json";

/// A directory that holds sets.
#[derive(Debug, Clone)]
pub struct Destination {
    root: PathBuf,
}

/// The place of one version of a set.
#[derive(Debug, Clone)]
pub struct Slot {
    directory: PathBuf,
}

impl Destination {
    /// The directory need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The newest version of a set: the one with the highest number among those that have a manifest.
    pub fn latest(&self, table: &str, week: Week) -> anyhow::Result<Option<Manifest>> {
        let directory = self.set(table, week);
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("list {}", directory.display())),
        };
        let mut latest: Option<Manifest> = None;
        for entry in entries {
            let file = entry.with_context(|| format!("list {}", directory.display()))?.path().join(MANIFEST);
            let text = match fs::read(&file) {
                Ok(text) => text,
                // A version without a manifest does not exist; its run was cut short.
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
                {
                    continue;
                }
                Err(error) => return Err(error).with_context(|| format!("read {}", file.display())),
            };
            let manifest: Manifest = serde_json::from_slice(&text)
                .with_context(|| format!("{}: not a manifest of ours", file.display()))?;
            if latest.as_ref().is_none_or(|known| known.version < manifest.version) {
                latest = Some(manifest);
            }
        }
        Ok(latest)
    }

    /// Makes room for a version; what an interrupted run left there is removed.
    pub fn open(&self, table: &str, week: Week, version: u32) -> anyhow::Result<Slot> {
        let directory = self.set(table, week).join(format!("v{version:04}"));
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::create_dir_all(&directory),
        }
        .with_context(|| format!("make {}", directory.display()))?;
        Ok(Slot { directory })
    }

    fn set(&self, table: &str, week: Week) -> PathBuf {
        self.root.join("logs").join(table).join(format!("week={week}"))
    }
}

impl Slot {
    /// Copies a finished file in: beside, synced, renamed.
    pub fn put(&self, name: &str, mut from: &File) -> anyhow::Result<()> {
        let context = || format!("write {}", self.directory.join(name).display());
        let beside = tempfile::NamedTempFile::new_in(&self.directory).with_context(context)?;
        io::Seek::rewind(&mut from).with_context(context)?;
        io::copy(&mut from, &mut beside.as_file()).with_context(context)?;
        beside.as_file().sync_all().with_context(context)?;
        beside.persist(self.directory.join(name)).with_context(context)?;
        Ok(())
    }

    /// Publishes the set. Its files are in place and synced before this.
    pub fn publish(&self, manifest: &Manifest) -> anyhow::Result<PathBuf> {
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .with_context(|| format!("sync {}", self.directory.display()))?;
        let path = self.directory.join(MANIFEST);
        let mut text = serde_json::to_vec_pretty(manifest).context("encode the manifest")?;
        text.push(b'\n');
        unit_kit::atomic::write(&path, &text)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{FORMAT, Fingerprint};

    fn manifest(version: u32) -> Manifest {
        Manifest {
            format: FORMAT,
            written_by: "parquet-export 0".to_owned(),
            written_at: "2026-11-23T00:00:00Z".to_owned(),
            table: "app_logs".to_owned(),
            week: "2026-W46".to_owned(),
            version,
            schema_version: 1,
            complete: true,
            verified_windows: 2016,
            rows: 0,
            bytes: 0,
            source: Fingerprint::default(),
            files: Vec::new(),
        }
    }

    #[test]
    fn a_version_exists_when_its_manifest_does() {
        let root = tempfile::tempdir().unwrap();
        let destination = Destination::new(root.path());
        let week = "2026-W46".parse().unwrap();
        assert_eq!(destination.latest("app_logs", week).unwrap(), None);

        destination.open("app_logs", week, 1).unwrap().publish(&manifest(1)).unwrap();
        destination.open("app_logs", week, 2).unwrap().publish(&manifest(2)).unwrap();
        let cut_short = destination.open("app_logs", week, 3).unwrap();
        std::fs::write(cut_short.directory.join("2026-11-09.parquet"), "half").unwrap();
        assert_eq!(destination.latest("app_logs", week).unwrap().unwrap().version, 2);

        let again = destination.open("app_logs", week, 3).unwrap();
        assert_eq!(std::fs::read_dir(&again.directory).unwrap().count(), 0);
    }
}
