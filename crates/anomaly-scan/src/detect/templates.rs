//! New messages, and known ones that come far more often.

use std::ops::Range;

use super::baseline::{Clock, Season};
use super::series::{Series, TemplateSeries};
use super::{DAY, HOUR};

/// Fewer lines than this in a window are no surge.
const MIN_LINES: f32 = 5.0;
/// A message younger than this has no usual rate.
const MIN_AGE: usize = DAY;
/// Windows just before the judged one that the recent level leaves out, and those that it looks at.
const RECENT: Range<usize> = HOUR / 2..HOUR / 2 + 6 * HOUR;

/// How often one message comes.
#[derive(Debug)]
pub struct Usual {
    by_hour: [f32; 24],
    mean: f32,
    /// Variance over mean, bounded.
    fano: f32,
    /// Lines of this message per line of all the others.
    odds: f32,
    clock: Clock,
}

/// A message in one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surge {
    /// Window.
    pub at: usize,
    /// Distance from the expectation in units of its spread.
    pub z: f32,
    /// Lines.
    pub observed: f32,
    /// Lines expected.
    pub expected: f32,
}

impl Usual {
    /// Learns from the windows of `history`.
    pub fn learn(template: &TemplateSeries, volume: &Sums, history: Range<usize>, clock: Clock) -> Self {
        let mut by_hour = [0.0_f32; 24];
        let (mut sum, mut squares) = (0.0_f64, 0.0_f64);
        for &(at, n) in within(template, &history) {
            by_hour[clock.hour(at, Season::HourOfDay)] += n;
            sum += f64::from(n);
            squares += f64::from(n) * f64::from(n);
        }
        let windows = history.len().max(1) as f64;
        for share in &mut by_hour {
            *share /= (windows / 24.0).max(1.0) as f32;
        }
        let mean = sum / windows;
        let variance = squares / windows - mean * mean;
        let others = (f64::from(volume.over(&history)) - sum).max(1.0);
        Self {
            by_hour,
            mean: mean as f32,
            fano: (variance / mean.max(0.05)).clamp(1.0, 200.0) as f32,
            odds: (sum / others) as f32,
            clock,
        }
    }

    /// The windows of `range` in which the message came often enough to be looked at.
    pub fn surges(&self, template: &TemplateSeries, series: &Series, range: Range<usize>) -> Vec<Surge> {
        if template.first_seen + MIN_AGE as i64 > range.end as i64 {
            return Vec::new();
        }
        let counts = Sums::sparse(template);
        within(template, &range)
            .iter()
            .filter(|&&(at, n)| n >= MIN_LINES && template.first_seen + MIN_AGE as i64 <= at as i64)
            .map(|&(at, observed)| {
                let expected = self.expected(at, observed, series, &counts);
                let variance =
                    expected * self.fano.min(1.0 + 0.3 * expected) + 1.0 + (0.2 * expected).powi(2);
                Surge { at, z: (observed - expected) / variance.sqrt(), observed, expected }
            })
            .collect()
    }

    /// The biggest of three rates: the hour's usual one; that of the last hours; and what the other messages of the
    /// service lead to expect now, because a busy service says everything more often.
    fn expected(&self, at: usize, observed: f32, series: &Series, counts: &Sums) -> f32 {
        let usual = 0.7 * self.by_hour[self.clock.hour(at, Season::HourOfDay)] + 0.3 * self.mean;
        let others = (series.cnt[at] - observed).max(0.0);
        let along = if others.is_nan() { 0.0 } else { others * self.odds };
        let recent = at.saturating_sub(RECENT.end)..at.saturating_sub(RECENT.start);
        let rate = if recent.is_empty() { 0.0 } else { counts.over(&recent) / RECENT.len() as f32 };
        usual.max(along).max(rate)
    }
}

fn within<'a>(template: &'a TemplateSeries, range: &Range<usize>) -> &'a [(usize, f32)] {
    let from = template.counts.partition_point(|&(at, _)| at < range.start);
    let to = template.counts.partition_point(|&(at, _)| at < range.end);
    &template.counts[from..to.max(from)]
}

/// Running totals, for sums over any range.
#[derive(Debug)]
pub struct Sums {
    /// (window, total up to and with it), ascending.
    totals: Vec<(usize, f64)>,
}

impl Sums {
    /// Of an entity's lines.
    pub fn dense(values: &[f32]) -> Self {
        Self::new(values.iter().map(|v| if v.is_nan() { 0.0 } else { *v }).enumerate())
    }

    fn sparse(template: &TemplateSeries) -> Self {
        Self::new(template.counts.iter().copied())
    }

    fn new(values: impl Iterator<Item = (usize, f32)>) -> Self {
        let mut total = 0.0;
        let totals = values
            .map(|(at, n)| {
                total += f64::from(n);
                (at, total)
            })
            .collect();
        Self { totals }
    }

    fn over(&self, range: &Range<usize>) -> f32 {
        let before = |at: usize| match self.totals.partition_point(|&(w, _)| w < at) {
            0 => 0.0,
            i => self.totals[i - 1].1,
        };
        (before(range.end) - before(range.start)) as f32
    }
}

/// Lines of a message that was never seen before, in its first two windows; none when it is not new in window `at`.
///
/// One line may be anything; two within ten minutes are a thing.
pub fn novelty(template: &TemplateSeries, at: usize) -> Option<f32> {
    let age = at as i64 - template.first_seen;
    if !template.is_error || !(0..2).contains(&age) {
        return None;
    }
    let lines: f32 = within(template, &(at - age as usize..at + 1)).iter().map(|&(_, n)| n).sum();
    (lines >= 2.0).then_some(lines)
}

/// Score of so many lines of a new message, on the scale of the calibrated features.
pub fn novelty_score(lines: f32) -> f32 {
    1.0 + lines / 6.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(first_seen: i64, is_error: bool, counts: &[(usize, f32)]) -> TemplateSeries {
        TemplateSeries { entity: 0, id: 1, is_error, first_seen, counts: counts.to_vec() }
    }

    #[test]
    fn an_error_never_seen_before_is_new_for_two_windows() {
        let new = template(50, true, &[(50, 1.0), (51, 4.0), (52, 9.0)]);
        assert_eq!(novelty(&new, 50), None, "one line may be anything");
        assert_eq!(novelty(&new, 51), Some(5.0));
        assert_eq!(novelty(&new, 52), None);
        assert_eq!(novelty(&template(50, false, &[(50, 9.0)]), 50), None, "news at level info is no alarm");
    }

    #[test]
    fn sums_over_any_range_match() {
        let sums = Sums::dense(&[1.0, f32::NAN, 2.0, 4.0]);
        assert!((sums.over(&(0..4)) - 7.0).abs() < 1e-6);
        assert!((sums.over(&(1..3)) - 2.0).abs() < 1e-6);
        assert!(sums.over(&(3..3)).abs() < 1e-6);
    }
}
