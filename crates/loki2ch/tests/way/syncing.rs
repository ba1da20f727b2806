//! `sync`, `verify` and `status` as a user meets them.

use crate::setup::{Way, lines};
use log_model::time::{SECOND, rfc3339};

#[tokio::test(flavor = "multi_thread")]
async fn every_line_arrives_once_and_a_second_run_writes_nothing() {
    let Some(way) = Way::start("every line arrives once").await else { return };
    let mut sent = lines(way.window(0), 120);
    sent.extend(lines(way.window(2), 30));
    way.push(&sent).await;

    let status = way.run(["status"]);
    assert_eq!((status.code, status.stdout.as_str()), (Some(0), "loki: nothing verified yet\n"));
    let at = way.after(3);
    let first = way.run(["sync", "--at", &at, "--json"]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let report = first.json();
    assert_eq!(
        (&report["windows"], &report["verified"], &report["suspect"]),
        (&3.into(), &3.into(), &0.into())
    );
    assert_eq!((&report["lines"], &report["stored"]), (&150.into(), &150.into()));
    assert_eq!(report["watermark"], rfc3339(way.window(3).start()));
    let metrics = way.metrics();
    assert!(metrics.contains("loki2ch_windows{state=\"verified\"} 3\n"), "{metrics}");
    assert!(metrics.contains("loki2ch_last_run_rows 150\n"), "{metrics}");
    way.assert_equal(3);
    assert_eq!(way.ask("SELECT sum(err), sum(s5xx) FROM logs.app_logs_1min").await, "15\t8");
    let columns = "SELECT count() FROM logs.app_logs WHERE unit = 'nginx.service' AND status = 502 \
                   AND level = 'error' AND attrs.request_id::String = '20' AND latency_ms IS NULL";
    assert_eq!(way.ask(columns).await, "2");

    let state = "SELECT count(), max(batch) FROM logs.app_logs";
    let before = way.ask(state).await;
    let second = way.run(["sync", "--at", &at]);
    assert_eq!(second.code, Some(0));
    assert!(second.stdout.starts_with("synced windows=0 lines=0 stored=0 suspect=0 "), "{}", second.stdout);
    assert_eq!(way.ask(state).await, before);
    let forced = way.run(["sync", "--at", &at, "--from", &rfc3339(way.first.start()), "--json"]);
    assert_eq!((forced.code, &forced.json()["stored"]), (Some(0), &0.into()));
    assert_eq!(way.ask(state).await, before);

    let status = way.run(["status", "--json"]).json();
    assert_eq!(status["windows"]["verified"], 3);
    assert_eq!(status["watermark"], rfc3339(way.window(3).start()));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_come_late_are_found_by_the_next_run() {
    let Some(way) = Way::start("late lines").await else { return };
    let all = lines(way.window(0), 100);
    let (late, on_time): (Vec<_>, Vec<_>) = all.into_iter().partition(|line| line.event_id.0 % 5 == 0);
    assert!(!late.is_empty());
    way.push(&on_time).await;
    assert_eq!(way.run(["sync", "--at", &way.after(2)]).code, Some(0));
    way.push(&late).await;
    let ran = way.run(["sync", "--at", &way.after(3), "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let report = ran.json();
    assert_eq!((&report["late"], &report["stored"]), (&1.into(), &late.len().into()));
    assert_eq!(way.ask("SELECT count() FROM logs.app_logs").await, "100");
    way.assert_equal(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_rests_until_its_grace_is_over() {
    let Some(way) = Way::start("grace").await else { return };
    way.push(&lines(way.window(0), 10)).await;
    let too_early = rfc3339(way.window(1).start() + 119 * SECOND);
    let early = way.run(["sync", "--at", &too_early, "--json"]);
    assert_eq!((early.code, &early.json()["windows"]), (Some(0), &0.into()));
    let in_time = rfc3339(way.window(1).start() + 120 * SECOND);
    assert_eq!(way.run(["sync", "--at", &in_time, "--json"]).json()["stored"], 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_whose_attributes_clickhouse_refuses_arrives_with_them_as_text() {
    let Some(way) = Way::start("refused attributes").await else { return };
    // Stands for whatever the column may refuse one day: here it insists on a number.
    way.ask("ALTER TABLE logs.app_logs MODIFY COLUMN attrs JSON(max_dynamic_paths = 128, request_id UInt64)")
        .await;
    let mut sent = lines(way.window(0), 3);
    sent[1].attrs.insert("request.id".to_owned(), "no number".to_owned());
    way.push(&sent).await;
    let ran = way.run(["sync", "--at", &way.after(1), "--json"]);
    assert_eq!((ran.code, &ran.json()["stored"]), (Some(0), &3.into()), "{}", ran.stderr);
    let raw = "SELECT count() FROM logs.app_logs WHERE position(attrs._raw::String, 'no number') > 0";
    assert_eq!(way.ask(raw).await, "1");
    way.assert_equal(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_loki_or_clickhouse_nothing_advances_and_the_exit_code_is_75() {
    let Some(mut way) = Way::start("engines away").await else { return };
    way.push(&lines(way.window(0), 10)).await;
    let at = way.after(1);
    way.loki.kill9();
    let ran = way.run(["sync", "--at", &at]);
    assert_eq!(ran.code, Some(75), "{}", ran.stderr);
    assert!(ran.stderr.contains("loki at http"), "{}", ran.stderr);
    assert_eq!(way.ask("SELECT count() FROM logs.sync_windows").await, "0");
    way.loki.restart().await.unwrap();

    way.clickhouse.kill9();
    let ran = way.run(["sync", "--at", &at]);
    assert_eq!(ran.code, Some(75), "{}", ran.stderr);
    assert!(ran.stderr.contains("clickhouse at http"), "{}", ran.stderr);
    way.clickhouse.restart().await.unwrap();

    let ran = way.run(["sync", "--at", &at]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    way.assert_equal(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_are_shown_with_exit_code_3() {
    let Some(way) = Way::start("differences").await else { return };
    way.push(&lines(way.window(0), 20)).await;
    let at = way.after(1);
    assert_eq!(way.run(["sync", "--at", &at]).code, Some(0));
    // One line vanishes, one is doubled.
    let first = "(SELECT min(ts) FROM logs.app_logs)";
    let last = "(SELECT max(ts) FROM logs.app_logs)";
    way.ask(&format!("INSERT INTO logs.app_logs SELECT * FROM logs.app_logs WHERE ts = {last}")).await;
    way.ask(&format!("ALTER TABLE logs.app_logs DELETE WHERE ts = {first} SETTINGS mutations_sync = 2"))
        .await;

    let (from, to) = (rfc3339(way.first.start()), rfc3339(way.window(1).start()));
    let ran = way.run(["verify", "--from", &from, "--to", &to, "--json"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let row = &ran.json()["differences"][0];
    assert_eq!((&row["missing"], &row["extra"], &row["doubled"]), (&1.into(), &0.into(), &1.into()));
    assert_eq!(way.run(["verify", "--aggregate", "--from", &from, "--to", &to]).code, Some(3));

    // Looking at the window again brings the missing line back, and says what it cannot mend.
    let ran = way.run(["sync", "--at", &at, "--from", &from]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stdout.contains("clickhouse has 1 lines twice"), "{}", ran.stdout);
    assert_eq!(way.ask("SELECT uniqExact(event_id) FROM logs.app_logs").await, "20");
    let status = way.run(["status"]);
    assert_eq!(status.code, Some(3));
    assert!(status.stdout.contains("suspect window"), "{}", status.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_never_migrated_is_a_matter_of_configuration() {
    let Some(way) = Way::start("not migrated").await else { return };
    way.ask("DROP DATABASE logs").await;
    let ran = way.run(["sync"]);
    assert_eq!(ran.code, Some(78));
    assert!(ran.stderr.ends_with("hint: run `loki2ch migrate`\n"), "{}", ran.stderr);

    way.ask("CREATE DATABASE logs").await;
    way.ask("CREATE TABLE logs.app_logs (ts DateTime64(3)) ENGINE = MergeTree ORDER BY ts").await;
    let ran = way.run(["migrate"]);
    assert_eq!(ran.code, Some(78));
    assert!(ran.stderr.contains("--from-predecessor"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_times_are_wrong_usage() {
    let Some(way) = Way::start("wrong times").await else { return };
    let ran = way.run(["sync", "--from", "2000-01-01T00:00:00Z"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("would expire at once: they are kept for 90 days"), "{}", ran.stderr);
    let ran = way.run(["sync", "--from", "later"]);
    assert_eq!(ran.code, Some(2));
    let ran = way.run(["verify", "--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"]);
    assert_eq!(ran.code, Some(2));
}
