//! SIGKILL at the worst moments of a commit.

use crate::proxy::{Moment, Proxy};
use crate::setup::{Way, lines};
use std::process::Stdio;
use std::time::Duration;

/// How long a run may take to come to its moment, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// Every insert of a commit, as its request's address names it.
const INSERTS: [&str; 3] = ["logs.app_logs+%28", "%60sync_batches%60", "%60sync_windows%60"];

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_around_any_insert_leaves_every_line_once_and_the_aggregate_right() {
    let Some(way) = Way::start("kills around inserts").await else { return };
    let moments = INSERTS.iter().flat_map(|insert| [(insert, Moment::Before), (insert, Moment::After)]);
    let mut expected = 0;
    for (n, (insert, moment)) in (0..).zip(moments) {
        way.push(&lines(way.window(n), 50)).await;
        expected += 50;
        let proxy = Proxy::start(&way.clickhouse.url, insert, moment);
        way.configure(&proxy.url);
        let at = way.after(n + 1);
        let mut child =
            way.command(["sync", "--at", &at]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        proxy
            .struck
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("{insert} never came ({moment:?}): {:?}", child.try_wait()));
        child.kill().unwrap();
        child.wait().unwrap();

        way.configure(&way.clickhouse.url);
        let status = way.run(["status", "--json"]).json();
        let open = insert.contains("app_logs") || (insert.contains("sync_batches"));
        assert_eq!(!status["open_batch"].is_null(), open, "{insert} {moment:?}: {status}");
        let ran = way.run(["sync", "--at", &at, "--json"]);
        assert_eq!(ran.code, Some(0), "{insert} {moment:?}: {}", ran.stderr);
        assert_eq!(ran.json()["recovered"], open, "{insert} {moment:?}");
        assert_eq!(
            way.ask("SELECT count(), uniqExact(event_id) FROM logs.app_logs").await,
            format!("{expected}\t{expected}")
        );
        assert_eq!(way.ask("SELECT sum(cnt) FROM logs.app_logs_1min").await, expected.to_string());
        way.assert_equal(n + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_of_both_sides_leaves_every_line_once() {
    let Some(mut way) = Way::start("a kill of both sides").await else { return };
    for (n, moment) in [(0, Moment::Before), (1, Moment::After)] {
        way.push(&lines(way.window(n), 40)).await;
        let proxy = Proxy::start(&way.clickhouse.url, INSERTS[0], moment);
        way.configure(&proxy.url);
        let at = way.after(n + 1);
        let mut child =
            way.command(["sync", "--at", &at]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        proxy.struck.recv_timeout(PATIENCE).unwrap();
        way.clickhouse.kill9();
        child.kill().unwrap();
        child.wait().unwrap();
        // Longer than the tolerance by which two lives of the server are told apart.
        tokio::time::sleep(Duration::from_secs(4)).await;
        way.clickhouse.restart().await.unwrap();
        way.configure(&way.clickhouse.url);
        let ran = way.run(["sync", "--at", &at, "--json"]);
        assert_eq!(ran.code, Some(0), "{moment:?}: {}", ran.stderr);
        assert_eq!(ran.json()["recovered"], true);
        way.assert_equal(n + 1);
    }
    assert_eq!(way.ask("SELECT count() FROM logs.app_logs").await, "80");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_batch_with_damaged_rows_is_taken_back_and_copied_afresh() {
    let Some(way) = Way::start("a damaged open batch").await else { return };
    way.push(&lines(way.window(0), 40)).await;
    let proxy = Proxy::start(&way.clickhouse.url, INSERTS[0], Moment::After);
    way.configure(&proxy.url);
    let at = way.after(1);
    let mut child =
        way.command(["sync", "--at", &at]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    proxy.struck.recv_timeout(PATIENCE).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::write(way.state_dir().join("open-batch/rows.bin"), "torn").unwrap();

    way.configure(&way.clickhouse.url);
    let ran = way.run(["sync", "--at", &at, "--json"]);
    assert_eq!((ran.code, &ran.json()["stored"]), (Some(0), &40.into()), "{}", ran.stderr);
    assert!(ran.stderr.contains("rows are damaged on disk"), "{}", ran.stderr);
    way.assert_equal(1);
}
