//! The scan on a real engine with traffic whose incidents are known.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use std::path::Path;
use std::process::Command;

use log_model::parse::{LineContext, parse_line};
use log_model::time::{DAY, HOUR, rfc3339};
use log_model::{EventId, LogRecord};
use log_store::rows::AppLog;
use log_store::{ClickHouseConfig, Store, migrate};
use serde_json::Value;
use testkit::clickhouse::ClickHouse;
use testkit::traffic::{Settings, Traffic};

/// One o'clock of the last Wednesday: within the retention of the tables, and the same hour of the week every time.
fn now() -> i64 {
    let today = chrono::Utc::now().timestamp_nanos_opt().unwrap().div_euclid(DAY);
    // The epoch was a Thursday.
    let wednesday = today - 1 - today.rem_euclid(7);
    wednesday * DAY + 13 * HOUR
}

#[tokio::test(flavor = "multi_thread")]
async fn finds_what_was_injected_and_little_else_and_says_it_once() {
    if let Some(reason) = testkit::clickhouse::missing() {
        eprintln!("skipped: finds_what_was_injected_and_little_else_and_says_it_once: {reason}");
        return;
    }
    let clickhouse = ClickHouse::start().await.unwrap();
    let config = ClickHouseConfig { url: clickhouse.url.clone(), ..ClickHouseConfig::default() };
    let store = Store::new(&config, None).unwrap();
    migrate::apply(&store, &migrate::MigrateOptions::default()).await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let scan = |args: &[&str]| run(&clickhouse.url, state.path(), args);

    let empty = scan(&["scan"]);
    assert_eq!(empty["entities"], 0, "an empty database is nothing to worry about");

    let traffic = Traffic::new(Settings { seed: 7, now: now(), days: 8 });
    let mut batch = 1;
    for records in traffic.history().chain([live(&traffic)]) {
        let rows: Vec<AppLog> = records.iter().map(|record| AppLog::new(record, batch)).collect();
        if !rows.is_empty() {
            batch += store.load_history(rows, batch).await.unwrap();
        }
    }

    let at = rfc3339(traffic.live_to());
    let dry = scan(&["scan", "--dry-run", "--at", &at]);
    let found = scan(&["scan", "--at", &at]);
    let key = |incidents: &Value| -> Vec<(String, String)> {
        let incidents = incidents["incidents"].as_array().unwrap();
        incidents.iter().map(|i| (i["id"].to_string(), i["details"]["reason"].to_string())).collect()
    };
    assert_eq!(key(&dry), key(&found), "a dry run says what the run will write");
    let incidents = found["incidents"].as_array().unwrap();
    for incident in incidents {
        println!("{} {} {}", incident["score"], incident["anomaly_type"], incident["details"]["reason"]);
    }
    let hits = |host: &str, service: &str| {
        incidents.iter().filter(|i| i["host"] == host && i["service"] == service).count()
    };
    let mut missed = Vec::new();
    let mut explained = 0;
    for injected in traffic.incidents() {
        let n = hits(injected.host, injected.service);
        explained += n;
        if n == 0 {
            missed.push(injected);
        }
    }
    println!("missed: {missed:?}; others: {}", incidents.len() - explained);
    assert!(missed.len() <= 2, "{missed:?}");
    assert!(incidents.len() <= explained + 2, "{} others", incidents.len() - explained);

    let again = scan(&["scan", "--at", &at]);
    assert_eq!(again["written"], 0, "a rerun of the same windows writes nothing");
    assert_eq!(key(&again), key(&found));

    // An hour later nothing more has come from anybody: all is over, and that is one fault of the pipeline.
    scan(&["scan", "--at", &rfc3339(traffic.live_to() + HOUR)]);
    let stored = store.anomalies(traffic.live_from() - HOUR, traffic.live_to() + HOUR).await.unwrap();
    let (ours, others): (Vec<_>, Vec<_>) =
        stored.iter().partition(|row| incidents.iter().any(|i| i["id"] == format!("{:016x}", row.id)));
    assert_eq!(ours.len(), incidents.len(), "each incident is one row");
    assert!(ours.iter().all(|row| row.state == "closed"), "{ours:?}");
    let kinds: Vec<_> = others.iter().map(|row| (row.anomaly_type.as_str(), row.state.as_str())).collect();
    assert_eq!(kinds, [("pipeline", "open")], "no storm of silences");
}

fn run(url: &str, state: &Path, args: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_anomaly-scan"))
        .args(["--json", "--state-dir"])
        .arg(state)
        .args(args)
        .env("CLICKHOUSE_URL", url)
        .env("TZ", "UTC")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", output.status);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {stderr}"))
}

/// The records that shipping the live hour would make.
fn live(traffic: &Traffic) -> Vec<LogRecord> {
    let mut records = Vec::new();
    for file in traffic.live() {
        for (n, line) in file.lines.iter().enumerate() {
            let source = file.source;
            let context =
                LineContext { host: source.host(), service: source.service(), unit: "", received: line.ts };
            let mut record = parse_line(source.format(), &context, &line.text);
            record.event_id = EventId::from_source(source.host(), source.file_name(), n as u64, 0);
            records.push(record);
        }
    }
    records
}
