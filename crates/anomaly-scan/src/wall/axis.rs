//! Where the time axis has its marks.

use super::model::Wall;
use super::words;
use chrono::{DateTime, Utc};

/// A mark of the axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tick {
    /// When.
    pub(super) at: DateTime<Utc>,
    /// Whether it says the day rather than the hour.
    pub(super) day: bool,
}

/// Distances between marks, seconds.
const DISTANCES: [i64; 13] =
    [300, 900, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000];

/// At most `max` distances between round times, the first and last moment included where they are round.
pub(super) fn ticks(wall: &Wall, max: i64) -> Vec<Tick> {
    let (from, to) = (wall.from.timestamp(), wall.to.timestamp());
    let distance = DISTANCES.into_iter().find(|distance| (to - from) / distance <= max).unwrap_or(to - from);
    let first = (from + distance - 1).div_euclid(distance) * distance;
    (first..=to)
        .step_by(usize::try_from(distance).unwrap_or(usize::MAX))
        .filter_map(|at| DateTime::from_timestamp(at, 0))
        .map(|at| Tick { at, day: distance >= 86_400 })
        .collect()
}

impl Tick {
    /// What is written there, in UTC.
    pub(super) fn label(self) -> String {
        if self.day { words::day(self.at) } else { words::clock(self.at) }
    }
}
