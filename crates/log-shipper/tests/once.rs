//! `run --once` as a user sees it, on a real Loki and on the fake.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says what it skips")]

use log_model::{LogRecord, wire};
use loki_client::{Client, LokiConfig};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use testkit::loki::Loki;
use testkit::traffic::{Settings, Source, Traffic};

struct Bench {
    dir: tempfile::TempDir,
    loki: Loki,
}

/// One bench per engine; the real Loki is left out by name where there is none.
async fn benches(test: &str) -> Vec<Bench> {
    let mut lokis = vec![Loki::start_fake(testkit::fake_loki::Faults::default()).unwrap()];
    match Loki::start_real().await.unwrap() {
        Some(real) => lokis.push(real),
        None => {
            eprintln!("skipped: {test} on the real loki: no loki binary, `cargo xtask servers` installs one");
        }
    }
    lokis.into_iter().map(|loki| Bench { dir: tempfile::tempdir().unwrap(), loki }).collect()
}

impl Bench {
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn ship(&self, args: &[&str], files: &[&Path]) -> Output {
        command(self.dir.path(), &self.loki.url).args(args).args(files).output().unwrap()
    }

    /// Ships, expects this exit code, and returns the JSON document.
    fn ship_json(&self, code: i32, args: &[&str], files: &[&Path]) -> Value {
        let output = self.ship(&[&["--json"], args].concat(), files);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{}: {stderr}", self.loki.kind.as_str());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Everything that Loki has of the last week.
    async fn stored(&self) -> Vec<LogRecord> {
        let client =
            Client::new(&LokiConfig { url: self.loki.url.clone(), ..LokiConfig::default() }, None).unwrap();
        let now = now();
        let week = 7 * log_model::time::DAY;
        let reading =
            client.read(r#"{host=~".+"}"#, now - week, now + log_model::time::MINUTE).await.unwrap();
        assert!(reading.verified);
        reading.entries.iter().map(|(labels, entry)| wire::from_loki(labels, entry)).collect()
    }
}

fn command(dir: &Path, loki: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_log-shipper"));
    command
        .env_clear()
        .env("LOKI_URL", loki)
        .arg("--state-dir")
        .arg(dir.join("state"))
        .args(["run", "--once", "--host", "box"]);
    command
}

fn now() -> i64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as i64
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_arrives_once_however_often_it_is_shipped() {
    for bench in benches("every_line_arrives_once_however_often_it_is_shipped").await {
        let traffic = Traffic::new(Settings { seed: 11, now: now(), days: 1 });
        let live = traffic.live();
        let files: Vec<PathBuf> =
            live.iter().map(|file| bench.file(file.source.file_name(), file.content())).collect();
        let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        let lines: usize = live.iter().map(|file| file.lines.len()).sum();
        let first = bench.ship_json(0, &[], &files);
        let again = bench.ship_json(0, &[], &files);
        assert_eq!(first["event_ids"], again["event_ids"]);
        assert_eq!(first["lines"]["shipped"], lines);
        assert_eq!(first["lines"]["unparsed"], 0);

        let stored = bench.stored().await;
        assert_eq!(stored.len(), lines, "{}", bench.loki.kind.as_str());
        let xor = stored.iter().fold(0, |xor, record| xor ^ record.event_id.0);
        assert_eq!(first["event_ids"]["xor"], format!("{xor:032x}"));
        let nginx = live.iter().find(|file| file.source == Source::NginxAccess).unwrap();
        let access: Vec<_> =
            stored.iter().filter(|r| r.service == "nginx" && r.latency_ms.is_some()).collect();
        assert_eq!(access.len(), nginx.lines.len());
        let wanted: BTreeSet<_> = nginx.lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(access.iter().map(|r| r.message.as_str()).collect::<BTreeSet<_>>(), wanted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_lines_arrive_as_they_are() {
    for bench in benches("odd_lines_arrive_as_they_are").await {
        let long = "x".repeat(600_000);
        let mut content = b"{\"level\":\"error\",\"msg\":\"fine\"}\r\nnot json at all\n\ncaf\xe9\n".to_vec();
        content.extend_from_slice(long.as_bytes());
        let path = bench.file("odd.json", content);
        let report = bench.ship_json(0, &["--format", "json", "--service", "odd"], &[&path]);
        assert_eq!(report["lines"]["read"], 4);
        assert_eq!(report["lines"]["blank"], 1);
        assert_eq!(report["lines"]["unparsed"], 3);
        let mut stored = bench.stored().await;
        let part = |r: &LogRecord| r.attrs.get("part").and_then(|part| part.parse::<u32>().ok());
        stored.sort_by_key(part);
        let (parts, whole): (Vec<_>, Vec<_>) = stored.into_iter().partition(|r| part(r).is_some());
        assert_eq!(parts.iter().map(|r| r.message.as_str()).collect::<String>(), long);
        let messages: BTreeSet<_> = whole.iter().map(|r| r.message.as_str()).collect();
        assert_eq!(
            messages,
            BTreeSet::from([r#"{"level":"error","msg":"fine"}"#, "not json at all", "caf\u{fffd}"])
        );
        assert!(whole.iter().all(|r| r.service == "odd" && r.host == "box"));
        assert!(whole.iter().all(|r| r.attrs.contains_key("parse_error") != r.message.starts_with('{')));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packed_and_rotated_files_go_oldest_first() {
    for bench in benches("packed_and_rotated_files_go_oldest_first").await {
        let at = |hours: i64| log_model::time::rfc3339(now() - hours * log_model::time::HOUR);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writeln!(packed, "{} INFO old", at(30)).unwrap();
        let old = bench.file("app.log.1.gz", packed.finish().unwrap());
        let new = bench.file("app.log", format!("{} INFO new\n", at(1)));
        let report = bench.ship_json(0, &[], &[&new, &old]);
        assert_eq!(report["files"][0]["path"], old.to_str().unwrap());
        assert_eq!(report["files"][0]["service"], "app");
        assert_eq!(bench.stored().await.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_too_old_for_loki_are_kept_with_its_words_and_moving_them_helps() {
    for bench in benches("lines_too_old_for_loki_are_kept_with_its_words_and_moving_them_helps").await {
        let recent = log_model::time::rfc3339(now() - log_model::time::MINUTE);
        let path =
            bench.file("app.log", format!("2005-06-14T15:16:01Z ERROR ancient\n{recent} ERROR recent\n"));
        let report = bench.ship_json(3, &[], &[&path]);
        assert_eq!((&report["lines"]["shipped"], &report["lines"]["rejected"]), (&1.into(), &1.into()));
        let kept = std::fs::read_to_string(report["dead_letter"].as_str().unwrap()).unwrap();
        let letter: Value = serde_json::from_str(kept.trim_end()).unwrap();
        assert_eq!(letter["line"], "2005-06-14T15:16:01Z ERROR ancient");
        assert!(letter["reason"].as_str().unwrap().contains("too old"), "{letter}");

        let moved = bench.ship_json(0, &["--timestamps", "now", "--within", "1h"], &[&path]);
        assert_eq!(moved["lines"]["shipped"], 2);
        let oldest = log_model::time::parse(moved["from"].as_str().unwrap()).unwrap();
        assert!((now() - oldest - log_model::time::HOUR).abs() < log_model::time::MINUTE);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_nothing_is_shipped() {
    let bench = Bench {
        dir: tempfile::tempdir().unwrap(),
        loki: Loki::start_fake(testkit::fake_loki::Faults::default()).unwrap(),
    };
    let good = bench.file("good.log", "fine\n");
    let missing = bench.dir.path().join("missing.log");
    for (bad, why) in [(missing.as_path(), "No such file"), (bench.dir.path(), "is a directory")] {
        let output = bench.ship(&[], &[&good, bad]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(bad.to_str().unwrap()) && stderr.contains(why), "{stderr}");
    }
    assert_eq!(bench.loki.fake().unwrap().stored(), 0);
}

#[test]
fn a_file_that_breaks_in_the_middle_does_not_hold_up_the_others() {
    let bench = Bench {
        dir: tempfile::tempdir().unwrap(),
        loki: Loki::start_fake(testkit::fake_loki::Faults::default()).unwrap(),
    };
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    for n in 0..50_000 {
        writeln!(packed, "line {n} of a file that was cut off").unwrap();
    }
    let whole = packed.finish().unwrap();
    let broken = bench.file("broken.log.gz", &whole[..whole.len() / 2]);
    let good = bench.file("good.log", "fine\n");
    let output = bench.ship(&[], &[&broken, &good]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("broken.log.gz after byte"), "{stderr}");
    assert!(bench.loki.fake().unwrap().stored() > 10_000);
}

#[test]
fn a_loki_that_is_away_is_a_matter_for_later() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    std::fs::write(&path, "fine\n").unwrap();
    let port = testkit::ports::free().unwrap();
    let output = command(dir.path(), &format!("http://127.0.0.1:{port}")).arg(&path).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{stderr}");
    assert!(stderr.contains(&port.to_string()) && stderr.contains("hint: "), "{stderr}");
}
