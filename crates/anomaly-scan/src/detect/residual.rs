//! How far each feature of a window is from what was expected, in units of its own spread.

use std::ops::Range;

use super::baseline::{Baseline, Clock, Level, Season};
use super::feature::Feature;
use super::series::Series;
use super::{HOUR, median};

/// The features that have a residual. `CountLow` is the negative of the first.
pub const RESIDUALS: [Feature; 6] = [
    Feature::CountHigh,
    Feature::Errors,
    Feature::Server,
    Feature::LatencyAvg,
    Feature::LatencyP95,
    Feature::LatencyTrend,
];

/// What one entity usually does.
#[derive(Debug, Clone)]
pub struct Model {
    count: Baseline,
    avg: Baseline,
    p95: Baseline,
    errors: Rate,
    server: Rate,
    /// Windows of history that it rests on.
    pub windows: usize,
}

/// Residuals of one entity over a range of windows; `z[i]` belongs to `RESIDUALS[i]`.
#[derive(Debug, Clone)]
pub struct Residuals {
    /// First window.
    pub start: usize,
    /// One list per feature; 0 where nothing can be said.
    pub z: [Vec<f32>; 6],
    level: Level,
}

impl Model {
    /// Learns from the windows of `history`.
    pub fn learn(series: &Series, history: Range<usize>, clock: Clock) -> Self {
        let season = Season::for_history(history.len());
        let learn = |values: &[f32]| Baseline::learn(values, history.clone(), clock, season);
        Self {
            count: learn(&series.ln_cnt),
            avg: learn(&series.ln_avg),
            p95: learn(&series.ln_p95),
            errors: Rate::learn(&series.err, &series.cnt, history.clone()),
            server: Rate::learn(&series.s5xx, &series.cnt, history.clone()),
            windows: history.len(),
        }
    }

    /// The season of the expectation.
    pub fn season(&self) -> Season {
        self.count.season()
    }

    /// Lines expected in window `at`, with the drift `level` of the last hours.
    pub fn expected_lines(&self, at: usize, level: f32) -> f32 {
        let lines = (self.count.median_at(at) + level).exp_m1();
        if lines.is_nan() { 0.0 } else { lines.max(0.0) }
    }

    /// Residuals of the windows of `range`.
    pub fn residuals(&self, series: &Series, range: Range<usize>) -> Residuals {
        let level = Level::follow(&series.ln_cnt, &self.count, range.clone());
        let mut z: [Vec<f32>; 6] = Default::default();
        for at in range.clone() {
            z[0].push(self.count_z(series, at, level.at(at)));
            z[1].push(self.errors.z(series.err[at], series.cnt[at]));
            z[2].push(self.server.z(series.s5xx[at], series.cnt[at]));
            z[3].push(latency_z(&self.avg, &series.ln_avg, at, series.cnt[at]));
            z[4].push(latency_z(&self.p95, &series.ln_p95, at, series.cnt[at]));
        }
        z[5] = self.trend(series, range.clone(), &z[3]);
        for value in z.iter_mut().flatten().filter(|value| !value.is_finite()) {
            *value = 0.0;
        }
        Residuals { start: range.start, z, level }
    }

    /// What was there and what was expected, for people.
    pub fn compare(&self, feature: Feature, series: &Series, residuals: &Residuals, at: usize) -> (f32, f32) {
        match feature {
            Feature::Errors => (series.err[at], self.errors.expected(series.cnt[at])),
            Feature::Server => (series.s5xx[at], self.server.expected(series.cnt[at])),
            Feature::LatencyAvg | Feature::LatencyTrend => {
                (series.ln_avg[at].exp(), self.avg.median_at(at).exp())
            }
            Feature::LatencyP95 => (series.ln_p95[at].exp(), self.p95.median_at(at).exp()),
            _ => (series.cnt[at], self.expected_lines(at, residuals.level.at(at))),
        }
    }

    /// Lines are counted, so their variance is their mean and more; the logarithm makes that `1 / mean`.
    fn count_z(&self, series: &Series, at: usize, level: f32) -> f32 {
        let usual = self.count.median_at(at);
        let spread = self.count.spread_at(at, 0.6);
        let counting = 0.6 / usual.exp_m1().max(0.5);
        (series.ln_cnt[at] - usual - level) / (spread * spread + counting + 0.03 * 0.03).sqrt()
    }

    /// The middle of the last hour's latency residuals: a leak is never far off in one window, but always.
    fn trend(&self, series: &Series, range: Range<usize>, avg: &[f32]) -> Vec<f32> {
        let lead = range.start.saturating_sub(HOUR - 1)..range.start;
        let mut z: Vec<f32> =
            lead.map(|at| latency_z(&self.avg, &series.ln_avg, at, series.cnt[at])).collect();
        let before = z.len();
        z.extend_from_slice(avg);
        z.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = 0.0);
        // Of twelve windows six are above the middle: their mean would have a spread smaller by this factor.
        let gain = (HOUR as f32 / 2.0).sqrt();
        (before..z.len())
            .map(|at| gain * median(&mut z[(at + 1).saturating_sub(HOUR)..=at].to_vec()))
            .collect()
    }
}

fn latency_z(baseline: &Baseline, values: &[f32], at: usize, lines: f32) -> f32 {
    let spread = baseline.spread_at(at, 0.7);
    // The mean of n requests is known to 1/n; 0.02 is what nobody would call slower.
    let sampling = 0.3 / lines.max(1.0);
    (values[at] - baseline.median_at(at)) / (spread * spread + 0.02 * 0.02 + sampling).sqrt()
}

/// A share of the lines (errors, 5xx) with its over-dispersion.
#[derive(Debug, Clone)]
struct Rate {
    share: f32,
    /// Variance over what independent events would have; at least 1.
    dispersion: f32,
}

/// Fewer events than this in a window are never odd by themselves.
const MIN_EVENTS: f32 = 3.0;

impl Rate {
    fn learn(events: &[f32], lines: &[f32], history: Range<usize>) -> Self {
        let sum = |values: &[f32]| -> f32 {
            values[history.clone()].iter().filter(|v| !v.is_nan()).map(|&v| f64::from(v)).sum::<f64>() as f32
        };
        // Fifty lines without an event are believed before the first line is read.
        let share = (sum(events) + 0.5) / (sum(lines) + 50.0);
        let mut ratios: Vec<f32> = history
            .map(|at| {
                let expected = lines[at] * share;
                (events[at] - expected).powi(2) / expected.max(0.3)
            })
            .collect();
        // 0.45 is the median of a squared standard normal variable.
        let dispersion = median(&mut ratios) / 0.45;
        Self { share, dispersion: if dispersion.is_nan() { 1.0 } else { dispersion.clamp(1.0, 50.0) } }
    }

    fn expected(&self, lines: f32) -> f32 {
        lines * self.share
    }

    fn z(&self, events: f32, lines: f32) -> f32 {
        if events < MIN_EVENTS {
            return 0.0;
        }
        let expected = self.expected(lines);
        let variance = expected * self.dispersion + 0.5 + (0.15 * expected).powi(2);
        (events - expected) / variance.sqrt()
    }
}
