//! From residuals to one scale: how odd is this for *this* entity?

use std::ops::Range;

use super::baseline::Clock;
use super::feature::Feature;
use super::residual::{Model, RESIDUALS, Residuals};
use super::series::Series;
use super::{DAY, median, quantile};

/// The features on the common scale: the residuals in both directions, and surges.
pub const CALIBRATED: [Feature; 8] = [
    Feature::CountHigh,
    Feature::CountLow,
    Feature::Errors,
    Feature::Server,
    Feature::LatencyAvg,
    Feature::LatencyP95,
    Feature::LatencyTrend,
    Feature::Surge,
];

/// One window of five hundred is above this share: one false alarm in 42 hours per feature, before all other rules.
const TAIL: f64 = 0.998;
/// An incident of an hour in two weeks is inside this share, and moves the tail but not the body of the past: the tail
/// is believed up to so many times the body. (A normal distribution has 1.24.)
const BODY: f64 = 0.99;
const BEYOND: f32 = 1.6;
/// A residual below this is never odd, however calm the history.
const FLOOR: f32 = 4.0;
/// An entity is not believed to be much calmer than the others.
const POOL_SHARE: f32 = 0.6;

/// An entity's residuals over the history, by a baseline that did not see them.
#[derive(Debug, Clone)]
pub struct Past {
    /// First window.
    pub range: Range<usize>,
    /// One list per residual.
    pub z: [Vec<f32>; 6],
}

impl Past {
    /// Judges the later part of the history by what came before it, week by week.
    ///
    /// In-sample residuals would be too small, and the judged day would look odd beside them.
    pub fn judge(series: &Series, history: Range<usize>, clock: Clock) -> Self {
        let cuts = cuts(&history);
        let range = cuts.first().copied().unwrap_or(history.end)..history.end;
        let mut z: [Vec<f32>; 6] = Default::default();
        for (i, &cut) in cuts.iter().enumerate() {
            let end = cuts.get(i + 1).copied().unwrap_or(history.end);
            let Residuals { z: part, .. } =
                Model::learn(series, history.start..cut, clock).residuals(series, cut..end);
            for (all, part) in z.iter_mut().zip(part) {
                all.extend(part);
            }
        }
        Self { range, z }
    }
}

/// Where a new baseline is learnt within the history: a week and two weeks before its end, or half-way.
fn cuts(history: &Range<usize>) -> Vec<usize> {
    let weeks: Vec<usize> = [14 * DAY, 7 * DAY]
        .into_iter()
        .filter(|back| history.len() >= back + 7 * DAY)
        .map(|back| history.end - back)
        .collect();
    if weeks.is_empty() { vec![history.start + history.len() / 2] } else { weeks }
}

/// The scale of one entity.
#[derive(Debug, Clone)]
pub struct Scale {
    /// Sorted past values per calibrated feature.
    past: [Vec<f32>; 8],
    tail: [f32; 8],
}

impl Scale {
    /// The entity's own tails.
    pub fn own(past: &Past, surges: Vec<f32>) -> Self {
        let side =
            |i: usize, sign: f32| -> Vec<f32> { past.z[i].iter().map(|z| (sign * z).max(0.0)).collect() };
        let mut past = [
            side(0, 1.0),
            side(0, -1.0),
            side(1, 1.0),
            side(2, 1.0),
            side(3, 1.0),
            side(4, 1.0),
            side(5, 1.0),
            surges,
        ];
        let mut tail = [0.0; 8];
        for (tail, values) in tail.iter_mut().zip(&mut past) {
            values.sort_unstable_by(f32::total_cmp);
            *tail = quantile(values, TAIL).min(BEYOND * quantile(values, BODY));
        }
        Self { past, tail }
    }

    /// Raises tails that are far below the others' to a share of the middle one.
    pub fn pool(scales: &mut [Self]) {
        for i in 0..CALIBRATED.len() {
            let middle = median(&mut scales.iter().map(|scale| scale.tail[i]).collect());
            for scale in scales.iter_mut() {
                scale.tail[i] = scale.tail[i].max(POOL_SHARE * middle).max(FLOOR);
            }
        }
    }

    /// `value` of calibrated feature `i` on the common scale.
    pub fn score(&self, i: usize, value: f32) -> f32 {
        value.max(0.0) / self.tail[i]
    }

    /// Percent of the past windows with less.
    pub fn percentile(&self, i: usize, value: f32) -> f32 {
        let past = &self.past[i];
        if past.is_empty() {
            return 100.0;
        }
        100.0 * past.partition_point(|&p| p < value) as f32 / past.len() as f32
    }
}

/// The calibrated values of a window, from its residuals.
pub fn sides(residuals: &Residuals, at: usize) -> [f32; 7] {
    let z = |i: usize| residuals.z[i][at - residuals.start];
    debug_assert_eq!(RESIDUALS[0], Feature::CountHigh);
    [z(0), -z(0), z(1), z(2), z(3), z(4), z(5)]
}
