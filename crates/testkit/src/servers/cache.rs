//! The cache folder: one folder for each server and version, complete or not there.

use super::{Look, Report, Server, State};
use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The list of what is in a server's folder. Written last.
const LIST: &str = "installed.json";

#[derive(Debug, Serialize, Deserialize)]
struct Installed {
    name: String,
    version: String,
    files: Vec<InstalledFile>,
}

#[derive(Debug, Serialize, Deserialize)]
struct InstalledFile {
    name: String,
    bytes: u64,
    sha256: String,
}

/// The cache folder. It need not exist yet.
pub fn folder() -> anyhow::Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("YAGURA_SERVERS") {
        return std::path::absolute(folder).context("YAGURA_SERVERS");
    }
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let cache = cache.context("no cache folder: neither YAGURA_SERVERS, XDG_CACHE_HOME nor HOME is set")?;
    Ok(cache.join("yagura/servers"))
}

/// What the cache holds of a server.
pub(super) fn state(server: &Server, look: Look) -> anyhow::Result<State> {
    let folder = folder_of(server)?;
    if !folder.try_exists().with_context(|| format!("look for {}-{}", server.name, server.version))? {
        return Ok(State::Missing);
    }
    Ok(match verify(&folder, server, look) {
        Ok(()) => State::Cached { folder },
        Err(reason) => State::Damaged { reason: format!("{reason:#}") },
    })
}

/// Held while a server is installed; released when dropped, or when the process ends.
pub(super) fn lock(server: &Server, report: &dyn Report) -> anyhow::Result<File> {
    let folder = folder()?;
    fs::create_dir_all(&folder).context("make it")?;
    let path = folder.join(format!(".{}.lock", server.name));
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => report.doing(server, "waiting: another process is installing it"),
        Err(TryLockError::Error(error)) => return Err(error).context("lock"),
    }
    file.lock().with_context(|| format!("lock {}", path.display()))?;
    Ok(file)
}

/// A directory to work in, on the same file system as the cache folder. The caller holds the lock, so what is left
/// there of earlier attempts is nobody's.
pub(super) fn work_dir(server: &Server) -> anyhow::Result<TempDir> {
    let folder = folder()?;
    let prefix = format!(".work-{}-", server.name);
    for entry in fs::read_dir(&folder).context("list it")? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            fs::remove_dir_all(entry.path()).with_context(|| format!("remove {}", entry.path().display()))?;
        }
    }
    let dir =
        tempfile::Builder::new().prefix(&prefix).tempdir_in(&folder).context("make a directory in it")?;
    fs::create_dir(dir.path().join(super::Built::OUT))?;
    Ok(dir)
}

/// Moves a directory with a server's programs to its place, replacing what is there. Returns the place.
pub(super) fn publish(server: &Server, built: &Path) -> anyhow::Result<PathBuf> {
    let mut files = Vec::new();
    for program in server.programs {
        let path = built.join(program);
        File::open(&path).and_then(|file| file.sync_all()).with_context(|| format!("sync {program}"))?;
        let bytes = fs::metadata(&path)?.len();
        files.push(InstalledFile { name: (*program).to_owned(), bytes, sha256: sha256_of(&path)? });
    }
    let list = Installed { name: server.name.to_owned(), version: server.version.to_owned(), files };
    let mut file = File::create(built.join(LIST))?;
    file.write_all(&serde_json::to_vec_pretty(&list)?)?;
    file.sync_all()?;
    let target = folder_of(server)?;
    match fs::remove_dir_all(&target) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("remove {}", target.display()));
        }
        _ => {}
    }
    fs::rename(built, &target).with_context(|| format!("move to {}", target.display()))?;
    File::open(folder()?)?.sync_all()?;
    Ok(target)
}

fn folder_of(server: &Server) -> anyhow::Result<PathBuf> {
    Ok(folder()?.join(format!("{}-{}", server.name, server.version)))
}

fn verify(folder: &Path, server: &Server, look: Look) -> anyhow::Result<()> {
    let list = folder.join(LIST);
    let text = fs::read(&list).with_context(|| format!("read {}", list.display()))?;
    let installed: Installed =
        serde_json::from_slice(&text).with_context(|| format!("read {}", list.display()))?;
    for program in server.programs {
        let path = folder.join(program);
        let Some(expected) = installed.files.iter().find(|file| file.name == *program) else {
            bail!("{} does not list {program}", list.display());
        };
        let bytes = fs::metadata(&path).with_context(|| path.display().to_string())?.len();
        if bytes != expected.bytes {
            bail!("{} has {bytes} bytes instead of {}", path.display(), expected.bytes);
        }
        if look == Look::Thorough && sha256_of(&path)? != expected.sha256 {
            bail!("{} does not have the checksum it was installed with", path.display());
        }
    }
    Ok(())
}

fn sha256_of(path: &Path) -> anyhow::Result<String> {
    let mut file = File::open(path).with_context(|| format!("read {}", path.display()))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).with_context(|| format!("read {}", path.display()))?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
    }
    Ok(hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}
