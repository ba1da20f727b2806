//! Reads real journal files through the real libsystemd. The files are made by `systemd-journal-remote` from the
//! journal's export format, so that every field is known.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says what it skips")]

use journal::{Change, Cursor, Entry, Error, Id128, Journal, Resumed};
use log_model::Level;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

const BOOT: &str = "0123456789abcdef0123456789abcdef";
const START_US: u64 = 1_767_322_800_000_000;

/// Where distributions put it; it is no command for people.
const REMOTE: &[&str] = &[
    "/usr/lib/systemd/systemd-journal-remote",
    "/lib/systemd/systemd-journal-remote",
    "/run/current-system/sw/lib/systemd/systemd-journal-remote",
];

/// A journal that is being written.
struct Writer {
    dir: tempfile::TempDir,
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Writer {
    /// None, with the reason on stderr, where there is nothing to write or read a journal with.
    fn start(test: &str) -> Option<Self> {
        let Some(remote) = REMOTE.iter().find(|path| Path::new(path).exists()) else {
            eprintln!("skipped: {test}: no systemd-journal-remote");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        if let Err(Error::LibraryMissing { library, .. }) = Journal::open_directory(None, dir.path()) {
            eprintln!("skipped: {test}: no {library}");
            return None;
        }
        let mut child = Command::new(remote)
            .arg(format!("--output={}", dir.path().join("test.journal").display()))
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        Some(Self { dir, child, stdin })
    }

    /// Appends an entry, `second` seconds after the start.
    fn entry(&mut self, second: u64, fields: &[(&str, &[u8])]) {
        let realtime = START_US + second * 1_000_000;
        let mut text = format!(
            "__REALTIME_TIMESTAMP={realtime}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID={BOOT}\n",
            1_000_000 + second * 1_000_000
        )
        .into_bytes();
        for (name, value) in fields {
            text.extend_from_slice(name.as_bytes());
            text.push(b'\n');
            text.extend_from_slice(&(value.len() as u64).to_le_bytes());
            text.extend_from_slice(value);
            text.push(b'\n');
        }
        text.push(b'\n');
        self.stdin.as_mut().unwrap().write_all(&text).unwrap();
    }

    fn message(&mut self, second: u64, message: &str) {
        self.entry(second, &[("MESSAGE", message.as_bytes())]);
    }

    /// Ends the writing; the directory stays until the result is dropped.
    fn finish(mut self) -> tempfile::TempDir {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
        self.dir
    }
}

fn open(dir: &Path) -> Journal {
    Journal::open_directory(None, dir).unwrap()
}

fn message(entry: &Entry) -> String {
    entry.fields.text("MESSAGE").unwrap().into_owned()
}

fn rest(journal: &mut Journal) -> Vec<String> {
    std::iter::from_fn(|| journal.next_entry().unwrap()).map(|entry| message(&entry)).collect()
}

/// Waits for the next entry of a journal that is being written.
fn follow(journal: &mut Journal) -> Entry {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(20) {
        if let Some(entry) = journal.next_entry().unwrap() {
            return entry;
        }
        journal.wait(Duration::from_millis(500)).unwrap();
    }
    panic!("no entry within 20 s");
}

#[test]
fn entries_come_in_order_with_their_times_and_places() {
    let Some(mut writer) = Writer::start("entries_come_in_order_with_their_times_and_places") else { return };
    for second in 0..5 {
        writer.message(second, &format!("line {second}"));
    }
    let dir = writer.finish();
    let mut journal = open(dir.path());
    let entries: Vec<_> = std::iter::from_fn(|| journal.next_entry().unwrap()).collect();
    assert_eq!(entries.len(), 5);
    for (second, entry) in entries.iter().enumerate() {
        let micros = second as u64 * 1_000_000;
        assert_eq!(message(entry), format!("line {second}"));
        assert_eq!((entry.realtime_us, entry.monotonic_us), (START_US + micros, 1_000_000 + micros));
        assert_eq!(entry.boot_id.to_string(), BOOT);
        assert!(entry.cursor.content_hash().is_some(), "{}", entry.cursor);
    }
    let numbers: Vec<_> =
        entries.iter().filter_map(|entry| entry.seqnum).map(|seqnum| seqnum.number).collect();
    if journal.has_seqnum() {
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
    } else {
        assert!(numbers.is_empty());
        eprintln!("skipped: sequence numbers: libsystemd is older than 254");
    }
    assert!(journal.next_entry().unwrap().is_none(), "the end stays the end");
}

#[test]
fn values_are_whole_whatever_their_length_and_bytes() {
    let Some(mut writer) = Writer::start("values_are_whole_whatever_their_length_and_bytes") else { return };
    // The library's own limit is 64 KiB, and above 512 bytes values are compressed.
    let long: Vec<u8> = (0..300_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    writer.entry(0, &[("MESSAGE", &long), ("TAG", b"a"), ("TAG", b"b=c")]);
    let dir = writer.finish();
    let entry = open(dir.path()).next_entry().unwrap().unwrap();
    assert_eq!(entry.fields.get("MESSAGE"), Some(&long[..]));
    let mut tags: Vec<_> = entry.fields.all("TAG").collect();
    tags.sort_unstable();
    assert_eq!(tags, [&b"a"[..], b"b=c"]);
}

#[test]
fn a_cursor_resumes_behind_its_entry() {
    let Some(mut writer) = Writer::start("a_cursor_resumes_behind_its_entry") else { return };
    for second in 0..4 {
        writer.message(second, &format!("line {second}"));
    }
    let dir = writer.finish();
    let mut journal = open(dir.path());
    journal.next_entry().unwrap();
    let stored = journal.next_entry().unwrap().unwrap().cursor.to_string();
    let mut later = open(dir.path());
    assert_eq!(later.seek_cursor(&Cursor::new(stored)).unwrap(), Resumed::Exact);
    assert_eq!(rest(&mut later), ["line 2", "line 3"]);
    later.seek_head().unwrap();
    assert_eq!(rest(&mut later).len(), 4);
}

#[test]
fn an_entry_that_took_the_place_of_a_vacuumed_one_is_not_skipped() {
    let name = "an_entry_that_took_the_place_of_a_vacuumed_one_is_not_skipped";
    let Some(mut old) = Writer::start(name) else { return };
    old.message(10, "vacuumed");
    let old = old.finish();
    let cursor = open(old.path()).next_entry().unwrap().unwrap().cursor;
    let mut left = Writer::start(name).unwrap();
    left.message(20, "line 20");
    left.message(21, "line 21");
    let left = left.finish();
    let mut journal = open(left.path());
    assert_eq!(journal.seek_cursor(&cursor).unwrap(), Resumed::Closest);
    assert_eq!(rest(&mut journal), ["line 20", "line 21"]);
    // Seeking elsewhere forgets the entry that was waiting.
    assert_eq!(journal.seek_cursor(&cursor).unwrap(), Resumed::Closest);
    journal.seek_realtime(START_US + 21_000_000).unwrap();
    assert_eq!(rest(&mut journal), ["line 21"]);
    // A cursor behind everything there is.
    let last = {
        journal.seek_head().unwrap();
        std::iter::from_fn(|| journal.next_entry().unwrap()).last().unwrap().cursor
    };
    let mut journal = open(old.path());
    assert_eq!(journal.seek_cursor(&last).unwrap(), Resumed::Nothing);
    assert_eq!(rest(&mut journal), [""; 0]);
}

#[test]
fn times_lead_to_the_first_entry_at_or_after_them() {
    let Some(mut writer) = Writer::start("times_lead_to_the_first_entry_at_or_after_them") else { return };
    for second in [0, 10, 20] {
        writer.message(second, &format!("line {second}"));
    }
    let dir = writer.finish();
    let mut journal = open(dir.path());
    journal.seek_realtime(START_US + 5_000_000).unwrap();
    assert_eq!(rest(&mut journal), ["line 10", "line 20"]);
    let boot: Id128 = {
        journal.seek_head().unwrap();
        journal.next_entry().unwrap().unwrap().boot_id
    };
    journal.seek_monotonic(boot, 1_000_000 + 20_000_000).unwrap();
    assert_eq!(rest(&mut journal), ["line 20"]);
}

#[test]
fn new_entries_are_seen_while_the_journal_is_written() {
    let Some(mut writer) = Writer::start("new_entries_are_seen_while_the_journal_is_written") else { return };
    writer.message(0, "old");
    let mut reader = open(writer.dir.path());
    assert_eq!(message(&follow(&mut reader)), "old");
    let mut tail = open(writer.dir.path());
    tail.seek_tail().unwrap();
    assert!(tail.next_entry().unwrap().is_none(), "nothing is newer than the tail");
    for second in 1..4 {
        let text = format!("new {second}");
        writer.message(second, &text);
        assert_eq!(message(&follow(&mut reader)), text);
        assert_eq!(message(&follow(&mut tail)), text);
    }
    // The writer may still be at work on what was read already.
    let quiet = (0..100).any(|_| reader.wait(Duration::from_millis(20)).unwrap() == Change::Nothing);
    assert!(quiet, "a wait without news ends");
    assert!(reader.next_entry().unwrap().is_none());
    writer.finish();
}

#[test]
fn the_tail_of_an_empty_journal_shows_what_comes() {
    let Some(mut writer) = Writer::start("the_tail_of_an_empty_journal_shows_what_comes") else { return };
    let mut tail = open(writer.dir.path());
    tail.seek_tail().unwrap();
    assert!(tail.next_entry().unwrap().is_none());
    writer.message(0, "first");
    assert_eq!(message(&follow(&mut tail)), "first");
    writer.finish();
}

#[test]
fn an_entry_becomes_the_record_of_the_contract() {
    let Some(mut writer) = Writer::start("an_entry_becomes_the_record_of_the_contract") else { return };
    writer.entry(
        0,
        &[
            ("MESSAGE", b"Failed password for root"),
            ("PRIORITY", b"4"),
            ("_HOSTNAME", b"homeMachine"),
            ("_SYSTEMD_UNIT", b"sshd@7-10.0.0.2:22.service"),
            ("SYSLOG_IDENTIFIER", b"sshd"),
            ("_PID", b"77"),
        ],
    );
    let dir = writer.finish();
    let read = || journal::to_record(&open(dir.path()).next_entry().unwrap().unwrap(), "other");
    let record = read();
    assert_eq!((record.host.as_str(), record.service.as_str()), ("homeMachine", "sshd"));
    assert_eq!((record.unit.as_str(), record.level), ("sshd@.service", Level::Warning));
    assert_eq!(record.message, "Failed password for root");
    assert_eq!(record.ts, START_US as i64 * 1000);
    assert_eq!((record.attrs["pid"].as_str(), record.attrs["boot_id"].as_str()), ("77", BOOT));
    assert_eq!(read().event_id, record.event_id, "reading again gives the same id");
}

#[test]
fn a_text_that_is_no_cursor_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = match Journal::open_directory(None, dir.path()) {
        Err(Error::LibraryMissing { library, .. }) => {
            eprintln!("skipped: a_text_that_is_no_cursor_is_named: no {library}");
            return;
        }
        other => other.unwrap(),
    };
    for text in ["yesterday", "s=1;i=2", "zero\0byte"] {
        let error = journal.seek_cursor(&Cursor::new(text)).unwrap_err();
        assert_eq!(error.to_string(), format!("`{text}` is not a journal cursor"));
    }
    let error = Journal::open_directory(None, Path::new("/nonexistent")).unwrap_err().to_string();
    assert_eq!(error, "open journal /nonexistent: No such file or directory (os error 2)");
}

#[test]
fn a_damaged_file_is_no_crash() {
    let Some(mut writer) = Writer::start("a_damaged_file_is_no_crash") else { return };
    for second in 0..50 {
        writer.message(second, &format!("a line of some length, number {second}"));
    }
    let dir = writer.finish();
    let path: PathBuf = dir.path().join("test.journal");
    let bytes = fs::read(&path).unwrap();
    // Object headers start behind the file header; hit many of them in turn.
    for offset in (4096..bytes.len().min(40_000)).step_by(997) {
        let mut damaged = bytes.clone();
        damaged[offset..offset + 8].fill(0xff);
        fs::write(&path, &damaged).unwrap();
        let Ok(mut journal) = Journal::open_directory(None, dir.path()) else { continue };
        let mut read = 0;
        for _ in 0..200 {
            match journal.next_entry() {
                Ok(Some(_)) => read += 1,
                Ok(None) => break,
                Err(Error::Damaged { .. } | Error::Call { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert!(read <= 50);
    }
}

#[test]
fn a_missing_library_is_an_error_with_a_hint_and_not_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let error =
        Journal::open_directory(Some(Path::new("libsystemd-is-not-here.so.0")), dir.path()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::LibraryMissing { .. }));
    assert!(text.starts_with("libsystemd-is-not-here.so.0 not found: "), "{text}");
    assert!(text.contains("\nhint: install libsystemd"), "{text}");
    assert!(matches!(
        Journal::open_system(Some(Path::new("libsystemd-is-not-here.so.0"))),
        Err(Error::LibraryMissing { .. })
    ));
}

#[test]
fn a_library_that_is_another_one_is_named_with_what_it_lacks() {
    // Every process has a C library, and no C library has a journal.
    let error = Journal::open_directory(Some(Path::new("libc.so.6")), Path::new("/")).unwrap_err();
    match error {
        Error::SymbolMissing { library, symbol } => {
            assert_eq!((library.as_str(), symbol), ("libc.so.6", "sd_journal_open"));
        }
        Error::LibraryMissing { .. } => {
            eprintln!("skipped: a_library_that_is_another_one_is_named_with_what_it_lacks: no libc.so.6");
        }
        other => panic!("{other}"),
    }
}
