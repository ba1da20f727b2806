//! Lines, batches, the aggregate and the manifest.

use crate::migrated;
use log_model::time::{DAY, HOUR, MINUTE, SECOND};
use log_model::{EventId, Level, LogRecord, Window};
use log_store::rows::{AppLog, SyncWindow, WindowState};
use log_store::{EncodedBatch, ExportTable, Store};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Noon of yesterday: recent enough to be kept, and far from a change of day.
fn noon() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64;
    (now / DAY - 1) * DAY + 12 * HOUR
}

fn record(n: i64) -> LogRecord {
    let mut record =
        LogRecord::new(noon() + n * SECOND, "gate", "nginx", format!("line {n}\n\nafter a blank line"));
    record.event_id = EventId(u128::from(n.unsigned_abs()) + 1);
    record
}

fn rows(records: impl IntoIterator<Item = LogRecord>) -> Vec<AppLog> {
    records.into_iter().map(|record| AppLog::new(&record, 0)).collect()
}

async fn read_attrs(
    store: &Store,
    clickhouse: &testkit::clickhouse::ClickHouse,
) -> Vec<BTreeMap<String, String>> {
    assert!(store.ping().await.is_ok());
    let sql = "SELECT attrs FROM logs.app_logs ORDER BY ts FORMAT JSONEachRow \
               SETTINGS json_type_escape_dots_in_keys = 1";
    let text = clickhouse.query(sql).await.unwrap();
    text.lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            serde_json::from_value(value["attrs"].clone()).unwrap()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_arrives_whole_and_a_retry_with_its_token_adds_nothing() {
    let Some((clickhouse, store)) = migrated("a batch").await else { return };
    let mut first = record(0);
    first.level = Level::Error;
    first.status = 503;
    first.latency_ms = Some(12.5);
    first.path = "/a".into();
    first.trace_id = "0123456789abcdef0123456789abcdef".into();
    let batch = EncodedBatch::new(7, &rows([first, record(1), record(61)]));
    store.insert_batch(&batch, 1).await.unwrap();
    store.insert_batch(&batch, 1).await.unwrap();
    assert_eq!(store.count_batch(&batch.batch).await.unwrap(), 3);
    let window = Window::containing(noon());
    let totals = store.window_totals(window).await.unwrap();
    assert_eq!((totals.count, totals.id_xor), (3, 0b1 ^ 0b10 ^ 0b11_1110));
    let keys = store.line_keys(window).await.unwrap();
    assert_eq!(keys.len(), 3);
    assert!(keys.contains(&AppLog::new(&record(1), 0).key()));
    let sql = "SELECT toUnixTimestamp64Nano(ts), host, service, unit, level, path, status, latency_ms, trace_id, \
               message, event_id, batch FROM logs.app_logs ORDER BY ts LIMIT 1";
    let expected = format!(
        "{}\tgate\tnginx\t\terror\t/a\t503\t12.5\t0123456789abcdef0123456789abcdef\tline 0\\n\\nafter a blank line\t1\t7\n",
        noon()
    );
    assert_eq!(clickhouse.query(sql).await.unwrap(), expected);

    let mut stream = store.lines(noon(), noon() + HOUR).unwrap();
    let mut messages = Vec::new();
    while let Some(line) = stream.next().await.unwrap() {
        messages.push(line.message);
    }
    assert_eq!(messages.len(), 3);
    assert_eq!(store.newest_line().await.unwrap(), Some(noon() + 61 * SECOND));

    store.delete_batch(&batch.batch).await.unwrap();
    assert_eq!(store.count_batch(&batch.batch).await.unwrap(), 0);
    assert_eq!(store.minute_series(noon(), noon() + HOUR).await.unwrap(), []);
    store.insert_batch(&batch, 2).await.unwrap();
    assert_eq!(store.count_batch(&batch.batch).await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_come_back_unchanged_whatever_they_are_called_and_hold() {
    let Some((clickhouse, store)) = migrated("attributes").await else { return };
    let tricky: Vec<BTreeMap<String, String>> = [
        vec![("a.b", "1"), ("a", "2"), ("a.b.c", "3")],
        vec![
            ("when", "2026-11-20T10:00:00+03:00"),
            ("day", "2026-1-2"),
            ("n", "1.0"),
            ("big", "99999999999999999999"),
        ],
        vec![("yes", "true"), ("none", "null"), ("empty", ""), ("obj", "{\"x\":1}"), ("list", "[1,2]")],
        vec![("日本", "ログ"), ("sp ace", "tab\there"), ("q\"uote", "back\\slash"), ("nul", "a\0b")],
        vec![
            ("A", "upper"),
            ("a", "lower"),
            ("_raw", "mine"),
            ("1", "digit"),
            ("$", "sign"),
            ("a[]", "array?"),
        ],
    ]
    .into_iter()
    .map(|pairs| pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
    .collect();
    let records =
        tricky.iter().enumerate().map(|(n, attrs)| LogRecord { attrs: attrs.clone(), ..record(n as i64) });
    let batch = EncodedBatch::new(7, &rows(records));
    store.insert_batch(&batch, 1).await.unwrap();
    assert_eq!(read_attrs(&store, &clickhouse).await, tricky);
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_that_the_column_cannot_hold_do_not_fail_their_batch() {
    let Some((clickhouse, store)) = migrated("bad attributes").await else { return };
    let bad =
        |key: &str| BTreeMap::from([(key.to_owned(), "v".to_owned()), ("a.b".to_owned(), "w".to_owned())]);
    let records = ["a%2Eb", "", "a`b", "a\u{1}b"]
        .into_iter()
        .enumerate()
        .map(|(n, key)| LogRecord { attrs: bad(key), ..record(n as i64) });
    let batch = EncodedBatch::new(7, &rows(records));
    store.insert_batch(&batch, 1).await.unwrap();
    let stored = read_attrs(&store, &clickhouse).await;
    for (attrs, key) in stored.iter().zip(["a%2Eb", "", "a`b", "a\u{1}b"]) {
        let raw: BTreeMap<String, String> = serde_json::from_str(&attrs["_raw"]).unwrap();
        assert_eq!(raw, bad(key));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aggregate_counts_what_the_lines_say_and_deriving_again_changes_nothing() {
    let Some((clickhouse, store)) = migrated("the aggregate").await else { return };
    let records = (0..600).map(|n| {
        let mut record = record(n);
        record.level = [Level::Info, Level::Critical, Level::Warning][n as usize % 3];
        record.status = [200, 500, 0, 599, 600][n as usize % 5];
        record.latency_ms = (n % 2 == 0).then_some(n as f32);
        record
    });
    let records: Vec<_> = records.collect();
    // Two batches share the minutes.
    let (even, odd): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| record.event_id.0 % 4 < 2);
    let batches = [EncodedBatch::new(1, &rows(even)), EncodedBatch::new(2, &rows(odd))];
    for batch in &batches {
        store.insert_batch(batch, 1).await.unwrap();
    }
    let series = store.minute_series(noon(), noon() + HOUR).await.unwrap();
    assert_eq!(series.len(), 10);
    assert_eq!(series.iter().map(|row| row.cnt).sum::<u64>(), 600);
    assert_eq!(series.iter().map(|row| row.err).sum::<u64>(), 200);
    assert_eq!(series.iter().map(|row| row.s5xx).sum::<u64>(), 240);
    assert_eq!((series[0].avg_latency, series[0].max_latency), (Some(29.0), Some(58.0)));
    for batch in &batches {
        store.derive_aggregate(&batch.batch).await.unwrap();
    }
    store.derive_aggregate_range(noon(), noon() + HOUR).await.unwrap();
    assert_eq!(store.minute_series(noon(), noon() + HOUR).await.unwrap(), series);
    let report = store.verify_aggregate(noon(), noon() + HOUR).await.unwrap();
    assert_eq!((report.compared, report.different), (10, 0));

    clickhouse
        .query("ALTER TABLE logs.app_logs_1min_state DELETE WHERE batch = 2 SETTINGS mutations_sync = 2")
        .await
        .unwrap();
    let report = store.verify_aggregate(noon(), noon() + HOUR).await.unwrap();
    assert_eq!((report.different, report.examples.len()), (10, 10));
    assert_eq!((report.examples[0].lines, report.examples[0].cnt), (60, 30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_without_a_latency_has_none() {
    let Some((_clickhouse, store)) = migrated("no latency").await else { return };
    store.load_history(rows([record(0)]), 1).await.unwrap();
    let series = store.minute_series(noon(), noon() + MINUTE).await.unwrap();
    assert_eq!((series[0].avg_latency, series[0].p95_latency, series[0].max_latency), (None, None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn history_of_several_days_is_loaded_and_exported_whole() {
    let Some((_clickhouse, store)) = migrated("history").await else { return };
    let days =
        (0..3).flat_map(|day| (0..50).map(move |n| LogRecord { ts: noon() - day * DAY + n, ..record(n) }));
    assert_eq!(store.load_history(rows(days), 100).await.unwrap(), 3);
    let (from, to) = (noon() - 2 * DAY, noon() + HOUR);
    let summary = store.range_summary(ExportTable::AppLogs, from, to).await.unwrap();
    assert_eq!((summary.rows, summary.min_ts, summary.max_ts), (150, from, noon() + 49));
    let half = store.range_summary(ExportTable::AppLogs, from, noon()).await.unwrap();
    let rest = store.range_summary(ExportTable::AppLogs, noon(), to).await.unwrap();
    assert_eq!(half.fingerprint.wrapping_add(rest.fingerprint), summary.fingerprint);
    for table in ExportTable::ALL {
        let full = arrow_bytes(&store, table, from, to).await;
        let empty = arrow_bytes(&store, table, from - DAY, from).await;
        let rows = store.range_summary(table, from, to).await.unwrap().rows;
        assert_eq!(full > empty, rows > 0, "{table:?}: {full} bytes for {rows} rows, {empty} for none");
    }
}

async fn arrow_bytes(store: &Store, table: ExportTable, from: i64, to: i64) -> usize {
    let mut stream = store.export_arrow(table, from, to).unwrap();
    let mut bytes = 0;
    while let Some(piece) = stream.next().await.unwrap() {
        bytes += piece.len();
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watermark_is_the_end_of_the_contiguous_verified_prefix() {
    let Some((_clickhouse, store)) = migrated("the watermark").await else { return };
    let window = |n: i64| Window::containing(noon() + n * 5 * MINUTE);
    let mut checked_at = 0;
    let mut row = |n: i64, state: WindowState| {
        checked_at += 1;
        SyncWindow {
            source: "loki".into(),
            window_start: (window(n).start() / SECOND) as u32,
            loki_count: 1,
            ch_count: 1,
            id_xor: 0,
            bytes: 0,
            state: state.as_str().into(),
            reason: String::new(),
            checked_at,
        }
    };
    assert_eq!(store.watermark("loki").await.unwrap(), None);
    store.write_windows(&[row(0, WindowState::Suspect)]).await.unwrap();
    assert_eq!(store.watermark("loki").await.unwrap(), Some(window(0)));
    let later = [row(0, WindowState::Verified), row(1, WindowState::Settled), row(3, WindowState::Verified)];
    store.write_windows(&later).await.unwrap();
    assert_eq!(store.watermark("loki").await.unwrap(), Some(window(2)));
    store.write_windows(&[row(2, WindowState::Suspect)]).await.unwrap();
    assert_eq!(store.watermark("loki").await.unwrap(), Some(window(2)));
    store.write_windows(&[row(2, WindowState::Verified)]).await.unwrap();
    assert_eq!(store.watermark("loki").await.unwrap(), Some(window(4)));
    assert_eq!(store.watermark("other").await.unwrap(), None);
    let states = store.windows_by_state("loki").await.unwrap();
    assert_eq!(states, [("settled".to_owned(), 1), ("verified".to_owned(), 3)]);
    assert_eq!(store.windows("loki", window(1), window(3)).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_line_is_mined_by_the_message_inside() {
    let Some((_clickhouse, store)) = migrated("a_json_line_is_mined_by_the_message_inside").await else {
        return;
    };
    let rows = [
        (r#"{"msg":"upload failed","album":7}"#, Some(("msg", "upload failed")), "upload failed"),
        (r#"{"message":"scan done"}"#, Some(("message", "scan done")), "scan done"),
        (r#"{"album":7}"#, None, r#"{"album":7}"#),
        ("plain words", Some(("msg", "not of this line")), "plain words"),
    ];
    let records = rows.iter().enumerate().map(|(n, (message, attr, _))| {
        let mut record = LogRecord::new(noon() + n as i64, "home", "photo-api", *message);
        record.attrs.extend(attr.map(|(name, value)| (name.to_owned(), value.to_owned())));
        AppLog::new(&record, 0)
    });
    store.load_history(records.collect(), 1).await.unwrap();

    let mut stream = store.lines(noon(), noon() + HOUR).unwrap();
    let mut found = Vec::new();
    while let Some(line) = stream.next().await.unwrap() {
        found.push((line.message, line.text));
    }
    let expected = rows.map(|(message, _, text)| (message.to_owned(), text.to_owned()));
    assert_eq!(found, expected);
}
