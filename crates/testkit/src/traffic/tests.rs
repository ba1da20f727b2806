use super::*;
use std::collections::{BTreeMap, BTreeSet};

fn traffic(seed: u64, days: u32) -> Traffic {
    let now = log_model::time::parse("2026-11-22T12:34:56Z").unwrap();
    Traffic::new(Settings { seed, now, days })
}

fn live_records(traffic: &Traffic) -> Vec<LogRecord> {
    let lines = traffic.live().into_iter().flat_map(|file| file.lines);
    lines.enumerate().map(|(n, line)| history_record(&line, 0, n as u64)).collect()
}

#[test]
fn the_same_seed_tells_the_same_story_and_another_one_does_not() {
    let (a, b, c) = (traffic(1, 1), traffic(1, 1), traffic(2, 1));
    assert_eq!(a.live(), b.live());
    assert!(a.history().eq(b.history()));
    assert_ne!(a.live(), c.live());
}

#[test]
fn every_line_is_what_its_parser_expects_and_keeps_its_time() {
    for (n, line) in traffic(3, 1).lines(0, DAY / 4).iter().enumerate() {
        let record = history_record(line, 0, n as u64);
        assert!(!record.attrs.contains_key("parse_error"), "{line:?}");
        assert!(record.ts.abs_diff(line.ts) < log_model::time::SECOND as u64, "{line:?}");
        assert_eq!(record.host, line.source.host());
        assert!(
            SERVICES.iter().any(|s| s.name == record.service) || record.service == "nixos-rebuild",
            "{record:?}"
        );
    }
}

#[test]
fn three_weeks_are_enough_to_learn_from_and_load_within_a_minute() {
    let rows: usize = traffic(4, 7).history().map(|day| day.len()).sum::<usize>() * 3;
    assert!((250_000..500_000).contains(&rows), "{rows}");
}

#[test]
fn history_ends_where_the_live_hour_starts_and_ids_are_unique() {
    let traffic = traffic(5, 2);
    let days: Vec<_> = traffic.history().collect();
    let all: Vec<_> = days.iter().flatten().collect();
    assert!(all.iter().all(|r| r.ts < traffic.live_from()));
    assert!(all.iter().any(|r| r.ts >= traffic.live_from() - MINUTE));
    assert!(all.iter().any(|r| r.ts < traffic.history_from() + MINUTE));
    for day in &days {
        assert_eq!(day.iter().map(|r| r.ts.div_euclid(DAY)).collect::<BTreeSet<_>>().len(), 1);
    }
    let ids: BTreeSet<_> = all.iter().map(|r| r.event_id.low64()).collect();
    assert_eq!(ids.len(), all.len());
}

#[test]
fn incidents_are_inside_the_live_hour_each_on_another_service() {
    for seed in 0..50 {
        let traffic = traffic(seed, 1);
        let mut services = BTreeSet::new();
        for incident in traffic.incidents() {
            assert!(traffic.live_from() + 5 * MINUTE <= incident.from, "{incident:?}");
            assert!(incident.to <= traffic.live_to() - 5 * MINUTE, "{incident:?}");
            assert!(services.insert((incident.host, incident.service)));
        }
        assert_eq!(services.len(), 10);
    }
}

#[test]
fn each_incident_shows_in_its_lines() {
    let traffic = traffic(6, 2);
    let (live, history) = (live_records(&traffic), traffic.history().flatten().collect::<Vec<_>>());
    let hours = 48.0;
    for incident in traffic.incidents() {
        let of = |r: &&LogRecord| r.host == incident.host && r.service == incident.service;
        let during: Vec<_> =
            live.iter().filter(of).filter(|r| incident.from <= r.ts && r.ts < incident.to).collect();
        let before: Vec<_> = history.iter().filter(of).collect();
        let per_hour = before.len() as f64 / hours;
        let expected = per_hour * (incident.to - incident.from) as f64 / HOUR as f64;
        let share = |records: &[&LogRecord], what: fn(&LogRecord) -> bool| {
            records.iter().filter(|r| what(r)).count() as f64 / records.len().max(1) as f64
        };
        let latency = |records: &[&LogRecord]| {
            let all: Vec<f32> = records.iter().filter_map(|r| r.latency_ms).collect();
            all.iter().sum::<f32>() / all.len() as f32
        };
        let ok = match incident.kind {
            "error_burst" => {
                share(&during, |r| r.level.is_err()) > 10.0 * share(&before, |r| r.level.is_err())
            }
            "server_errors" => {
                share(&during, |r| r.status >= 500) > 20.0 * share(&before, |r| r.status >= 500)
            }
            "latency" => latency(&during) > 4.0 * latency(&before),
            "silence" => during.is_empty() && expected > 20.0,
            "missed_job" => during.is_empty() && expected > 6.0,
            "traffic_spike" | "template_surge" => during.len() as f64 > 4.0 * expected,
            "new_template" => {
                let words = |r: &LogRecord| r.message.split(' ').take(4).collect::<Vec<_>>().join(" ");
                let known: BTreeSet<_> = before.iter().map(|r| words(r)).collect();
                during.iter().filter(|r| r.level.is_err() && !known.contains(&words(r))).count() > 10
            }
            other => panic!("no such kind: {other}"),
        };
        assert!(ok, "{incident:?}: {} lines, {expected:.0} expected", during.len());
    }
}

#[test]
fn error_messages_of_ordinary_days_are_not_new_on_any_of_them() {
    let mut days_of: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for record in traffic(7, 7).history().flatten().filter(|r| r.level.is_err() && r.status == 0) {
        let words: String = record.message.chars().filter(|c| !c.is_ascii_digit()).take(28).collect();
        days_of.entry(format!("{}: {words}", record.service)).or_default().insert(record.ts.div_euclid(DAY));
    }
    for (message, days) in days_of.iter().filter(|(message, _)| !message.contains('{')) {
        assert!(days.len() > 4, "{message}: on {} days of 8", days.len());
    }
}
