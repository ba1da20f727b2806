//! Where the engines' programs come from: PATH, or the user's cache folder, which [`install`] fills.
//!
//! The cache folder is `yagura/servers` in `$XDG_CACHE_HOME` (or `~/.cache`), so that clean checkouts share it;
//! `YAGURA_SERVERS` names another. Every server has a folder of its own with its version in the name, put there by one
//! rename, with a list of what is in it: what was interrupted is not there, what was damaged is noticed.
//!
//! Nothing is taken from PATH that is too old, and nothing is downloaded by [`locate`].

mod cache;
mod catalogue;
mod go;
mod npm;

pub use cache::folder;
pub use catalogue::{CATALOGUE, LIBCHDB, Server, Source};

use crate::process;
use anyhow::Context as _;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Where a server's programs are, or why they can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// On PATH, recent enough.
    Path {
        /// The folder that holds the programs.
        folder: PathBuf,
    },
    /// In the cache folder, whole.
    Cached {
        /// The folder that holds the programs.
        folder: PathBuf,
    },
    /// Nowhere.
    Missing,
    /// In the cache folder, but not as it was installed.
    Damaged {
        /// What is wrong with which file.
        reason: String,
    },
}

/// How closely [`state`] looks at the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// All files are there with the size they were installed with.
    Quick,
    /// Their checksums are right, too.
    Thorough,
}

/// Tells whoever waits how an installation goes.
pub trait Report {
    /// What is being done now, as a short phrase.
    fn doing(&self, server: &Server, what: &str);
    /// How far it is. Called often.
    fn progress(&self, done: u64, total: u64, unit: Unit);
}

/// What [`Report::progress`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes downloaded or unpacked.
    Bytes,
    /// Go packages compiled.
    Packages,
}

/// Why a server can't be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Something on this machine has to be there first.
    #[error("{server}: {problem}\nhint: {hint}")]
    Prerequisite {
        /// The server to install.
        server: &'static str,
        /// What is not there.
        problem: String,
        /// What to do about it.
        hint: String,
    },
    /// A download or build did not succeed. May do so later.
    #[error("install {server}")]
    Failed {
        /// The server to install.
        server: &'static str,
        /// What happened.
        #[source]
        source: anyhow::Error,
    },
    /// The cache folder can't be used.
    #[error("cache folder {}: {reason:#}\nhint: make it usable, or name another folder in YAGURA_SERVERS", folder.display())]
    Cache {
        /// The cache folder.
        folder: PathBuf,
        /// What happened.
        reason: anyhow::Error,
    },
}

/// The server of that name.
pub fn find(name: &str) -> Option<&'static Server> {
    CATALOGUE.iter().find(|server| server.name == name)
}

/// The path of a program (or of `libchdb.so`): on PATH when recent enough there, else in the cache folder.
///
/// `None` says that whoever needs it has to be skipped by name, with `cargo xtask servers` as the hint.
pub fn locate(program: &str) -> Option<PathBuf> {
    let server = CATALOGUE.iter().find(|server| server.programs.contains(&program))?;
    match state(server, Look::Quick).ok()? {
        State::Path { folder } | State::Cached { folder } => Some(folder.join(program)),
        State::Missing | State::Damaged { .. } => None,
    }
}

/// Where a server is now.
pub fn state(server: &Server, look: Look) -> anyhow::Result<State> {
    if let Some(folder) = on_path(server) {
        return Ok(State::Path { folder });
    }
    cache::state(server, look)
}

/// Makes sure that a server is there: does nothing when it is, else downloads or builds it. An installation that `look`
/// finds damaged is replaced. Waits while another process installs the same server.
///
/// Blocks for minutes when something is to be built.
pub fn install(server: &'static Server, look: Look, report: &dyn Report) -> Result<State, InstallError> {
    let cache_error = |reason| InstallError::Cache { folder: folder().unwrap_or_default(), reason };
    if let found @ (State::Path { .. } | State::Cached { .. }) = state(server, look).map_err(cache_error)? {
        return Ok(found);
    }
    let _lock = cache::lock(server, report).map_err(cache_error)?;
    // Whoever held the lock may just have installed it.
    if let found @ State::Cached { .. } = cache::state(server, look).map_err(cache_error)? {
        return Ok(found);
    }
    let work = cache::work_dir(server).map_err(cache_error)?;
    let built = match &server.source {
        Source::Npm(package) => npm::fetch(server, package, work, report)?,
        Source::Go(module) => go::build(server, module, work, report)?,
    };
    report.doing(server, "putting it in place");
    let folder = cache::publish(server, &built.files()).map_err(cache_error)?;
    Ok(State::Cached { folder })
}

/// What a download or build leaves: a directory with the server's programs, inside of a process's own directory.
#[derive(Debug)]
struct Built {
    /// Keeps the directory alive until its files are in place.
    process: process::Process,
}

impl Built {
    /// Name of the folder with the programs, inside of the working directory.
    const OUT: &'static str = "out";

    fn files(&self) -> PathBuf {
        self.process.dir().join(Self::OUT)
    }
}

impl InstallError {
    /// Whether trying again later, or after what the hint says, may help.
    pub fn is_unavailable(&self) -> bool {
        !matches!(self, Self::Cache { .. })
    }

    fn failed(server: &Server) -> impl FnOnce(anyhow::Error) -> Self {
        let server = server.name;
        move |source| Self::Failed { server, source }
    }
}

/// The folder on PATH that holds all programs of a server in a good version.
fn on_path(server: &Server) -> Option<PathBuf> {
    let main = process::resolve(Path::new(server.programs.first()?))?;
    let folder = main.parent()?.to_owned();
    let whole = server.programs.iter().all(|program| process::resolve(&folder.join(program)).is_some());
    let recent = server.oldest.is_none_or(|oldest| version_of(&main).is_ok_and(|version| version >= oldest));
    (whole && recent).then_some(folder)
}

/// Major and minor version that a program prints with `--version`.
fn version_of(program: &Path) -> anyhow::Result<(u32, u32)> {
    let output = std::process::Command::new(program).arg("--version").output()?;
    let text = [output.stdout, output.stderr].concat();
    first_version(&String::from_utf8_lossy(&text))
        .with_context(|| format!("{} --version prints no version", program.display()))
}

/// The first `MAJOR.MINOR` in a text.
fn first_version(text: &str) -> Option<(u32, u32)> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.')).find_map(|word| {
        let mut parts = word.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions_as_the_engines_print_them() {
        assert_eq!(first_version("loki, version 3.7.8 (branch: , revision: unknown)"), Some((3, 7)));
        assert_eq!(first_version("ClickHouse server version 26.3.12.3 (official build)."), Some((26, 3)));
        assert_eq!(first_version("alertmanager, version  (branch: , revision: unknown)"), None);
    }

    #[test]
    fn every_program_belongs_to_one_server() {
        let programs: Vec<_> = CATALOGUE.iter().flat_map(|server| server.programs).collect();
        let distinct: std::collections::BTreeSet<_> = programs.iter().collect();
        assert_eq!(programs.len(), distinct.len());
    }

    #[test]
    fn a_program_of_no_server_is_nowhere() {
        assert_eq!(locate("sh"), None);
    }
}
