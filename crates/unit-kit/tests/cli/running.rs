use crate::harness::Bench;
use insta::assert_snapshot;
use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Starts `serve` and waits until it is ready.
fn serve(bench: &Bench) -> Child {
    let mut child = bench.command(&["serve"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

fn stop(child: Child, signal: &str) -> std::process::Output {
    let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    child.wait_with_output().unwrap()
}

/// The next datagram, as text. The end of another test's child interrupts the wait.
pub(crate) fn receive(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 4096];
    loop {
        match socket.recv(&mut buffer) {
            Ok(length) => return String::from_utf8_lossy(&buffer[..length]).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => panic!("no message: {error}"),
        }
    }
}

#[test]
fn exit_codes_tell_what_happened() {
    let bench = Bench::new();
    bench.write("three", "a\nb\nc\n");
    assert_snapshot!(bench.run(&["count", "three"]), @r"
    exit 0
    --- stdout
    counted lines=3 files=1
    --- stderr
    info line_counter: counted file=three lines=3
    ");
    assert_snapshot!(bench.run(&["-q", "count", "three", "--expect", "4"]), @r"
    exit 3
    --- stdout
    counted lines=3 files=1
    ");
    assert_snapshot!(bench.run(&["count", "missing"]), @r"
    exit 1
    --- stderr
    line-counter: read missing: No such file or directory (os error 2)
    ");
    assert_snapshot!(bench.run(&["count", "three", "--limit", "2"]), @r"
    exit 1
    --- stderr
    line-counter: three: more than 2 lines
    ");
    assert_snapshot!(bench.run(&["--json", "-q", "count", "three"]), @r#"
    exit 0
    --- stdout
    {"files":1,"lines":3}
    "#);
}

#[test]
fn a_dependency_that_is_away_exits_75_with_a_hint() {
    let mut bench = Bench::new();
    // Nothing listens on the discard port.
    bench.env("LOKI_URL", "http://127.0.0.1:9");
    assert_snapshot!(bench.run(&["ping"]), @r"
    exit 75
    --- stderr
    line-counter: connect to 127.0.0.1:9: Connection refused (os error 111)
    hint: is it running?
    ");
}

#[test]
fn a_held_lock_exits_75_and_names_its_holder() {
    let bench = Bench::new();
    let server = serve(&bench);
    let pid = server.id().to_string();
    let text = bench.run(&["count"]);
    stop(server, "-TERM");
    let since = text.split(" since ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    assert!(since.starts_with("20") && since.ends_with('Z'), "{since}");
    let binary = text.split(" (`").nth(1).and_then(|rest| rest.split(" serve`").next()).unwrap();
    let text = text.replace(since, "[TIME]").replace(&pid, "[PID]").replace(binary, "[BIN]");
    assert_snapshot!(text, @r"
    exit 75
    --- stderr
    line-counter: another run holds [DIR]/.local/state/yagura/line-counter/lock: process [PID] (`[BIN] serve`) since [TIME]
    ");
    assert!(bench.run(&["count"]).starts_with("exit 0"), "the lock ends with its holder");
}

#[test]
fn a_lock_ends_with_a_killed_process() {
    let bench = Bench::new();
    let mut server = serve(&bench);
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(bench.run(&["count"]).starts_with("exit 0"));
}

#[test]
fn state_is_where_systemd_says_or_where_the_flag_says() {
    let mut bench = Bench::new();
    bench.run(&["count"]);
    assert!(bench.path(".local/state/yagura/line-counter/lock").exists());
    let dirs = format!("{}:{}", bench.path("first").display(), bench.path("second").display());
    bench.env("XDG_STATE_HOME", bench.path("xdg").display().to_string());
    bench.run(&["count"]);
    assert!(bench.path("xdg/yagura/line-counter/lock").exists());
    bench.env("STATE_DIRECTORY", dirs);
    bench.run(&["count"]);
    assert!(bench.path("first/lock").exists());
    bench.run(&["count", "--state-dir", "flag"]);
    assert!(bench.path("flag/lock").exists());
    assert_snapshot!(bench.run(&["count", "--state-dir", "/proc/nope"]), @r"
    exit 78
    --- stderr
    line-counter: lock /proc/nope: No such file or directory (os error 2)
    hint: give a directory this user can write with --state-dir
    ");
}

#[test]
fn both_signals_end_it_in_order() {
    for (signal, name) in [("-TERM", "Terminate"), ("-INT", "Interrupt")] {
        let bench = Bench::new();
        let output = stop(serve(&bench), signal);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("stopped by {name}\n"));
    }
}

#[test]
fn systemd_hears_ready_status_watchdog_and_stopping() {
    let mut bench = Bench::new();
    let path = bench.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    bench.env("NOTIFY_SOCKET", path.display().to_string()).env("WATCHDOG_USEC", "200000");
    let receive = || receive(&socket);
    let begin = std::time::Instant::now();
    let server = serve(&bench);
    assert_eq!([receive(), receive()], ["READY=1\n", "STATUS=serving\n"]);
    for _ in 0..5 {
        assert_eq!(receive(), "WATCHDOG=1\n");
    }
    // Progress is made every 5 ms, and told four times per deadline of 200 ms.
    assert!(begin.elapsed() >= Duration::from_millis(180), "{:?}", begin.elapsed());
    stop(server, "-TERM");
    let rest: Vec<String> =
        std::iter::repeat_with(receive).find(|text| text == "STOPPING=1\n").into_iter().collect();
    assert_eq!(rest, ["STOPPING=1\n"]);
}

#[test]
fn systemd_hears_why_a_run_failed() {
    let mut bench = Bench::new();
    let path = bench.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    bench.env("NOTIFY_SOCKET", path.display().to_string());
    bench.run(&["count", "missing"]);
    assert_eq!(receive(&socket), "STATUS=failed: read missing: No such file or directory (os error 2)\n");
}

#[test]
fn secrets_come_from_file_or_credential_and_are_not_logged() {
    let mut bench = Bench::new();
    bench.write("password", "hunter2\n");
    bench.env("CREDENTIALS_DIRECTORY", bench.path("").display().to_string());
    let text = bench.run(&["count"]);
    assert!(text.contains("have a password of 7 bytes: ***") && !text.contains("hunter2"), "{text}");
    bench.env("YAGURA_LINE_COUNTER_LOKI_PASSWORD_FILE", "gone");
    assert_snapshot!(bench.run(&["count"]), @r"
    exit 78
    --- stderr
    line-counter: secret `password`: read gone: No such file or directory (os error 2)
    ");
}

#[test]
fn metrics_are_written_whether_it_went_well_or_not() {
    let mut bench = Bench::new();
    std::fs::create_dir(bench.path("prom")).unwrap();
    bench.env("YAGURA_LINE_COUNTER_UNIT_METRICS_DIR", "prom");
    bench.write("two", "a\nb\n");
    bench.run(&["count", "two"]);
    let good = bench.read("prom/line-counter.prom");
    let stamp =
        good.lines().find(|line| line.starts_with("line_counter_last_success_timestamp_seconds ")).unwrap();
    assert!(good.contains("line_counter_lines_total{file=\"two\"} 2\n"), "{good}");
    assert!(good.contains("line_counter_last_run_rows 2\n"), "{good}");
    assert!(good.contains("line_counter_last_run_success 1\n"), "{good}");
    bench.run(&["count", "missing"]);
    let bad = bench.read("prom/line-counter.prom");
    assert!(bad.contains(stamp), "the last success is kept\n{bad}");
    assert!(bad.contains("line_counter_last_run_success 0\n"), "{bad}");
    bench.run(&["numbers", "1"]);
    assert_eq!(bench.read("prom/line-counter.prom"), bad, "a command without metrics leaves them alone");
}

#[test]
fn metrics_that_cannot_be_written_are_a_warning() {
    let mut bench = Bench::new();
    bench.env("YAGURA_LINE_COUNTER_UNIT_METRICS_DIR", "/nonexistent");
    let text = bench.run(&["count"]);
    assert!(text.starts_with("exit 0") && text.contains("warn unit_kit"), "{text}");
}
