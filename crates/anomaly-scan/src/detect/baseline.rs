//! What is usual at this time of the week.

use std::ops::Range;

use super::{DAY, HOUR, median};

/// Scales the median absolute deviation to a standard deviation, for normally distributed numbers.
const MAD_TO_SD: f32 = 1.4826;

/// How time is cut into seasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Season {
    /// 168 hours: needs two weeks.
    HourOfWeek,
    /// 24 hours.
    HourOfDay,
}

/// The clock that seasons follow: the people's, not UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Number of the grid's first window, counted from the epoch.
    pub start: i64,
    /// Local time less UTC, in minutes.
    pub utc_offset_minutes: i32,
}

/// Median and spread of one quantity for every hour of the season.
#[derive(Debug, Clone)]
pub struct Baseline {
    clock: Clock,
    season: Season,
    /// Median per hour.
    median: Vec<f32>,
    /// Spread per hour, as a standard deviation.
    spread: Vec<f32>,
    /// Spread of all residuals together: what a single hour's spread is checked against.
    pub overall: f32,
}

impl Season {
    /// The finest season that this many windows of history can feed.
    pub fn for_history(windows: usize) -> Self {
        if windows >= 14 * DAY { Self::HourOfWeek } else { Self::HourOfDay }
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::HourOfWeek => "hour of week",
            Self::HourOfDay => "hour of day",
        }
    }

    fn hours(self) -> usize {
        match self {
            Self::HourOfWeek => 168,
            Self::HourOfDay => 24,
        }
    }
}

impl Clock {
    /// Hour of the season in which window `at` of the grid lies. The epoch was a Thursday; which day counts as the
    /// first doesn't matter.
    pub fn hour(self, at: usize, season: Season) -> usize {
        let minutes = (self.start + at as i64) * 5 + i64::from(self.utc_offset_minutes);
        minutes.div_euclid(60).rem_euclid(season.hours() as i64) as usize
    }
}

impl Baseline {
    /// Learns from `values[range]`; every hour borrows from its neighbours, so that it rests on three hours a cycle.
    pub fn learn(values: &[f32], range: Range<usize>, clock: Clock, season: Season) -> Self {
        let hours = season.hours();
        let mut by_hour: Vec<Vec<f32>> = vec![Vec::new(); hours];
        for at in range.clone() {
            by_hour[clock.hour(at, season)].push(values[at]);
        }
        let mut baseline = Self {
            clock,
            season,
            median: vec![f32::NAN; hours],
            spread: vec![f32::NAN; hours],
            overall: f32::NAN,
        };
        let mut pool = Vec::new();
        for hour in 0..hours {
            pool.clear();
            for near in [hour + hours - 1, hour, hour + 1] {
                pool.extend_from_slice(&by_hour[near % hours]);
            }
            let middle = median(&mut pool);
            for value in &mut pool {
                *value = (*value - middle).abs();
            }
            baseline.median[hour] = middle;
            baseline.spread[hour] = MAD_TO_SD * median(&mut pool);
        }
        let mut residuals: Vec<f32> = range.map(|at| (values[at] - baseline.median_at(at)).abs()).collect();
        baseline.overall = MAD_TO_SD * median(&mut residuals);
        baseline
    }

    /// The usual value in window `at`.
    pub fn median_at(&self, at: usize) -> f32 {
        self.median[self.clock.hour(at, self.season)]
    }

    /// The spread in window `at`, but never less than `shrink` times the overall one: a quiet hour of three weeks
    /// may be quiet by luck.
    pub fn spread_at(&self, at: usize, shrink: f32) -> f32 {
        self.spread[self.clock.hour(at, self.season)].max(shrink * self.overall)
    }

    /// The season it was learnt in.
    pub fn season(&self) -> Season {
        self.season
    }
}

/// How far an entity has drifted from its baseline lately, as one number for every hour.
#[derive(Debug, Clone)]
pub struct Level {
    first: usize,
    by_hour: Vec<f32>,
}

/// Hours of drift that are looked at.
const LEVEL_HOURS: usize = 6;
/// A drift beyond this (in logarithms: a factor of two) is an incident, not a level.
const LEVEL_LIMIT: f32 = 0.7;
/// The share of the drift that is believed.
const LEVEL_BELIEF: f32 = 0.7;

impl Level {
    /// Median residual of the six hours before each hour of `range`, bounded.
    pub fn follow(values: &[f32], baseline: &Baseline, range: Range<usize>) -> Self {
        let first = range.start / HOUR;
        let by_hour = (first..range.end.div_ceil(HOUR))
            .map(|hour| {
                let end = (hour * HOUR).saturating_sub(1).min(values.len());
                let start = (hour * HOUR).saturating_sub(LEVEL_HOURS * HOUR).min(end);
                let mut residuals: Vec<f32> =
                    (start..end).map(|at| values[at] - baseline.median_at(at)).collect();
                let level = median(&mut residuals);
                if level.is_nan() { 0.0 } else { level.clamp(-LEVEL_LIMIT, LEVEL_LIMIT) * LEVEL_BELIEF }
            })
            .collect();
        Self { first, by_hour }
    }

    /// The drift in window `at` of the range.
    pub fn at(&self, at: usize) -> f32 {
        self.by_hour[at / HOUR - self.first]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: Clock = Clock { start: 0, utc_offset_minutes: 0 };

    #[test]
    fn learns_a_daily_rhythm_and_shrugs_off_an_outlier() {
        let mut values: Vec<f32> =
            (0..7 * DAY).map(|at| if at % DAY < DAY / 2 { 1.0 } else { 5.0 }).collect();
        values[40..60].fill(1_000.0);
        let baseline = Baseline::learn(&values, 0..7 * DAY, CLOCK, Season::HourOfDay);
        assert!((baseline.median_at(48) - 1.0).abs() < 1e-6);
        assert!((baseline.median_at(DAY * 3 / 4) - 5.0).abs() < 1e-6);
    }

    #[test]
    fn local_time_moves_the_season() {
        let tokyo = Clock { utc_offset_minutes: 540, ..CLOCK };
        assert_eq!(tokyo.hour(0, Season::HourOfDay), 9);
        let nepal = Clock { utc_offset_minutes: 345, ..CLOCK };
        assert_eq!(nepal.hour(3, Season::HourOfDay), 6);
    }

    #[test]
    fn the_level_follows_a_drift_but_not_without_bound() {
        let mut values = vec![0.0_f32; 4 * DAY];
        values[3 * DAY..].fill(0.3);
        let baseline = Baseline::learn(&values, 0..3 * DAY, CLOCK, Season::HourOfDay);
        let level = Level::follow(&values, &baseline, 3 * DAY..4 * DAY);
        assert!((level.at(4 * DAY - 1) - 0.21).abs() < 1e-6);
        values[3 * DAY..].fill(9.0);
        let level = Level::follow(&values, &baseline, 3 * DAY..4 * DAY);
        assert!(level.at(4 * DAY - 1) < 0.5);
    }
}
