//! The demo as a newcomer meets it: the whole way of a line, from file to wall.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use testkit::clickhouse;

/// The demo writes its wall to one place, so one runs at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the test can't run here; says so.
pub(crate) fn skipped(test: &str) -> bool {
    match clickhouse::missing() {
        Some(reason) => {
            eprintln!("skipped: {test}: {reason}");
            true
        }
        None => false,
    }
}

/// `cargo xtask`, with a directory of its own for everything temporary.
pub(crate) fn xtask(scratch: &Path) -> Command {
    let tests = std::env::current_exe().unwrap();
    let xtask = tests.ancestors().nth(2).unwrap().join("xtask");
    assert!(xtask.is_file(), "{} is not there; `cargo build --workspace --bins` makes it", xtask.display());
    let mut command = Command::new(xtask);
    command.env("TMPDIR", scratch).current_dir(workspace());
    command
}

fn demo(scratch: &Path, args: &[&str]) -> Command {
    let mut command = xtask(scratch);
    command.arg("demo").args(args);
    command
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs the demo to its end; the document that it printed.
fn document(mut command: Command) -> Value {
    let output = command.arg("--json").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is not a number"))
}

#[test]
fn every_line_arrives_and_the_incidents_are_found() {
    if skipped("every_line_arrives_and_the_incidents_are_found") {
        return;
    }
    let _turn = turn();
    let scratch = tempfile::tempdir().unwrap();
    let document = document(demo(scratch.path(), &["--seed", "7"]));

    let shipped = number(&document["lines"]["shipped"]);
    assert!(shipped > 500, "{document}");
    assert_eq!(number(&document["lines"]["in_loki"]), shipped);
    assert_eq!(number(&document["lines"]["in_clickhouse"]), shipped);
    assert_eq!(document["verified"], true);

    let incidents = &document["incidents"];
    let (injected, found) = (number(&incidents["injected"]), number(&incidents["found"]));
    assert!(injected >= 5 && found * 10 >= injected * 8, "{incidents}");
    assert!(number(&incidents["others"]) <= 2, "{incidents}");

    let wall = std::fs::read_to_string(document["wall"].as_str().unwrap()).unwrap();
    assert!(wall.starts_with("<!doctype html>") || wall.starts_with("<!DOCTYPE html>"));
}

#[test]
fn logs_of_ones_own_end_on_a_wall_that_is_still_learning() {
    if skipped("logs_of_ones_own_end_on_a_wall_that_is_still_learning") {
        return;
    }
    let _turn = turn();
    let scratch = tempfile::tempdir().unwrap();
    let log = scratch.path().join("auth.log");
    let line =
        |n| format!("Jun 14 15:{:02}:{:02} combo sshd[{n}]: Accepted publickey for eva", n / 60, n % 60);
    let lines = (0..300).map(line).collect::<Vec<_>>().join("\n");
    std::fs::write(&log, lines).unwrap();
    let document = document(demo(scratch.path(), &["--from", log.to_str().unwrap()]));

    assert_eq!(number(&document["lines"]["shipped"]), 300);
    assert_eq!(number(&document["lines"]["in_clickhouse"]), 300);
    assert_eq!(document["verified"], true);
    let wall = std::fs::read_to_string(document["wall"].as_str().unwrap()).unwrap();
    assert!(wall.contains("earning") && wall.contains("Accepted publickey for eva"));
}

#[test]
fn a_killed_demo_leaves_nothing_running_and_nothing_in_the_way() {
    if skipped("a_killed_demo_leaves_nothing_running_and_nothing_in_the_way") {
        return;
    }
    let _turn = turn();
    let scratch = tempfile::tempdir().unwrap();
    for after in [Duration::from_millis(700), Duration::from_secs(5)] {
        let mut child =
            demo(scratch.path(), &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let left = running_in(scratch.path());
            if left.is_empty() {
                break;
            }
            assert!(Instant::now() < deadline, "still running after kill -9: {left:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    let log = scratch.path().join("app.log");
    std::fs::write(&log, "one line\n").unwrap();
    let document = document(demo(scratch.path(), &["--from", log.to_str().unwrap()]));
    assert_eq!(document["verified"], true);
}

/// Command lines of the processes that name this directory.
pub(crate) fn running_in(scratch: &Path) -> Vec<String> {
    let needle = scratch.to_str().unwrap();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(needle))
        .collect()
}
