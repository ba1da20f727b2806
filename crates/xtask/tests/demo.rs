//! `cargo xtask demo`, as a newcomer runs it.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says what it skips")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Building what the demo runs is part of it, and may be the longest part.
const START: Duration = Duration::from_mins(20);

fn demo(tmp: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("demo").args(args).env("TMPDIR", tmp).stdin(Stdio::null());
    command
}

/// Whether this machine has what the demo needs; says so where it has not.
fn can_run(test: &str) -> bool {
    let missing = testkit::clickhouse::missing();
    if let Some(reason) = &missing {
        eprintln!("skipped: {test}: {reason}");
    }
    missing.is_none()
}

fn document(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}\n{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Processes that have something to do with this directory.
fn at_work_in(dir: &Path) -> Vec<String> {
    let needle = dir.to_str().unwrap();
    let commands = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let bytes = std::fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&bytes).replace('\0', " "))
    });
    commands.filter(|command| command.contains(needle)).collect()
}

fn left_in(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

#[test]
fn the_demo_ships_everything_once_and_finds_what_it_injected() {
    if !can_run("the_demo_ships_everything_once_and_finds_what_it_injected") {
        return;
    }
    let tmp = tempfile::tempdir().unwrap();
    let report = document(&demo(tmp.path(), &["--json", "--seed", "2"]).output().unwrap());
    assert_eq!(report["verified"], true, "{report}");
    let lines = &report["lines"];
    assert!(lines["shipped"].as_u64().unwrap() > 1_000, "{report}");
    assert_eq!((&lines["in_loki"], &lines["in_clickhouse"]), (&lines["shipped"], &lines["shipped"]));
    let incidents = |key: &str| report["incidents"][key].as_u64().unwrap();
    assert!(incidents("injected") >= 8 && incidents("found") * 5 >= incidents("injected") * 4, "{report}");
    assert!(incidents("others") <= 2, "{report}");
    let wall = std::fs::read_to_string(report["wall"].as_str().unwrap()).unwrap();
    for service in ["nginx", "photo-api", "firewall"] {
        assert!(wall.contains(service), "{service} is not on the wall");
    }
    assert_eq!(left_in(tmp.path()), Vec::<String>::new());
}

#[test]
fn files_of_ones_own_are_shipped_whole_and_the_wall_is_learning() {
    if !can_run("files_of_ones_own_are_shipped_whole_and_the_wall_is_learning") {
        return;
    }
    let tmp = tempfile::tempdir().unwrap();
    let logs = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (0..500)
        .map(|n| format!("2019-03-0{} 10:00:{:02} WARN pump {n} is running dry", n / 100 + 1, n % 60))
        .collect();
    let file = logs.path().join("garden.log");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let report = document(&demo(tmp.path(), &["--json", "--from", file.to_str().unwrap()]).output().unwrap());
    assert_eq!((&report["verified"], &report["lines"]["in_clickhouse"]), (&true.into(), &500.into()));
    assert_eq!(report["incidents"]["injected"], 0);
    let wall = std::fs::read_to_string(report["wall"].as_str().unwrap()).unwrap();
    assert!(wall.contains("learning") && wall.contains("is running dry"));
}

#[test]
fn a_file_that_is_not_there_is_named_at_once() {
    let tmp = tempfile::tempdir().unwrap();
    let output = demo(tmp.path(), &["--from", "/nowhere/at-all.log"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("/nowhere/at-all.log"), "{stderr}");
}

#[test]
fn a_killed_demo_leaves_nothing_behind() {
    if !can_run("a_killed_demo_leaves_nothing_behind") {
        return;
    }
    let tmp = tempfile::tempdir().unwrap();
    let mut child =
        demo(tmp.path(), &["--json"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait("the demo started no engine", START, || !left_in(tmp.path()).is_empty());
    std::thread::sleep(Duration::from_secs(4));
    assert!(!at_work_in(tmp.path()).is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    let gone = || at_work_in(tmp.path()).is_empty() && left_in(tmp.path()).is_empty();
    wait("something was left behind", Duration::from_secs(20), gone);
}

fn wait(problem: &str, patience: Duration, done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < patience, "{problem}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
