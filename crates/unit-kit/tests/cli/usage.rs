use crate::harness::Bench;
use insta::assert_snapshot;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

#[test]
fn without_a_command_there_is_help_and_exit_2() {
    let bench = Bench::new();
    assert_snapshot!(bench.run(&[]));
    assert!(bench.run(&["--json"]).starts_with("exit 2\n--- stderr\nCounts lines\n"));
}

#[test]
fn help_and_version_are_no_failures() {
    let bench = Bench::new();
    assert_snapshot!(bench.run(&["count", "--help"]));
    assert_snapshot!(bench.run(&["--version"]).replace(env!("CARGO_PKG_VERSION"), "[VERSION]"), @r"
    exit 0
    --- stdout
    line-counter [VERSION]
    ");
    assert!(bench.run(&["--help"]).contains("75  something this tool depends on is away"));
}

#[test]
fn wrong_usage_exits_2() {
    assert_snapshot!(Bench::new().run(&["count", "--expect", "many"]), @r"
    exit 2
    --- stderr
    error: invalid value 'many' for '--expect <N>': invalid digit found in string

    For more information, try '--help'.
    ");
    assert_snapshot!(Bench::new().run(&["cuont"]), @r"
    exit 2
    --- stderr
    error: unrecognized subcommand 'cuont'

      tip: a similar subcommand exists: 'count'

    Usage: line-counter [OPTIONS] [COMMAND]

    For more information, try '--help'.
    ");
}

#[test]
fn the_manual_holds_every_command_and_convention() {
    let bench = Bench::new();
    let page = bench.run(&["man"]);
    for part in [
        ".TH line",
        ".SS \"line\\-counter count\"",
        "\\-\\-expect\\fR",
        "\\-\\-check\\-config\\fR",
        "Run until told to stop",
        ".SH \"EXIT STATUS\"",
        "YAGURA_LINE_COUNTER_",
    ] {
        assert!(page.contains(part), "{part} is missing in\n{page}");
    }
    assert_eq!(
        page.matches("Print the effective configuration").count(),
        1,
        "global options are described once"
    );
}

#[test]
fn completions_know_commands_and_flags() {
    let script = Bench::new().run(&["completions", "bash"]);
    assert!(script.starts_with("exit 0\n--- stdout\n_line"), "{script}");
    assert!(script.contains("--check-config") && script.contains("numbers"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let bench = Bench::new();
    let mut child =
        bench.command(&["numbers", "1000000"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "0\n");
    let output = child.wait_with_output().unwrap();
    assert_snapshot!(bench.describe(&output), @"exit 0");
}

#[test]
fn nothing_is_coloured_where_nobody_sees_it() {
    let bench = Bench::new();
    for args in [&["--help"][..], &[], &["cuont"], &["ping"]] {
        assert!(!bench.run(args).contains('\x1b'), "{args:?}");
    }
}
