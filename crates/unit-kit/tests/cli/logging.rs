use crate::harness::{Bench, binary};
use crate::running::receive;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn log_lines_say_level_target_and_fields() {
    let bench = Bench::new();
    bench.write("one", "a\n");
    let log = |args: &[&str]| String::from_utf8(bench.output(args).stderr).unwrap();
    assert_eq!(log(&["count", "one"]), "info line_counter: counted file=one lines=1\n");
    assert_eq!(log(&["count", "one", "--log-level", "warn"]), "");
    assert_eq!(log(&["count", "one", "--quiet"]), "");
}

/// Runs a shell line in a mount namespace whose /run/systemd/journal is ours, so that no real journal is written to.
fn with_own_journald(journal_dir: &str, line: &str) -> Command {
    let mount = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal";
    let script = format!("{mount} && mount --bind '{journal_dir}' /run/systemd/journal && {line}");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
    command
}

#[test]
fn the_journal_gets_fields_when_systemd_connected_stderr_to_it() {
    let bench = Bench::new();
    fs::create_dir(bench.path("journald")).unwrap();
    let journal_dir = bench.path("journald").display().to_string();
    if !with_own_journald(&journal_dir, "true")
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!(
            "skipped: the_journal_gets_fields_when_systemd_connected_stderr_to_it: no user and mount namespaces"
        );
        return;
    }
    let socket = UnixDatagram::bind(bench.path("journald/socket")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    bench.write("one", "a\n");
    let stderr = File::create(bench.path("stderr")).unwrap();
    let meta = stderr.metadata().unwrap();
    let line =
        format!("cd '{}' && '{}' count one --state-dir state", bench.path("").display(), binary().display());
    let output = with_own_journald(&journal_dir, &line)
        .env("JOURNAL_STREAM", format!("{}:{}", meta.dev(), meta.ino()))
        .stderr(stderr)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", bench.read("stderr"));
    // The client probes the socket with an empty datagram first.
    let entry = std::iter::repeat_with(|| receive(&socket)).find(|entry| !entry.is_empty()).unwrap();
    // Values that may hold newlines are sent as name, length (8 bytes), value.
    for part in ["PRIORITY=5\n", "SYSLOG_IDENTIFIER", "line-counter", "counted", "FILE\n", "one\n", "LINES\n"]
    {
        assert!(entry.contains(part), "{part:?} is missing in {entry:?}");
    }
    assert_eq!(bench.read("stderr"), "");
}

#[test]
fn without_a_journal_stderr_is_used_whatever_the_environment_claims() {
    let mut bench = Bench::new();
    bench.env("JOURNAL_STREAM", "1:2").write("one", "a\n");
    let stderr = String::from_utf8(bench.output(&["count", "one"]).stderr).unwrap();
    assert_eq!(stderr, "info line_counter: counted file=one lines=1\n");
}

#[test]
fn bars_and_colours_are_for_terminals_and_leave_log_lines_whole() {
    let bench = Bench::new();
    bench.write("one", "a\n");
    let on_terminal = |args: &str, env: &str| {
        let line = format!("env {env} '{}' {args} --state-dir state", binary().display());
        let output = Command::new("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .current_dir(bench.path(""))
            .stdin(Stdio::null())
            .output();
        output.ok().map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let Some(text) = on_terminal("count one", "TERM=xterm") else {
        eprintln!(
            "skipped: bars_and_colours_are_for_terminals_and_leave_log_lines_whole: no `script` command"
        );
        return;
    };
    assert!(text.contains("\x1b[32minfo\x1b[0m line_counter: counted file=one lines=1\r\n"), "{text:?}");
    assert!(text.contains("counting ["), "{text:?}");
    assert!(text.contains("counted lines=1 files=1\r\n"), "{text:?}");
    let text = on_terminal("count one", "TERM=xterm NO_COLOR=1").unwrap();
    assert!(text.contains("info line_counter: counted file=one lines=1\r\n"), "{text:?}");
    let text = on_terminal("--quiet count one", "TERM=xterm").unwrap();
    assert_eq!(text, "counted lines=1 files=1\r\n");
    let text = on_terminal("--json -q count one", "TERM=xterm").unwrap();
    assert_eq!(text, "{\"files\":1,\"lines\":1}\r\n");
}
