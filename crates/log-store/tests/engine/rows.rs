//! The row types and the tables agree.

use crate::migrated;
use clickhouse::Row;
use log_store::rows::{
    Anomaly, AppLog, Deploy, Export, Feedback, MinuteRow, SchemaMigration, SyncBatch, SyncWindow, Template,
    TemplateCount,
};
use std::time::{SystemTime, UNIX_EPOCH};
use testkit::clickhouse::ClickHouse;

/// Yesterday, seconds since the epoch; what is older than its retention vanishes within seconds.
fn yesterday() -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as u32;
    now / 300 * 300 - 86_400
}

/// Column names of a struct, and of the table as the engine describes it.
async fn columns<T: Row>(clickhouse: &ClickHouse, table: &str) -> (Vec<String>, Vec<String>) {
    let described = clickhouse.query(&format!("DESCRIBE TABLE logs.{table}")).await.unwrap();
    let names = described.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned);
    (T::COLUMN_NAMES.iter().map(|name| (*name).to_owned()).collect(), names.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_type_has_the_columns_of_its_table_in_order() {
    let Some((clickhouse, _store)) = migrated("columns of the row types").await else { return };
    macro_rules! same {
        ($($row:ty => $table:literal),+ $(,)?) => {$(
            let (ours, theirs) = columns::<$row>(&clickhouse, $table).await;
            assert_eq!(ours, theirs, "logs.{}", $table);
        )+};
    }
    same!(
        AppLog => "app_logs", SyncWindow => "sync_windows", SyncBatch => "sync_batches",
        Anomaly => "anomalies", Feedback => "feedback", Deploy => "deploys", Template => "templates",
        TemplateCount => "templates_1min", Export => "exports",
    );
    // The server fills in the time of a migration.
    let (mut ours, theirs) = columns::<SchemaMigration>(&clickhouse, "schema_migrations").await;
    ours.push("applied_at".to_owned());
    assert_eq!(ours, theirs);
    let (ours, theirs) = columns::<MinuteRow>(&clickhouse, "app_logs_1min").await;
    let kept: Vec<_> = theirs.into_iter().filter(|name| ours.contains(name)).collect();
    assert_eq!(ours, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anomaly_comes_back_as_written_and_the_latest_row_counts() {
    let Some((_clickhouse, store)) = migrated("anomalies").await else { return };
    let start = yesterday();
    let first = Anomaly {
        detected_at: i64::from(start) * 1000 + 123,
        window_start: start,
        window_end: start + 300,
        host: "gate".into(),
        service: "nginx".into(),
        anomaly_type: "errors".into(),
        score: 1.5,
        details: r#"{"reason":"5xx at 12:00","features":[{"name":"err","observed":12.5}]}"#.into(),
        id: u64::MAX,
        unit: String::new(),
        state: "open".into(),
        feature: "err".into(),
        observed: 12.5,
        expected: 0.25,
        template_id: 0,
        links: vec![("lines".into(), "http://grafana/explore".into())],
        updated_at: 1,
    };
    let second = Anomaly { window_end: start + 600, state: "closed".into(), updated_at: 2, ..first.clone() };
    store.write_anomalies(std::slice::from_ref(&first)).await.unwrap();
    store.write_anomalies(std::slice::from_ref(&second)).await.unwrap();
    let at = |seconds: u32| i64::from(seconds) * 1_000_000_000;
    let found = store.anomalies(at(start), at(start + 300)).await.unwrap();
    let [found] = &found[..] else { panic!("{found:?}") };
    let details: serde_json::Value = serde_json::from_str(&found.details).unwrap();
    assert_eq!(details, serde_json::from_str::<serde_json::Value>(&first.details).unwrap());
    assert_eq!(Anomaly { details: first.details.clone(), ..found.clone() }, second);
    assert_eq!(store.anomaly(u64::MAX).await.unwrap().unwrap().state, "closed");
    assert_eq!(store.anomaly(5).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_keep_their_first_sighting_and_counts_are_replaced() {
    let Some((_clickhouse, store)) = migrated("templates").await else { return };
    let template = |first_seen, last_seen| Template {
        id: 7,
        service: "sshd".into(),
        pattern: "Failed password for <*>".into(),
        level: "warning".into(),
        sample: "Failed password for root".into(),
        first_seen,
        last_seen,
    };
    store.write_templates(&[template(1000, 2000)]).await.unwrap();
    store.write_templates(&[template(1500, 3000)]).await.unwrap();
    assert_eq!(store.templates().await.unwrap(), [template(1000, 3000)]);

    let now = i64::from(yesterday());
    let count = |template_id, cnt| TemplateCount {
        minute: now as u32,
        host: "gate".into(),
        service: "sshd".into(),
        template_id,
        cnt,
        bytes: cnt * 10,
        updated_at: 0,
    };
    let (from, to) = (now * 1_000_000_000, (now + 60) * 1_000_000_000);
    store.replace_template_counts(from, to, &[count(7, 3), count(8, 1)], 1).await.unwrap();
    store.replace_template_counts(from, to, &[count(7, 4)], 2).await.unwrap();
    let counts = store.template_counts(from, to).await.unwrap();
    assert_eq!(counts, [TemplateCount { updated_at: 2, ..count(7, 4) }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_deploys_and_exports_come_back_as_written() {
    let Some((_clickhouse, store)) = migrated("verdicts, deploys, exports").await else { return };
    let feedback = Feedback {
        id: 1,
        anomaly_id: 2,
        host: "gate".into(),
        service: "nginx".into(),
        unit: String::new(),
        feature: "err".into(),
        verdict: "noise".into(),
        until: Some(1_767_322_800),
        comment: "backup".into(),
        created_at: 5,
        updated_at: 6,
    };
    store.write_feedback(std::slice::from_ref(&feedback)).await.unwrap();
    assert_eq!(store.feedback().await.unwrap(), [feedback]);
    let at_ms = i64::from(yesterday()) * 1000 + 500;
    let deploy = Deploy {
        host: "gate".into(),
        at: at_ms,
        kind: "restart".into(),
        service: "nginx".into(),
        unit: "nginx.service".into(),
        generation: String::new(),
        message: "Started nginx".into(),
        detected_at: at_ms + 1000,
    };
    store.write_deploys(std::slice::from_ref(&deploy)).await.unwrap();
    let at = |ms: i64| ms * 1_000_000;
    assert_eq!(store.deploys(at(at_ms), at(at_ms + 1)).await.unwrap(), [deploy]);
    let export = Export {
        table_name: "app_logs".into(),
        week: 20_455,
        version: 1,
        state: "published".into(),
        rows: 3,
        bytes: 300,
        files: 1,
        min_ts: 1_767_322_800_000_000_001,
        max_ts: 1_767_322_800_000_000_002,
        fingerprint: u64::MAX,
        manifest_key: "app_logs/2026-W01/manifest-1.json".into(),
        manifest_sha256: "00".into(),
        schema_version: 8,
        exported_at: 1_767_322_800_000,
        verified_at: None,
        updated_at: 1,
    };
    store.write_exports(std::slice::from_ref(&export)).await.unwrap();
    assert_eq!(store.exports().await.unwrap(), [export]);
}
