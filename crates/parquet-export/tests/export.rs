//! A week on a real `ClickHouse`, exported by the real binary.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

use log_model::{EventId, Level, LogRecord, WINDOW_NS, Window, time};
use log_store::migrate::{self, MigrateOptions};
use log_store::rows::{AppLog, SyncWindow};
use log_store::{ClickHouseConfig, Store};
use parquet_export::encode::read_back;
use parquet_export::manifest::Manifest;
use parquet_export::week::Week;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Output};
use testkit::clickhouse::{self, ClickHouse};

/// The last closed week at any time that this test can run: rows must be young enough for the table's TTL.
fn week() -> Week {
    Week::last_closed(chrono::Utc::now())
}

struct Archive {
    clickhouse: ClickHouse,
    store: Store,
    dir: tempfile::TempDir,
}

impl Archive {
    async fn new(test: &str) -> Option<Self> {
        if let Some(reason) = clickhouse::missing() {
            eprintln!("skipped: {test}: {reason}");
            return None;
        }
        let clickhouse = ClickHouse::start().await.unwrap();
        let config = ClickHouseConfig { url: clickhouse.url.clone(), ..ClickHouseConfig::default() };
        let store = Store::new(&config, None).unwrap();
        migrate::apply(&store, &MigrateOptions::default()).await.unwrap();
        Some(Self { clickhouse, store, dir: tempfile::tempdir().unwrap() })
    }

    /// Three days of lines, `count` each.
    async fn fill(&self, count: u64, first_batch: u64) {
        let rows = (0..3u64)
            .flat_map(|day| (0..count).map(move |n| (day, n)))
            .map(|(day, n)| {
                let ts = week().start() + day as i64 * time::DAY + n as i64 * 1_000_000_007;
                let mut record =
                    LogRecord::new(ts, "home", "web", format!("line {n}\twith \"quotes\" and 櫓"));
                record.level = if n % 7 == 0 { Level::Error } else { Level::Info };
                record.attrs.insert("client.ip".to_owned(), "192.0.2.1".to_owned());
                record.event_id = EventId::from_source("home", "test", first_batch << 32 | day << 24 | n, 0);
                AppLog::new(&record, 0)
            })
            .collect();
        self.store.load_history(rows, first_batch).await.unwrap();
    }

    async fn verify_windows(&self, without: Option<Window>) {
        let rows: Vec<SyncWindow> = Window::range(week().start(), week().end())
            .filter(|window| Some(*window) != without)
            .map(|window| SyncWindow {
                source: "loki".to_owned(),
                window_start: (window.start() / time::SECOND) as u32,
                loki_count: 0,
                ch_count: 0,
                id_xor: 0,
                bytes: 0,
                state: "verified".to_owned(),
                reason: String::new(),
                checked_at: 1,
            })
            .collect();
        self.store.write_windows(&rows).await.unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_parquet-export"))
            .args(["run", "--json", "--state-dir"])
            .arg(self.dir.path().join("state"))
            .arg("--to")
            .arg(self.dir.path().join("archive"))
            .args(args)
            .env("CLICKHOUSE_URL", &self.clickhouse.url)
            .output()
            .unwrap()
    }

    fn set(&self, version: u32) -> std::path::PathBuf {
        self.dir.path().join(format!("archive/logs/app_logs/week={}/v{version:04}", week()))
    }
}

fn document(output: &Output) -> serde_json::Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

fn manifest(set: &Path) -> Manifest {
    serde_json::from_slice(&std::fs::read(set.join("manifest.json")).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verified_week_is_exported_once_and_late_rows_make_a_new_version() {
    let Some(archive) = Archive::new("a_verified_week_is_exported_once").await else { return };
    archive.fill(1000, 1).await;
    archive.verify_windows(None).await;

    let output = archive.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(document(&output)["action"], "exported");
    let first = manifest(&archive.set(1));
    assert_eq!(
        (first.rows, first.files.len(), first.complete, first.verified_windows),
        (3000, 3, true, 2016)
    );
    for file in &first.files {
        let path = archive.set(1).join(&file.name);
        assert_eq!(path.metadata().unwrap().len(), file.bytes);
        assert_eq!(read_back(File::open(path).unwrap()).unwrap().rows, 1000);
    }

    assert_eq!(document(&archive.run(&[]))["action"], "unchanged");

    archive.fill(1, 2).await;
    assert_eq!(document(&archive.run(&["--dry-run"]))["action"], "would write");
    assert!(!archive.set(2).exists());
    assert_eq!(document(&archive.run(&[]))["action"], "exported");
    assert_eq!(manifest(&archive.set(2)).rows, 3003);
    assert_eq!(manifest(&archive.set(1)), first, "an older version is never touched");

    let listed = archive.store.exports().await.unwrap();
    let found: Vec<_> = listed.iter().map(|set| (set.version, set.rows, set.state.as_str())).collect();
    assert_eq!(found, [(1, 3000, "published"), (2, 3003, "published")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_with_an_unverified_window_is_refused_unless_forced() {
    let Some(archive) = Archive::new("a_week_with_an_unverified_window_is_refused").await else { return };
    archive.fill(10, 1).await;
    let gap = Window::containing(week().start() + 9 * WINDOW_NS);
    archive.verify_windows(Some(gap)).await;

    let refused = archive.run(&[]);
    assert_eq!(refused.status.code(), Some(3));
    let expected = format!("{}..{}", time::rfc3339(gap.start()), time::rfc3339(gap.end()));
    assert_eq!(document(&refused)["unverified"], serde_json::json!([expected]));
    assert!(!archive.dir.path().join("archive").exists());

    assert_eq!(document(&archive.run(&["--force"]))["action"], "exported");
    let forced = manifest(&archive.set(1));
    assert_eq!((forced.complete, forced.verified_windows, forced.rows), (false, 2015, 30));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_clickhouse_it_says_try_later_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_parquet-export"))
        .args(["run", "--week", "2026-W46", "--state-dir"])
        .arg(dir.path())
        .arg("--to")
        .arg(dir.path().join("archive"))
        .env("CLICKHOUSE_URL", "http://127.0.0.1:1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(75), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!dir.path().join("archive").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_never_migrated_is_a_matter_of_configuration() {
    let Some(archive) = Archive::new("a_database_that_was_never_migrated_is_a_matter_of_configuration").await
    else {
        return;
    };
    archive.clickhouse.query("DROP DATABASE logs").await.unwrap();
    let output = archive.run(&[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{stderr}");
    assert!(stderr.ends_with("hint: run `loki2ch migrate`\n"), "{stderr}");
}
