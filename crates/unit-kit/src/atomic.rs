//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{action} {}: {source}", path.display())]
pub struct AtomicError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Writes a file so that a reader, or a crash at any moment, sees the old content or the new and nothing between:
/// written beside, synced, renamed, directory synced. The permissions are those of a new file.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), AtomicError> {
    replace(path, content.as_ref(), None)
}

/// The same with exact permissions, whatever the umask: for files that another user reads, or that nobody else may.
pub fn write_with_mode(path: &Path, content: impl AsRef<[u8]>, mode: u32) -> Result<(), AtomicError> {
    replace(path, content.as_ref(), Some(mode))
}

fn replace(path: &Path, content: &[u8], mode: Option<u32>) -> Result<(), AtomicError> {
    let beside = beside(path);
    let result = write_beside(&beside, path, content, mode).and_then(|()| {
        fs::rename(&beside, path).map_err(fail("rename into place", path))?;
        sync_parent(path)
    });
    if result.is_err() {
        // Best effort: the error that matters is the one returned.
        let _ = fs::remove_file(&beside);
    }
    result
}

/// Syncs the directory that holds `path`, so that a rename in it survives a power cut.
pub fn sync_parent(path: &Path) -> Result<(), AtomicError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(fail("sync directory", parent))
}

/// Errors name `path`: nobody knows the file beside it.
fn write_beside(beside: &Path, path: &Path, content: &[u8], mode: Option<u32>) -> Result<(), AtomicError> {
    let mut options = File::options();
    options.write(true).create_new(true);
    if let Some(mode) = mode {
        options.mode(mode);
    }
    let mut file = options.open(beside).map_err(fail("create", path))?;
    if let Some(mode) = mode {
        file.set_permissions(fs::Permissions::from_mode(mode)).map_err(fail("set permissions of", path))?;
    }
    file.write_all(content).map_err(fail("write", path))?;
    file.sync_all().map_err(fail("sync", path))
}

/// A name in the same directory that no other process or thread uses. It starts with a dot and does not end as the
/// file does, so that whoever watches the directory for `*.prom` or `*.yaml` never sees it.
fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{}-{count}.tmp", std::process::id()))
}

fn fail(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AtomicError {
    let path = path.to_owned();
    move |source| AtomicError { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_the_content_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        write(&path, "one").unwrap();
        write(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_keeps_the_old_and_cleans_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "").unwrap();
        let message = write(&path, "new").unwrap_err().to_string();
        assert!(message.starts_with(&format!("rename into place {}", path.display())), "{message}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_mode_is_exact() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        for mode in [0o644, 0o600, 0o666] {
            write_with_mode(&path, "x", mode).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        }
    }

    #[test]
    fn the_error_names_what_was_done_to_which_file() {
        let message = write(Path::new("/nonexistent/file"), "").unwrap_err().to_string();
        assert!(message.starts_with("create /nonexistent/file: "), "{message}");
    }
}
