//! Reads what a real journald writes at this moment. It runs in a mount namespace of its own, so that neither the
//! journal of this machine is touched nor anyone's permission is needed.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says what it skips")]

use journal::{Error, Journal};
use log_model::Level;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

const JOURNALD: &[&str] = &[
    "/usr/lib/systemd/systemd-journald",
    "/lib/systemd/systemd-journald",
    "/run/current-system/systemd/lib/systemd/systemd-journald",
];

/// Starts journald with its files in `dir`, logs a line through `systemd-cat`, and keeps running until its standard
/// input is closed.
const SCRIPT: &str = "
    mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/log || exit 1
    mkdir -p /run/systemd/journal /run/log/journal && mount --bind \"$DIR\" /run/log/journal || exit 1
    \"$JOURNALD\" & pid=$!
    for _ in $(seq 100); do test -S /run/systemd/journal/stdout && break; sleep 0.05; done
    echo 'a line of a real program' | systemd-cat --identifier=yagura-test --priority=warning
    cat >/dev/null
    kill $pid
    wait $pid
";

fn start(dir: &Path) -> Result<Child, String> {
    let journald =
        JOURNALD.iter().find_map(|path| fs::canonicalize(path).ok()).ok_or("no systemd-journald")?;
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let possible = unshare("mount -t tmpfs tmpfs /run && command -v systemd-cat").status();
    if !possible.is_ok_and(|status| status.success()) {
        return Err("no user and mount namespaces, or no systemd-cat".to_owned());
    }
    unshare(SCRIPT).env("DIR", dir).env("JOURNALD", journald).spawn().map_err(|error| error.to_string())
}

/// The directory that journald made, named by the machine.
fn machine_directory(dir: &Path) -> Option<PathBuf> {
    let directory = fs::read_dir(dir).ok()?.flatten().next()?.path();
    directory.join("system.journal").exists().then_some(directory)
}

#[test]
fn a_line_that_a_real_journald_took_is_read_at_once() {
    const NAME: &str = "a_line_that_a_real_journald_took_is_read_at_once";
    let dir = tempfile::tempdir().unwrap();
    let mut journald = match start(dir.path()) {
        Ok(child) => child,
        Err(reason) => {
            eprintln!("skipped: {NAME}: {reason}");
            return;
        }
    };
    let begin = Instant::now();
    let directory = loop {
        if let Some(directory) = machine_directory(dir.path()) {
            break directory;
        }
        if begin.elapsed() > Duration::from_secs(10) {
            eprintln!("skipped: {NAME}: journald does not run in a namespace here");
            drop(journald.stdin.take());
            journald.wait().unwrap();
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    journal::access::check(&[dir.path()]).unwrap();
    let mut journal = match Journal::open_directory(None, &directory) {
        Err(Error::LibraryMissing { library, .. }) => {
            eprintln!("skipped: {NAME}: no {library}");
            drop(journald.stdin.take());
            journald.wait().unwrap();
            return;
        }
        other => other.unwrap(),
    };
    let entry = loop {
        assert!(begin.elapsed() < Duration::from_secs(30), "the line never came");
        match journal.next_entry().unwrap() {
            Some(entry) if entry.fields.get("SYSLOG_IDENTIFIER") == Some(b"yagura-test") => break entry,
            Some(_) => {}
            None => drop(journal.wait(Duration::from_secs(1)).unwrap()),
        }
    };
    drop(journald.stdin.take());
    journald.wait().unwrap();

    let record = journal::to_record(&entry, "");
    assert_eq!(record.message, "a line of a real program");
    assert_eq!((record.service.as_str(), record.level), ("yagura-test", Level::Warning));
    assert!(!record.host.is_empty(), "journald names the host");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as i64;
    assert!((now - record.ts).abs() < 60_000_000_000, "{} is not now", record.ts);
    assert!(record.attrs.contains_key("pid") && record.attrs.contains_key("boot_id"), "{:?}", record.attrs);
}
