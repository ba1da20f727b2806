//! How busy a service is at a time of the day and week.

use super::rng::Rng;
use log_model::time::{DAY, HOUR, MINUTE};
use std::f64::consts::TAU;

/// People's clocks are so many minutes ahead of UTC here; days and weeks are theirs.
pub const UTC_OFFSET_MINUTES: i64 = 9 * 60;
const ZONE: i64 = UTC_OFFSET_MINUTES * MINUTE;
/// Mean of `exp(2 (cos x - 1))` over a day, so that a season's mean is 1.
const MEAN_BUMP: f64 = 0.308_5;
/// The epoch was a Thursday.
const EPOCH_WEEKDAY: i64 = 3;

/// Daily and weekly rhythm.
#[derive(Debug, Clone, Copy)]
pub(super) struct Season {
    /// 0: the same all day; 1: nothing at all at the quietest hour.
    pub amplitude: f64,
    /// Local hour of the peak.
    pub peak: f64,
    /// Factor on Saturday and Sunday.
    pub weekend: f64,
}

impl Season {
    pub(super) const STEADY: Self = Self { amplitude: 0.0, peak: 0.0, weekend: 1.0 };

    pub(super) fn at(self, ts: i64) -> f64 {
        let local = ts + ZONE;
        let hour = local.rem_euclid(DAY) as f64 / HOUR as f64;
        let bump = (2.0 * ((TAU * (hour - self.peak) / 24.0).cos() - 1.0)).exp() / MEAN_BUMP;
        let weekday = (local.div_euclid(DAY) + EPOCH_WEEKDAY).rem_euclid(7);
        let week = if weekday >= 5 { self.weekend } else { 1.0 };
        week * (1.0 - self.amplitude + self.amplitude * bump)
    }
}

/// Slow ups and downs that have no season: a factor near 1 that drifts from half hour to half hour.
pub(super) fn drift(seed: u64, service: u64, ts: i64, size: f64) -> f64 {
    const KNOT: i64 = HOUR / 2;
    let knot = ts.div_euclid(KNOT);
    let part = ts.rem_euclid(KNOT) as f64 / KNOT as f64;
    let level = |knot: i64| Rng::keyed(&[seed, service, knot as u64, 0x00d7_1f70]).normal().clamp(-2.5, 2.5);
    (size * (level(knot) * (1.0 - part) + level(knot + 1) * part)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evenings_are_busier_than_nights_and_the_mean_is_one() {
        let season = Season { amplitude: 0.5, peak: 21.0, weekend: 1.0 };
        let at = |hour: i64| season.at(DAY * 20_000 + hour * HOUR - ZONE);
        assert!(at(21) > 3.0 * at(9));
        let mean = (0..24).map(at).sum::<f64>() / 24.0;
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
    }

    #[test]
    fn weekends_differ() {
        let season = Season { amplitude: 0.0, peak: 0.0, weekend: 2.0 };
        let monday = log_model::time::parse("2026-11-23T03:00:00Z").unwrap();
        let factors: Vec<f64> = (0..7).map(|day| season.at(monday + day * DAY)).collect();
        assert_eq!(factors, [1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0]);
    }
}
