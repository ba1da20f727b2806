//! `migrate` as a user meets it.

use crate::{engine, migrated};
use log_store::migrate::{self, MigrateOptions, RetentionDays};

#[tokio::test(flavor = "multi_thread")]
async fn migrating_twice_does_nothing_the_second_time_and_says_so() {
    let Some((clickhouse, store)) = engine("migrating twice").await else { return };
    let options = MigrateOptions::default();
    let before = migrate::require_current(&store).await.unwrap_err();
    assert!(before.is_config(), "{before}");
    assert!(before.to_string().contains("hint: run `loki2ch migrate`"), "{before}");

    let planned = migrate::plan(&store, &options).await.unwrap();
    assert_eq!(planned.migrations.len(), 8);
    assert_eq!(clickhouse.query("EXISTS DATABASE logs").await.unwrap().trim(), "0", "a plan changes nothing");

    let first = migrate::apply(&store, &options).await.unwrap();
    assert_eq!(first.0, planned);
    insta::assert_snapshot!(first.to_string());
    migrate::require_current(&store).await.unwrap();
    let tables = "SELECT name, create_table_query FROM system.tables WHERE database = 'logs' ORDER BY name";
    let made = clickhouse.query(tables).await.unwrap();

    let second = migrate::apply(&store, &options).await.unwrap();
    insta::assert_snapshot!(second.to_string(), @"nothing to do: the schema is at 0008_exports");
    assert_eq!(clickhouse.query(tables).await.unwrap(), made);
    assert_eq!(clickhouse.query("SELECT count() FROM logs.schema_migrations").await.unwrap().trim(), "8");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_was_cut_off_is_finished_by_the_next_run() {
    let Some((clickhouse, store)) = migrated("a migration cut off").await else { return };
    clickhouse.query("DROP TABLE logs.sync_jobs").await.unwrap();
    clickhouse
        .query("ALTER TABLE logs.schema_migrations DELETE WHERE version >= 4 SETTINGS mutations_sync = 2")
        .await
        .unwrap();
    let report = migrate::apply(&store, &MigrateOptions::default()).await.unwrap();
    assert_eq!(report.0.migrations[0].name, "0004_sync");
    assert_eq!(clickhouse.query("EXISTS TABLE logs.sync_jobs").await.unwrap().trim(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_retention_days_reach_the_tables() {
    let Some((clickhouse, store)) = migrated("changed retention").await else { return };
    let retention = RetentionDays { logs: 45, ..RetentionDays::default() };
    let options = MigrateOptions { cluster: None, retention };
    let report = migrate::apply(&store, &options).await.unwrap();
    insta::assert_snapshot!(report.to_string(), @r"
    changed retention of logs.app_logs: 90 -> 45 days
    the schema is at 0008_exports
    ");
    let engine = "SELECT engine_full FROM system.tables WHERE database = 'logs' AND name = 'app_logs'";
    assert!(clickhouse.query(engine).await.unwrap().contains("toIntervalDay(45)"));
    assert!(migrate::plan(&store, &options).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_newer_or_altered_is_left_alone() {
    let Some((clickhouse, store)) = migrated("a newer database").await else { return };
    clickhouse
        .query("INSERT INTO logs.schema_migrations (version, name, checksum) VALUES (9, '0009_later', 'x')")
        .await
        .unwrap();
    let error = migrate::apply(&store, &MigrateOptions::default()).await.unwrap_err();
    assert!(error.is_config());
    insta::assert_snapshot!(error.to_string(), @r"
    database `logs` has migration 0009_later, which is newer than this program knows (0008_exports)
    hint: update this program; the database stays as it is
    ");

    clickhouse
        .query("ALTER TABLE logs.schema_migrations DELETE WHERE version = 9 SETTINGS mutations_sync = 2")
        .await
        .unwrap();
    clickhouse
        .query(
            "INSERT INTO logs.schema_migrations (version, name, checksum, applied_at) \
                VALUES (2, '0002_app_logs', 'another', now64(3) + 1)",
        )
        .await
        .unwrap();
    let error = migrate::apply(&store, &MigrateOptions::default()).await.unwrap_err();
    assert!(error.is_config());
    assert!(
        error.to_string().starts_with("migration 0002_app_logs was applied with another text"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_predecessors_database_is_left_alone() {
    let Some((clickhouse, store)) = engine("the predecessor's database").await else { return };
    clickhouse.query("CREATE DATABASE logs").await.unwrap();
    clickhouse
        .query("CREATE TABLE logs.app_logs (ts DateTime64(3), message String) ENGINE = MergeTree ORDER BY ts")
        .await
        .unwrap();
    let error = migrate::apply(&store, &MigrateOptions::default()).await.unwrap_err();
    assert!(error.is_config());
    let text = error.to_string();
    assert!(text.contains("has app_logs but no schema_migrations"), "{text}");
    assert!(text.contains("--from-predecessor") && text.contains("RENAME TABLE logs.app_logs"), "{text}");
    let tables = "SELECT count() FROM system.tables WHERE database = 'logs'";
    assert_eq!(clickhouse.query(tables).await.unwrap().trim(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_told_from_one_that_refuses() {
    let Some((mut clickhouse, store)) = migrated("a server away").await else { return };
    store.ping().await.unwrap();
    assert!(store.version().await.unwrap().starts_with("26."));
    clickhouse.kill9();
    let error = store.ping().await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    assert!(error.to_string().starts_with("ask for a sign of life: clickhouse at http"), "{error}");
    clickhouse.restart().await.unwrap();
    store.ping().await.unwrap();
}
