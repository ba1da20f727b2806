//! cargo-deny: licences, sources and doubled versions, as `deny.toml` says.

use super::cargo;
use crate::report::say;
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::{process, servers};

/// The version that is built where PATH has none: 90 s on two cores, once for all checkouts.
const VERSION: &str = "0.20.2";

pub(super) fn run() -> anyhow::Result<()> {
    let program = match process::resolve(Path::new("cargo-deny")) {
        Some(program) => program,
        None => install()?,
    };
    // Advisories need a database from the network, and a new one fails a build that changed nothing.
    let status = Command::new(program)
        .args(["--locked", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"])
        .current_dir(super::root())
        .status()
        .context("run cargo-deny")?;
    anyhow::ensure!(status.success(), "cargo deny check failed ({status})");
    Ok(())
}

fn install() -> anyhow::Result<PathBuf> {
    let folder = servers::folder()?.join(format!("cargo-deny-{VERSION}"));
    let program = folder.join("bin/cargo-deny");
    if program.exists() {
        return Ok(program);
    }
    say(&format!("building cargo-deny {VERSION}"));
    let root = folder.to_str().with_context(|| format!("{} is not UTF-8", folder.display()))?;
    cargo(&["install", "cargo-deny", "--locked", "--quiet", "--version", VERSION, "--root", root], &[])?;
    Ok(program)
}
