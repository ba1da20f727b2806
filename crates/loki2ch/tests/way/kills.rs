//! SIGKILL at the worst moments of a commit.

use crate::proxy::{Moment, Proxy};
use crate::setup::{Way, lines};
use std::process::Stdio;
use std::time::Duration;

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
            .recv_timeout(Duration::from_secs(60))
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
        proxy.struck.recv_timeout(Duration::from_secs(60)).unwrap();
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
