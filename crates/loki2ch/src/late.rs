//! Lines that arrived in Loki after their window was verified.
//!
//! The last hour is counted again on every run, the last day once an hour, the last week once a day. A
//! range whose count has not changed is left alone; one that has is halved until the windows are found.

use crate::connect::loki_error;
use anyhow::Context as _;
use log_model::time::{DAY, HOUR, MINUTE};
use log_model::{WINDOW_NS, Window};
use log_store::rows::SyncWindow;
use loki_client::Client;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use unit_kit::atomic;

/// How far back to look, and how long to wait before looking so far back again; nanoseconds. log-shipper
/// may be an hour late by Loki's own rules, and ten minutes by its own.
const HORIZONS: [(i64, i64); 3] = [(7 * DAY, DAY), (26 * HOUR, HOUR), (70 * MINUTE, 0)];

/// When each horizon was last looked at, nanoseconds since the epoch.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Looks {
    last: BTreeMap<i64, i64>,
}

impl Looks {
    /// As the last run left them; a file that cannot be read means "never".
    pub(crate) fn load(state_dir: &Path) -> Self {
        let text = std::fs::read(state_dir.join("late.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// For the next run.
    pub(crate) fn save(&self, state_dir: &Path) -> anyhow::Result<()> {
        let path = state_dir.join("late.json");
        atomic::write(&path, serde_json::to_vec(self)?).context("keep when late lines were looked for")
    }

    /// How far back to look at this time, and remembers it.
    pub(crate) fn due(&mut self, now: i64) -> i64 {
        let is_due = |horizon: i64, every: i64| {
            self.last.get(&horizon).is_none_or(|last| now - last >= every || *last > now)
        };
        let due = HORIZONS.iter().find(|(horizon, every)| is_due(*horizon, *every));
        let reach = due.map_or(0, |(horizon, _)| *horizon);
        for (horizon, _) in HORIZONS {
            if horizon <= reach {
                self.last.insert(horizon, now);
            }
        }
        reach
    }
}

/// Of these windows (contiguous, oldest first), those where Loki counts other lines than the manifest.
pub(crate) async fn changed(
    loki: &Client,
    selector: &str,
    known: &[SyncWindow],
) -> anyhow::Result<Vec<Window>> {
    let mut changed = Vec::new();
    let mut ranges = vec![known];
    while let Some(range) = ranges.pop() {
        let (Some(first), Some(last)) = (range.first(), range.last()) else { continue };
        let counted =
            loki.count(selector, first.window().start(), last.window().end()).await.map_err(loki_error)?;
        if counted == range.iter().map(|row| row.loki_count).sum::<u64>() {
            continue;
        }
        if range.len() == 1 {
            changed.push(first.window());
        } else {
            let (earlier, later) = range.split_at(range.len() / 2);
            ranges.push(later);
            ranges.push(earlier);
        }
    }
    Ok(changed)
}

/// The contiguous runs of windows: what lies between two windows must not be counted with them.
pub(crate) fn runs(known: &[SyncWindow]) -> impl Iterator<Item = &[SyncWindow]> {
    known.chunk_by(|a, b| b.window().start() - a.window().start() == WINDOW_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_back_an_hour_each_run_a_day_each_hour_and_a_week_each_day() {
        let mut looks = Looks::default();
        assert_eq!(looks.due(0), 7 * DAY);
        assert_eq!(looks.due(5 * MINUTE), 70 * MINUTE);
        assert_eq!(looks.due(HOUR), 26 * HOUR);
        assert_eq!(looks.due(HOUR + MINUTE), 70 * MINUTE);
        assert_eq!(looks.due(DAY), 7 * DAY);
    }

    #[test]
    fn a_clock_that_went_back_does_not_stop_the_looks() {
        let mut looks = Looks::default();
        looks.due(100 * DAY);
        assert_eq!(looks.due(DAY), 7 * DAY);
    }
}
