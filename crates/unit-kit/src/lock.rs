//! One run at a time: a lock in the state directory that names its holder.
//!
//! The kernel holds the lock (flock), so it ends with the process however that dies. The file stays behind and its
//! content is only for people: what a dead process wrote there does no harm.

use chrono::{SecondsFormat, Utc};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// File name of the lock inside the state directory.
pub const LOCK_FILE: &str = "lock";

/// The right to run. Released when dropped, or when the process ends in whatever way.
#[derive(Debug)]
pub struct RunLock {
    // Held open: closing it is what releases the lock.
    _file: File,
    path: PathBuf,
}

/// Who holds a lock, as written in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// The command line it was started with.
    pub command: String,
    /// When it took the lock, RFC 3339 UTC.
    pub since: String,
}

/// Why a lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run holds it.
    #[error("another run holds {}: {}", path.display(), describe(holder.as_ref()))]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, if it had the time to say so.
        holder: Option<Holder>,
    },
    /// The state directory or the file in it cannot be used.
    #[error("lock {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl RunLock {
    /// Takes the lock of a state directory, which is made if it is missing. Never waits.
    pub fn take(state_dir: &Path) -> Result<Self, LockError> {
        let command: Vec<_> = std::env::args().collect();
        Self::take_as(state_dir, &command.join(" "))
    }

    fn take_as(state_dir: &Path, command: &str) -> Result<Self, LockError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| LockError::Io { path, source }
        };
        fs::create_dir_all(state_dir).map_err(failed(state_dir))?;
        let path = state_dir.join(LOCK_FILE);
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let holder = file.read_to_string(&mut text).ok().and_then(|_| Holder::parse(&text));
                return Err(LockError::Held { path, holder });
            }
            Err(TryLockError::Error(source)) => return Err(LockError::Io { path, source }),
        }
        let holder = Holder {
            pid: std::process::id(),
            command: command.replace('\n', " "),
            since: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        };
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(holder.render().as_bytes()))
            .map_err(failed(&path))?;
        Ok(Self { _file: file, path })
    }

    /// The lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Holder {
    fn render(&self) -> String {
        format!("pid={}\nsince={}\ncommand={}\n", self.pid, self.since, self.command)
    }

    fn parse(text: &str) -> Option<Self> {
        let get = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        Some(Self {
            pid: get("pid")?.parse().ok()?,
            command: get("command")?.into(),
            since: get("since")?.into(),
        })
    }
}

fn describe(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder { pid, command, since }) => format!("process {pid} (`{command}`) since {since}"),
        None => "a process that has not written its name yet".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_run_is_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("not/yet/there");
        let first = RunLock::take_as(&state, "loki2ch sync --once").unwrap();
        let error = RunLock::take_as(&state, "loki2ch status").unwrap_err();
        let LockError::Held { holder: Some(holder), .. } = &error else { panic!("{error:?}") };
        assert_eq!((holder.pid, holder.command.as_str()), (std::process::id(), "loki2ch sync --once"));
        assert!(error.to_string().contains("(`loki2ch sync --once`) since 20"), "{error}");
        drop(first);
        RunLock::take_as(&state, "loki2ch status").unwrap();
    }

    #[test]
    fn what_a_dead_process_left_does_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        let long = format!("pid=1\nsince=x\ncommand={}\n", "y".repeat(10_000));
        fs::write(dir.path().join(LOCK_FILE), long).unwrap();
        let lock = RunLock::take_as(dir.path(), "new").unwrap();
        let holder = Holder::parse(&fs::read_to_string(lock.path()).unwrap()).unwrap();
        assert_eq!((holder.pid, holder.command.as_str()), (std::process::id(), "new"));
    }

    #[test]
    fn a_holder_that_wrote_nothing_yet_is_reported_as_such() {
        let dir = tempfile::tempdir().unwrap();
        let lock = RunLock::take_as(dir.path(), "first").unwrap();
        fs::write(lock.path(), "").unwrap();
        let error = RunLock::take_as(dir.path(), "second").unwrap_err().to_string();
        assert!(error.ends_with("a process that has not written its name yet"), "{error}");
    }

    #[test]
    fn a_state_directory_that_cannot_be_made_is_named() {
        let error = RunLock::take_as(Path::new("/proc/nope"), "x").unwrap_err().to_string();
        assert!(error.starts_with("lock /proc/nope: "), "{error}");
    }
}
