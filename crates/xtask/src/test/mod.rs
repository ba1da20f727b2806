//! `cargo xtask test`: every check there is, one after the other, and what came of each.

mod deny;
mod output;

use crate::report::say;
use crate::{servers, tidy};
use anyhow::{Context as _, bail};
use output::TestRun;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use unit_kit::{Outcome, Output, Summary, Table};

/// Installs what the tests need, then: rustfmt, clippy, build, tests, crate rules, licences, docs.
/// A step that fails does not stop the others
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Install nothing; of the tests only those inside of crates; no licences, no docs
    #[arg(long)]
    fast: bool,
    /// Only the tests whose name contains this, and nothing else
    filter: Option<String>,
}

/// A step that was done.
struct Step {
    name: &'static str,
    took: Duration,
    result: anyhow::Result<()>,
}

struct Steps(Vec<Step>);

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let mut steps = Steps(Vec::new());
    let mut tests = TestRun::default();
    let whole = args.filter.is_none();

    if !args.fast {
        steps.run("servers", servers::install_all);
    }
    if whole {
        steps.run("fmt", || cargo(&["fmt", "--all", "--check"], &[]));
        let clippy =
            ["clippy", "--workspace", "--all-targets", "--locked", "--keep-going", "--", "-D", "warnings"];
        steps.run("clippy", || cargo(&clippy, &[]));
    }
    // Tests that cross tools run the binaries that lie in the target directory. With all targets, what is built here is
    // what the tests need: their features differ.
    steps.run("build", || cargo(&["build", "--workspace", "--all-targets", "--locked"], &[]));
    steps.run("tests", || {
        let mut command = cargo_command();
        command.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
        if args.fast {
            command.args(["--lib", "--bins"]);
        }
        command.args(&args.filter).args(["--", "--show-output"]);
        tests = TestRun::of(command)?;
        tests.verdict()
    });
    if whole {
        steps.run("tidy", || tidy::run().map(drop));
    }
    if whole && !args.fast {
        steps.run("deny", deny::run);
        let strict = [("RUSTDOCFLAGS", "-D warnings")];
        steps
            .run("docs", || cargo(&["doc", "--workspace", "--no-deps", "--locked", "--keep-going"], &strict));
    }
    steps.print(&tests, started.elapsed())
}

impl Steps {
    fn run(&mut self, name: &'static str, step: impl FnOnce() -> anyhow::Result<()>) {
        say(&format!("== {name}"));
        let started = Instant::now();
        let result = step();
        if let Err(error) = &result {
            say(unit_kit::render(name, error).trim_end());
        }
        self.0.push(Step { name, took: started.elapsed(), result });
    }

    fn print(&self, tests: &TestRun, took: Duration) -> anyhow::Result<Outcome> {
        let out = Output::stdout();
        for skipped in &tests.skipped {
            out.line(format_args!("skipped: {skipped}"))?;
        }
        let mut table = Table::new(["step", "result", "seconds"]);
        for step in &self.0 {
            let result = if step.result.is_ok() { "ok" } else { "FAILED" };
            table.row([step.name, result, &format!("{:.1}", step.took.as_secs_f64())]);
        }
        out.table(&table)?;
        let failed: Vec<&str> =
            self.0.iter().filter(|step| step.result.is_err()).map(|step| step.name).collect();
        let summary = Summary::new("tested")
            .field("steps", self.0.len())
            .field("steps_failed", failed.len())
            .took(took);
        out.summary(&summary)?;
        let (passed, failures, skipped) = (tests.passed, tests.failed, tests.skipped.len());
        out.line(format_args!("{passed} passed, {failures} failed, {skipped} skipped"))?;
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(Outcome::Done)
    }
}

/// Cargo, in the workspace's root wherever this was called.
fn cargo_command() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs Cargo with its output on this terminal.
fn cargo(args: &[&str], envs: &[(&str, &str)]) -> anyhow::Result<()> {
    let status = cargo_command()
        .args(args)
        .envs(envs.iter().copied())
        .status()
        .with_context(|| format!("run cargo {}", args[0]))?;
    if !status.success() {
        bail!("cargo {} failed ({status})", args.join(" "));
    }
    Ok(())
}
