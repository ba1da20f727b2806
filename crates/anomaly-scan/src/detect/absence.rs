//! Silence of more than one: a host, or everybody.

use std::collections::BTreeMap;
use std::ops::Range;

use super::feature::{Feature, Kind};
use super::judge::{Entity, Flag, MAX_SCORE, Reading};
use super::schedule::Rhythm;
use super::series::{EntityKey, Grid};

/// Silent windows in a row of everybody that make a record of their own.
const GAP_WINDOWS: usize = 2;
/// Lines expected of a host's steady services together, below which their silence is not judged as one.
const HOST_LINES: f32 = 20.0;

/// Hosts all of whose steady services are silent in window `at`, as flags.
pub(super) fn silent_hosts(entities: &[Entity<'_>], at: usize) -> BTreeMap<String, Flag> {
    let mut hosts: BTreeMap<&str, (usize, usize, f32, usize)> = BTreeMap::new();
    for entity in entities {
        let steady = matches!(entity.rhythm, Rhythm::Steady { .. });
        if entity.series.cnt[at].is_nan() || at < entity.learning_until || !steady {
            continue;
        }
        let host = hosts.entry(&entity.series.key.host).or_default();
        host.0 += 1;
        host.1 += usize::from(entity.series.cnt[at] <= 0.0);
        host.2 += entity.model.compare(Feature::Silence, entity.series, &entity.residuals, at).1;
        host.3 = host.3.max(entity.model.windows);
    }
    hosts
        .into_iter()
        .filter(|(_, (steady, silent, expected, _))| {
            steady == silent && *steady >= 2 && *expected >= HOST_LINES
        })
        .map(|(host, (steady, _, expected, history))| {
            let key = EntityKey { host: host.to_owned(), service: "*".into(), unit: String::new() };
            let score = 1.0 + 0.25 * steady as f32;
            (host.to_owned(), absence_flag(key, Kind::HostSilence, at, score, expected, history))
        })
        .collect()
}

/// Nothing from anybody: one record for the pipeline.
pub(super) fn pipeline(grid: &Grid, range: Range<usize>) -> Vec<Flag> {
    let mut flags = Vec::new();
    let mut totals: Vec<f32> = (0..range.start)
        .map(|at| grid.series.iter().map(|s| s.cnt[at]).sum::<f32>())
        .filter(|total| !total.is_nan())
        .collect();
    let usual = super::median(&mut totals);
    for at in range {
        let run = (0..=at).rev().take_while(|&w| grid.ingest_gap[w]).count();
        if run >= GAP_WINDOWS && usual.is_finite() {
            let key = EntityKey { host: "*".into(), service: "*".into(), unit: String::new() };
            let score = 1.0 + 0.5 * (run - GAP_WINDOWS) as f32;
            flags.push(absence_flag(key, Kind::Pipeline, at, score, usual, totals.len()));
        }
    }
    flags
}

fn absence_flag(key: EntityKey, kind: Kind, at: usize, score: f32, expected: f32, history: usize) -> Flag {
    let silence = Reading {
        feature: Feature::Silence,
        observed: 0.0,
        expected,
        value: score,
        percentile: 100.0,
        template: None,
    };
    Flag {
        key,
        kind,
        at,
        score: score.min(MAX_SCORE),
        readings: vec![silence],
        opinion: None,
        history,
        season: None,
        moved: Vec::new(),
    }
}
