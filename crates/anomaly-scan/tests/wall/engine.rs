//! The command on a real engine.

use crate::sample;
use anomaly_scan::wall::Range;
use log_store::rows::{AppLog, Template, TemplateCount};
use log_store::{ClickHouseConfig, Store, migrate};
use std::process::{Command, Output};
use testkit::clickhouse::ClickHouse;

const HOUR: i64 = 3600;
const SECOND: i64 = 1_000_000_000;

/// This hour, so that the tables' retention keeps all of it.
fn end() -> i64 {
    chrono::Utc::now().timestamp().div_euclid(HOUR) * HOUR
}

fn line(at: i64, service: &str, n: u64) -> AppLog {
    AppLog {
        ts: at * SECOND,
        host: "homeMachine".into(),
        service: service.into(),
        unit: format!("{service}.service"),
        level: if n.is_multiple_of(10) { "error" } else { "info" }.into(),
        path: String::new(),
        status: 0,
        latency_ms: None,
        trace_id: String::new(),
        message: format!("line {n}"),
        attrs: "{}".into(),
        event_id: n,
        batch: 0,
    }
}

fn wall(url: &str, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_anomaly-scan"))
        .arg("wall")
        .args(args)
        .env("CLICKHOUSE_URL", url)
        .env("YAGURA_ANOMALY_SCAN_LINKS_GRAFANA_URL", "http://homeMachine:3000")
        .output()
        .expect("the tool starts")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_draws_what_the_database_holds() {
    if let Some(reason) = testkit::clickhouse::missing() {
        eprintln!("skipped: the_command_draws_what_the_database_holds: {reason}");
        return;
    }
    let clickhouse = ClickHouse::start().await.unwrap();
    let config = ClickHouseConfig { url: clickhouse.url.clone(), ..ClickHouseConfig::default() };
    let store = Store::new(&config, None).unwrap();
    migrate::apply(&store, &migrate::MigrateOptions::default()).await.unwrap();
    assert!(stdout(&wall(&clickhouse.url, &[])).contains("No lines yet."));

    // Two hours of lines: all is young.
    let end = end();
    let lines = (0..120).map(|n| line(end - 7200 + n * 60, "nginx", n as u64)).collect();
    let batch = 1 + store.load_history(lines, 1).await.unwrap();
    let pattern = "line <*>".to_owned();
    store
        .write_templates(&[Template {
            id: 5,
            service: "nginx".into(),
            pattern,
            level: "info".into(),
            sample: "line 1".into(),
            first_seen: (end - 7200) * 1000,
            last_seen: end * 1000,
        }])
        .await
        .unwrap();
    let counts = [TemplateCount {
        minute: (end - 7200) as u32,
        host: "homeMachine".into(),
        service: "nginx".into(),
        template_id: 5,
        cnt: 120,
        bytes: 1000,
        updated_at: 0,
    }];
    store
        .replace_template_counts((end - 7200) * SECOND, end * SECOND, &counts, end * 1_000_000)
        .await
        .unwrap();
    let at = end.to_string();
    let text = stdout(&wall(&clickhouse.url, &["--at", &at, "--last", "6h"]));
    assert!(text.contains("Learning: 120 minutes of the 3 days"), "{text}");
    assert!(text.contains("120  nginx             line <*>"), "{text}");

    // Older lines make it ready; incidents come through the database as they were written.
    let old = (0..60).map(|n| line(end - 5 * 86_400 + n * 60, "nginx", 1000 + n as u64)).collect();
    store.load_history(old, batch).await.unwrap();
    let mut anomalies = sample::day_rows(Range::new(sample::END - 86_400, sample::END, 72)).anomalies;
    for anomaly in &mut anomalies {
        let moved = |at: u32| (i64::from(at) - sample::END + end) as u32;
        anomaly.window_start = moved(anomaly.window_start);
        anomaly.window_end = moved(anomaly.window_end);
    }
    store.write_anomalies(&anomalies).await.unwrap();
    let json = stdout(&wall(&clickhouse.url, &["--json", "--at", &at, "--last", "24h"]));
    let wall_now: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(wall_now["state"]["kind"], "ready");
    assert_eq!(wall_now["health"]["rows"], 120);
    assert_eq!(wall_now["health"]["lag_s"], 0);
    let incidents = wall_now["incidents"].as_array().unwrap();
    let kinds: Vec<_> = incidents.iter().map(|incident| incident["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["error_burst", "server_errors", "template_surge", "missed_job", "new_template", "traffic_spike"]
    );
    let expected = sample::day(72);
    for (incident, sample) in incidents.iter().zip(&expected.incidents) {
        assert_eq!(incident["reason"], sample.reason);
        assert_eq!(incident["candidates"], serde_json::to_value(&sample.candidates).unwrap());
        assert_eq!(incident["contributions"], serde_json::to_value(&sample.contributions).unwrap());
        assert_eq!(incident["template"], serde_json::to_value(&sample.template).unwrap());
        assert_eq!(incident["links"]["rows_sql"], sample.links.rows_sql.as_deref().unwrap());
        assert!(
            incident["links"]["explore"].as_str().unwrap().starts_with("http://homeMachine:3000/explore?")
        );
    }
    let lane = wall_now["lanes"].as_array().unwrap().iter().find(|lane| lane["service"] == "nginx").unwrap();
    let sum =
        |key: &str| lane["cells"].as_array().unwrap().iter().map(|c| c[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("count"), sum("errors")), (120, 12));

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wall.html");
    let printed = stdout(&wall(&clickhouse.url, &["--html", &file.display().to_string(), "--at", &at]));
    assert_eq!(printed.trim_end(), file.canonicalize().unwrap().display().to_string());
    assert!(std::fs::read_to_string(&file).unwrap().contains("6 incidents in 24 hours."));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_wrong_time_is_wrong_usage_and_an_absent_database_is_for_later() {
    for args in [["--at", "soon"], ["--last", "24"], ["--to", "2026-11-22"]] {
        assert_eq!(wall("http://127.0.0.1:9", &args).status.code(), Some(2), "{args:?}");
    }
    let backwards = ["--from", "2026-11-22", "--to", "2026-11-21"];
    assert_eq!(wall("http://127.0.0.1:9", &backwards).status.code(), Some(2));
    assert_eq!(wall("http://127.0.0.1:9", &[]).status.code(), Some(75));
}
