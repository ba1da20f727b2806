//! What the client does when Loki lies, stumbles or goes away. The fake's faults are Loki's own, seen on real ones.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use log_model::time::{HOUR, MINUTE, SECOND};
use log_model::{Entry, StreamLabels};
use loki_client::{Client, Error, LokiConfig};
use std::time::{Duration, Instant};
use testkit::fake_loki::{FakeLoki, Faults, Settings};

const ALL: &str = r#"{host=~".+"}"#;

fn client(fake: &FakeLoki) -> Client {
    Client::new(&LokiConfig { url: fake.url(), ..LokiConfig::default() }, None).unwrap()
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_nanos() as i64 / SECOND * SECOND
}

/// Lines with event ids, `step` nanoseconds apart.
fn stream(host: &str, from: i64, step: i64, lines: i64) -> (StreamLabels, Vec<Entry>) {
    let entry = |n: i64| Entry {
        ts: from + n * step,
        line: format!("line {n}"),
        metadata: vec![(
            "event_id".to_owned(),
            format!("{:032x}", (n as u128).wrapping_mul(u128::MAX / 7919)),
        )],
    };
    (StreamLabels::from_iter([("host", host)]), (0..lines).map(entry).collect())
}

#[tokio::test]
async fn short_pages_and_pages_with_holes_are_read_completely() {
    let spoil: [fn(&mut Faults); 2] = [|faults| faults.short_pages = true, |faults| faults.holes = true];
    for switch in spoil {
        let fake = FakeLoki::start().unwrap();
        let (client, from) = (client(&fake), now() - 10 * MINUTE);
        client.push(&[stream("a", from, 100_000_003, 1500), stream("b", from, 0, 250)]).await.unwrap();
        fake.faults(switch);
        let reading = client.read(ALL, from, from + 5 * MINUTE).await.unwrap();
        assert!(reading.verified);
        assert_eq!((reading.count, reading.entries.len()), (1750, 1750));
    }
}

#[tokio::test]
async fn what_loki_never_shows_makes_the_reading_suspect() {
    let fake = FakeLoki::start().unwrap();
    let (client, from) = (client(&fake), now() - 10 * MINUTE);
    client.push(&[stream("a", from, SECOND, 30)]).await.unwrap();
    fake.faults(|faults| faults.always_short = true);
    let reading = client.read(ALL, from, from + 5 * MINUTE).await.unwrap();
    assert!(!reading.verified, "lines are missing and nobody says so");
    assert_eq!(reading.count, 30);
    fake.faults(|faults| faults.always_short = false);
    let reading = client.read(ALL, from, from + 5 * MINUTE).await.unwrap();
    assert!(reading.verified && reading.entries.len() == 30);
}

#[tokio::test]
async fn a_copy_in_another_shard_is_one_line() {
    let fake = FakeLoki::start().unwrap();
    let (client, from) = (client(&fake), now() - 10 * MINUTE);
    let (labels, entries) = stream("a", from, SECOND, 10);
    let mut shard = labels.clone();
    shard.0.insert("__stream_shard__".to_owned(), "1".to_owned());
    client.push(&[(labels, entries.clone()), (shard, entries)]).await.unwrap();
    let reading = client.read(ALL, from, from + MINUTE).await.unwrap();
    assert_eq!((reading.count, reading.entries.len(), reading.verified), (20, 10, true));
}

#[tokio::test]
async fn errors_that_loki_masks_are_found() {
    let settings = Settings { time_sharding: false, ..Settings::default() };
    let fake = FakeLoki::with(settings, Faults { masked_errors: true, ..Faults::default() }).unwrap();
    let (client, now) = (client(&fake), now());
    client.push(&[stream("a", now, 0, 1), stream("b", now, 0, 1)]).await.unwrap();
    let report =
        client.push(&[stream("a", now - 2 * HOUR, SECOND, 3), stream("b", now, 1, 5)]).await.unwrap();
    assert_eq!((report.delivered, report.rejected.len()), (5, 3));
    assert!(report.rejected[0].reason.contains("entry too far behind"), "{:?}", report.rejected[0]);
}

#[tokio::test]
async fn a_loki_that_says_later_gets_its_lines_later() {
    let fake = FakeLoki::start().unwrap();
    let (client, now) = (client(&fake), now());
    for switch in [
        (|faults| faults.rate_limited = 2) as fn(&mut Faults),
        |faults| faults.failing = 2,
        |faults| faults.failing_after_store = 1,
        |faults| faults.dropped_connections = 1,
    ] {
        fake.faults(switch);
        let report = client.push(&[stream("a", now, 1, 10)]).await.unwrap();
        assert_eq!((report.delivered, report.rejected.len()), (10, 0));
    }
    assert_eq!(fake.stored(), 10, "pushing again stored lines twice");
}

#[tokio::test]
async fn patience_ends_and_nothing_is_called_delivered() {
    let fake = FakeLoki::start().unwrap();
    let client = client(&fake);
    fake.faults(|faults| faults.rate_limited = u32::MAX);
    let error = client.push(&[stream("a", now(), 1, 10)]).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    assert!(error.to_string().contains("429: ingestion rate limit exceeded"), "{error}");
    assert_eq!(fake.stored(), 0);
}

#[tokio::test]
async fn blocked_ingestion_is_not_delivery() {
    let fake = FakeLoki::start().unwrap();
    let client = client(&fake);
    fake.faults(|faults| faults.blocked = true);
    let error = client.push(&[stream("a", now(), 1, 10)]).await.unwrap_err();
    assert!(matches!(error, Error::Rejected { status: 260, .. }), "{error}");
    assert!(error.is_unavailable(), "the lines are good: they have to wait");
}

#[tokio::test]
async fn a_push_that_was_never_stored_shows_in_the_count() {
    let fake = FakeLoki::start().unwrap();
    let (client, now) = (client(&fake), now());
    fake.faults(|faults| faults.lying = 1);
    let report = client.push(&[stream("a", now, 1, 10)]).await.unwrap();
    assert_eq!(report.delivered, 10);
    assert_eq!(client.count(ALL, now, now + SECOND).await.unwrap(), 0);
}

#[tokio::test]
async fn late_lines_that_loki_hides_appear_with_the_flush() {
    let fake =
        FakeLoki::with(Settings::default(), Faults { invisible_late: true, ..Faults::default() }).unwrap();
    let (client, from) = (client(&fake), now() - 6 * HOUR);
    client.push(&[stream("a", from, SECOND, 10)]).await.unwrap();
    assert_eq!(client.read(ALL, from, from + MINUTE).await.unwrap().count, 0);
    fake.flush();
    assert_eq!(client.read(ALL, from, from + MINUTE).await.unwrap().entries.len(), 10);
}

#[tokio::test]
async fn queries_survive_a_stumble() {
    let fake = FakeLoki::start().unwrap();
    let (client, from) = (client(&fake), now() - 10 * MINUTE);
    client.push(&[stream("a", from, SECOND, 10)]).await.unwrap();
    fake.faults(|faults| faults.failing_queries = 3);
    assert_eq!(client.read(ALL, from, from + MINUTE).await.unwrap().entries.len(), 10);
}

#[tokio::test]
async fn a_loki_that_is_away_is_unavailable_and_comes_back() {
    let mut fake = FakeLoki::start().unwrap();
    let (client, now) = (client(&fake), now());
    client.ready().await.unwrap();
    fake.kill9();
    let started = Instant::now();
    for error in [
        client.ready().await.unwrap_err(),
        client.push(&[stream("a", now, 1, 1)]).await.unwrap_err(),
        client.read(ALL, now - MINUTE, now).await.unwrap_err(),
    ] {
        assert!(error.is_unavailable(), "{error}");
        assert!(error.to_string().contains(client.url()), "{error}");
    }
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    fake.restart().unwrap();
    assert_eq!(client.push(&[stream("a", now, 1, 1)]).await.unwrap().delivered, 1);
}

#[tokio::test]
async fn a_loki_that_does_not_answer_is_unavailable() {
    let fake = FakeLoki::start().unwrap();
    fake.faults(|faults| faults.slow = Some(Duration::from_mins(1)));
    let config = LokiConfig { url: fake.url(), timeout_s: 1, ..LokiConfig::default() };
    let error = Client::new(&config, None).unwrap().ready().await.unwrap_err();
    assert!(error.is_unavailable() && error.to_string().contains("timed out"), "{error}");
}

#[tokio::test]
async fn known_streams_share_requests_and_new_ones_do_not() {
    let fake = FakeLoki::start().unwrap();
    let (client, now) = (client(&fake), now());
    let streams: Vec<_> = (0..8).map(|n| stream(&format!("h{n}"), now, 1, 5)).collect();
    client.push(&streams).await.unwrap();
    assert_eq!(fake.pushes(), 8);
    client.push(&streams).await.unwrap();
    assert_eq!(fake.pushes(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_loki_holds_twice_are_read_once_and_proven() {
    let Some(loki) = testkit::loki::Loki::start_real().await.unwrap() else {
        return eprintln!("skipped: lines_that_loki_holds_twice_are_read_once_and_proven: no loki");
    };
    let client = Client::new(&LokiConfig { url: loki.url.clone(), ..LokiConfig::default() }, None).unwrap();
    let from = now() - 10 * MINUTE;
    // More than one block of a chunk (256 KiB): what is pushed again is not compared with a closed one.
    let mut streams = [stream("a", from, 50_000_000, 6000)];
    for entry in &mut streams[0].1 {
        entry.line += &" padding".repeat(20);
    }
    client.push(&streams).await.unwrap();
    streams[0].1.truncate(40);
    client.push(&streams).await.unwrap();

    let reading = client.read(ALL, from, from + 6 * MINUTE).await.unwrap();
    assert!(reading.count > 6000, "loki merged the lines by itself, which makes this test pointless");
    assert_eq!((reading.entries.len(), reading.verified), (6000, true));
}
