//! Whatever goes wrong on the way: in the end each event is in Loki once, and a reading brings all of them.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use log_model::time::{HOUR, MINUTE, SECOND};
use log_model::{Entry, EventId, StreamLabels};
use loki_client::{Client, LokiConfig};
use std::collections::BTreeSet;
use testkit::fake_loki::{FakeLoki, Settings};

/// Lines per run.
const LINES: u64 = 600;

/// xorshift64*: the same trouble for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % sides
    }
}

/// Trouble for the next push.
fn trouble(fake: &mut FakeLoki, dice: &mut Dice) {
    match dice.below(8) {
        0 => fake.faults(|faults| faults.rate_limited = 1),
        1 => fake.faults(|faults| faults.failing = 6),
        2 => fake.faults(|faults| faults.failing_after_store = 1),
        3 => fake.faults(|faults| faults.dropped_connections = 2),
        4 => fake.faults(|faults| faults.masked_errors ^= true),
        5 => {
            fake.kill9();
            fake.restart().unwrap();
        }
        _ => {}
    }
}

async fn run(seed: u64) {
    let mut dice = Dice(seed);
    let time_sharding = seed.is_multiple_of(2);
    let mut fake = FakeLoki::with(
        Settings { time_sharding, ..Settings::default() },
        testkit::fake_loki::Faults::default(),
    )
    .unwrap();
    let config = LokiConfig { url: fake.url(), ..LokiConfig::default() };
    let mut client = Client::new(&config, None).unwrap();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = since.as_nanos() as i64 / SECOND * SECOND;

    let mut number = 0;
    let (mut stored, mut refused) = (BTreeSet::new(), BTreeSet::new());
    while number < LINES {
        let mut streams = Vec::new();
        for _ in 0..=dice.below(4) {
            let labels = StreamLabels::from_iter([("host", format!("h{}", dice.below(5)))]);
            let mut entries = Vec::new();
            for _ in 0..=dice.below(40) {
                number += 1;
                // Mostly now, on few nanoseconds; sometimes hours ago.
                let ago = if dice.below(5) == 0 { 1 + dice.below(5) as i64 } else { 0 };
                let ts = now - ago * HOUR + dice.below(3) as i64;
                let id = EventId::from_source("chaos", "source", number, 0).to_string();
                entries.push(Entry {
                    ts,
                    line: "same".to_owned(),
                    metadata: vec![("event_id".to_owned(), id)],
                });
            }
            streams.push((labels, entries));
        }
        trouble(&mut fake, &mut dice);
        let report = loop {
            match client.push(&streams).await {
                Ok(report) => break report,
                Err(error) => assert!(error.is_unavailable(), "{error}"),
            }
            if dice.below(2) == 0 {
                // The tool itself was killed and starts with an empty memory.
                client = Client::new(&config, None).unwrap();
            }
        };
        let ids = |entry: &Entry| entry.metadata[0].1.clone();
        let rejected: BTreeSet<String> =
            report.rejected.iter().map(|rejected| ids(&rejected.entry)).collect();
        let all = streams.iter().flat_map(|(_, entries)| entries).map(ids);
        stored.extend(all.filter(|id| !rejected.contains(id)));
        refused.extend(rejected);
    }
    assert!(refused.is_empty() || !time_sharding, "seed {seed}: with time sharding nothing is too late");

    let reading = client.read(r#"{host=~"h."}"#, now - 6 * HOUR, now + MINUTE).await.unwrap();
    let read: BTreeSet<String> =
        reading.entries.iter().map(|(_, entry)| entry.metadata[0].1.clone()).collect();
    assert!(reading.verified, "seed {seed}");
    assert_eq!(read.len(), reading.entries.len(), "seed {seed}: an event came twice");
    let lost: Vec<_> = stored.difference(&read).collect();
    assert!(lost.is_empty(), "seed {seed}: called delivered and not there: {lost:?}");
    // A line that was stored before an error and refused on the second try is in both sets; no other is.
    let invented: Vec<_> = read.difference(&stored).filter(|id| !refused.contains(*id)).collect();
    assert!(invented.is_empty(), "seed {seed}: {invented:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn random_trouble_loses_and_doubles_nothing() {
    let runs: Vec<_> = (1..=12).map(|seed| tokio::spawn(run(seed))).collect();
    for run in runs {
        run.await.unwrap();
    }
}
