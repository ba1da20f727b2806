//! Files as sources.

use crate::assemble::{Assembler, Origin};
use crate::lines::LineReader;
use crate::times::Shift;
use anyhow::{Context as _, bail};
use flate2::read::MultiGzDecoder;
use log_model::parse::Format;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use unit_kit::Progress;

const BUFFER: usize = 128 * 1024;

/// A file that is open, so that it can no longer turn out to be unreadable.
#[derive(Debug)]
pub(crate) struct FileSource {
    pub(crate) path: PathBuf,
    /// Bytes on disk.
    pub(crate) size: u64,
    identity: String,
    modified: i64,
    file: File,
}

/// What a first look at a file's lines tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) oldest: i64,
    pub(crate) newest: i64,
}

impl FileSource {
    /// Opens a file.
    pub(crate) fn open(path: &Path, now: i64) -> anyhow::Result<Self> {
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("open {shown}"))?;
        let metadata = file.metadata().with_context(|| format!("look at {shown}"))?;
        if metadata.is_dir() {
            bail!("open {shown}: is a directory, expected a file");
        }
        let canonical = path.canonicalize().with_context(|| format!("look at {shown}"))?;
        let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            path: path.to_owned(),
            size: metadata.len(),
            identity: canonical.to_string_lossy().into_owned(),
            // A file from the future would be refused.
            modified: modified.map_or(now, |at| at.as_nanos() as i64).min(now),
            file,
        })
    }

    /// What the lines of this file have in common. Reads the first of them.
    pub(crate) fn origin(
        &self,
        host: &str,
        service: Option<&str>,
        unit: Option<&str>,
        format: Format,
    ) -> anyhow::Result<Origin> {
        let mut origin = Origin {
            host: host.to_owned(),
            service: service_of(&self.path),
            unit: unit.unwrap_or_default().to_owned(),
            identity: self.identity.clone(),
            format,
            fallback: self.modified,
        };
        if let Some(service) = service {
            service.clone_into(&mut origin.service);
        } else if format == Format::Nginx || format == Format::Auto && self.is_access_log(&origin)? {
            "nginx".clone_into(&mut origin.service);
        }
        Ok(origin)
    }

    fn is_access_log(&self, origin: &Origin) -> anyhow::Result<bool> {
        let mut reader = self.reader(None)?;
        let mut assembler = Assembler::new(origin, Shift::NONE);
        while let Some(piece) = reader.next_piece().with_context(|| self.reading(0))? {
            if let Some(record) = assembler.records(&piece).first() {
                let names = ["client", "bytes"];
                return Ok(!record.message.starts_with('{')
                    && names.iter().all(|name| record.attrs.contains_key(*name)));
            }
        }
        Ok(false)
    }

    /// The oldest and the newest time in the file; `None` if it has no lines. Reads all of it.
    pub(crate) fn span(&self, origin: &Origin) -> anyhow::Result<Option<Span>> {
        let mut reader = self.reader(None)?;
        let mut assembler = Assembler::new(origin, Shift::NONE);
        let mut span: Option<Span> = None;
        while let Some(piece) = reader.next_piece().with_context(|| self.reading(0))? {
            for record in assembler.records(&piece) {
                let so_far = span.unwrap_or(Span { oldest: record.ts, newest: record.ts });
                span =
                    Some(Span { oldest: so_far.oldest.min(record.ts), newest: so_far.newest.max(record.ts) });
            }
        }
        Ok(span)
    }

    /// Reads from the start, unpacked.
    pub(crate) fn reader(&self, progress: Option<Progress>) -> anyhow::Result<LineReader<Box<dyn BufRead>>> {
        let mut file = self.file.try_clone().with_context(|| self.reading(0))?;
        file.rewind().with_context(|| self.reading(0))?;
        let counted = Counted { inner: file, progress };
        let packed = self.path.extension().is_some_and(|extension| extension == "gz");
        Ok(LineReader::new(if packed {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(counted)))
        } else {
            Box::new(BufReader::with_capacity(BUFFER, counted))
        }))
    }

    /// What was being done, for an error.
    pub(crate) fn reading(&self, offset: u64) -> String {
        match offset {
            0 => format!("read {}", self.path.display()),
            offset => format!("read {} after byte {offset}", self.path.display()),
        }
    }
}

/// Tells a progress bar how far the file on disk is read.
struct Counted {
    inner: File,
    progress: Option<Progress>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(into)?;
        if let Some(progress) = &self.progress {
            progress.inc(n as u64);
        }
        Ok(n)
    }
}

/// The service that a file's name suggests: without rotation numbers and what says "log".
fn service_of(path: &Path) -> String {
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut stem = name.as_str();
    while let Some((rest, suffix)) = stem.rsplit_once('.') {
        let known = matches!(suffix, "gz" | "log" | "json" | "jsonl" | "ndjson" | "txt" | "out" | "err");
        if rest.is_empty() || !(known || suffix.bytes().all(|byte| byte.is_ascii_digit())) {
            break;
        }
        stem = rest;
    }
    stem.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_the_name_without_rotation_and_endings() {
        for (path, service) in [
            ("/var/log/photo-api.json", "photo-api"),
            ("app.log.2.gz", "app"),
            ("my.app.log", "my.app"),
            ("messages", "messages"),
            (".log", ".log"),
            ("Linux_2k.log", "Linux_2k"),
        ] {
            assert_eq!(service_of(Path::new(path)), service, "{path}");
        }
    }
}
