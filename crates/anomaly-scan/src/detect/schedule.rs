//! What should have been said: steady services, and jobs with a period.

use std::ops::Range;

use super::DAY;
use super::series::Series;

/// Periods that are tried, in windows: 10 min to a day, and a week.
const PERIODS: [usize; 14] = [2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72, 144, DAY, 7 * DAY];
/// Share of the cycles that a job may have missed in a slot in which it must run; one is always forgiven.
const MISSED: f32 = 0.03;
/// Windows before and after a slot that it must stand out from.
const NEAR: usize = 12;
/// Cycles that must have been seen before a period is believed.
const MIN_CYCLES: usize = 4;
/// Chance that one slot of a period is kept so well by a service that speaks at random; above it there is no schedule.
const LUCK: f64 = 1e-3;
/// An entity that is silent in more than this share of its windows is not steady.
const STEADY_GAPS: f32 = 0.3;
/// An entity that was silent for longer than two hours before may be so again.
const LONGEST_RUN: usize = 24;
/// Lines that must be missing before silence is judged.
const MIN_MISSED: f32 = 6.0;

/// The rhythm of an entity.
#[derive(Debug, Clone, PartialEq)]
pub enum Rhythm {
    /// Says something nearly always; `longest` is the longest silence but one of the history, in windows.
    Steady {
        /// Windows.
        longest: usize,
    },
    /// Runs at fixed times: window `at` counted from the grid's first must have lines when
    /// `at % period` is one of `slots`.
    Periodic {
        /// Windows.
        period: usize,
        /// Phases, ascending.
        slots: Vec<usize>,
    },
    /// Speaks now and then; its silence says nothing.
    Irregular,
    /// Is silent most of the time: neither its silence nor how much it says when it speaks says anything.
    Rare,
}

impl Rhythm {
    /// Learns from the windows of `history`.
    pub fn learn(series: &Series, history: Range<usize>) -> Self {
        let known: Vec<(usize, bool)> =
            history.filter(|&at| !series.cnt[at].is_nan()).map(|at| (at, series.cnt[at] > 0.0)).collect();
        if known.is_empty() {
            return Self::Irregular;
        }
        let silent = known.iter().filter(|(_, spoke)| !spoke).count();
        // The very longest may have been an outage, which must not excuse the next one.
        let mut runs: Vec<usize> = known.split(|&(_, spoke)| spoke).map(<[_]>::len).collect();
        runs.sort_unstable_by(|a, b| b.cmp(a));
        let longest = runs.get(1).copied().unwrap_or(0);
        if (silent as f32) < STEADY_GAPS * known.len() as f32 && longest <= LONGEST_RUN {
            if silent * 20 > known.len()
                && let Some(periodic) = periodic(&known)
            {
                return periodic;
            }
            return Self::Steady { longest };
        }
        let otherwise = if silent * 2 > known.len() { Self::Rare } else { Self::Irregular };
        periodic(&known).unwrap_or(otherwise)
    }

    /// Score of a silence that has lasted for `run` windows up to now, `expected` lines a window being usual; on the
    /// scale of the calibrated features.
    pub fn silence(&self, run: usize, expected: f32) -> f32 {
        let Self::Steady { longest } = *self else { return 0.0 };
        let patience = (longest * 3).div_ceil(2);
        if run <= patience || expected * run as f32 <= MIN_MISSED {
            return 0.0;
        }
        (3.0 + (run - longest) as f32) / 3.0
    }

    /// Must there be lines in window `at`?
    pub fn is_due(&self, at: usize) -> bool {
        match self {
            Self::Periodic { period, slots } => slots.contains(&(at % period)),
            _ => false,
        }
    }
}

/// The shortest period with a slot that is nearly always kept, and others that are mostly empty.
fn periodic(known: &[(usize, bool)]) -> Option<Rhythm> {
    let often = known.iter().filter(|(_, spoke)| *spoke).count() as f64 / known.len() as f64;
    for period in PERIODS {
        if known.len() < MIN_CYCLES * period {
            break;
        }
        let mut ran = vec![(0_u32, 0_u32); period];
        for &(at, spoke) in known {
            let slot = &mut ran[at % period];
            slot.0 += u32::from(spoke);
            slot.1 += 1;
        }
        let share = |&(ran, all): &(u32, u32)| ran as f32 / all.max(1) as f32;
        let slots: Vec<usize> = ran
            .iter()
            .enumerate()
            .filter(|(_, slot)| is_kept(**slot) && luck(**slot, often) * (period as f64) < LUCK)
            .map(|(i, _)| i)
            .filter(|&slot| {
                // A job stands out from the windows around it; the busy hours of a quiet service do not.
                let reach = NEAR.min((period - 1) / 2).max(1);
                let around = (1..=reach).flat_map(|d| [(slot + d) % period, (slot + period - d) % period]);
                around.filter(|&near| share(&ran[near]) < 0.5).count() * 3 >= reach
            })
            .collect();
        if !slots.is_empty() {
            return Some(Rhythm::Periodic { period, slots });
        }
    }
    None
}

fn is_kept((ran, all): (u32, u32)) -> bool {
    all >= MIN_CYCLES as u32 && (all - ran) as f32 <= (MISSED * all as f32).max(1.0)
}

/// Bound on the chance that something with probability `often` happens in at least `ran` of `all` cases (Chernoff).
fn luck((ran, all): (u32, u32), often: f64) -> f64 {
    let share = f64::from(ran) / f64::from(all.max(1));
    if share <= often {
        return 1.0;
    }
    let term = |a: f64, b: f64| if a > 0.0 { a * (a / b).ln() } else { 0.0 };
    (-f64::from(all) * (term(share, often) + term(1.0 - share, 1.0 - often))).exp()
}

#[cfg(test)]
mod tests {
    use super::super::series::{Cell, EntityKey, Grid};
    use super::*;

    fn series(windows: usize, lines: impl Fn(usize) -> f32) -> Series {
        let key = EntityKey { host: "h".into(), service: "s".into(), unit: String::new() };
        let rows =
            (0..windows).map(|at| (key.clone(), at as i64, Cell { cnt: lines(at), ..Cell::default() }));
        Grid::new(0, windows, rows).series.remove(0)
    }

    #[test]
    fn learns_the_hour_of_a_daily_job() {
        let daily = series(10 * DAY, |at| if at % DAY == 37 { 40.0 } else { 0.0 });
        let rhythm = Rhythm::learn(&daily, 0..10 * DAY);
        assert_eq!(rhythm, Rhythm::Periodic { period: DAY, slots: vec![37] });
        assert!(rhythm.is_due(11 * DAY + 37) && !rhythm.is_due(11 * DAY + 38));
    }

    #[test]
    fn learns_a_quarter_hourly_job_with_a_hole() {
        let job = series(5 * DAY, |at| if at % 3 == 1 && at != 400 { 9.0 } else { 0.0 });
        assert_eq!(Rhythm::learn(&job, 0..5 * DAY), Rhythm::Periodic { period: 3, slots: vec![1] });
    }

    #[test]
    fn a_steady_service_is_missed_after_its_usual_silences_whatever_outage_there_was() {
        let steady = series(5 * DAY, |at| {
            if (300..302).contains(&at) || (700..702).contains(&at) || (900..920).contains(&at) {
                0.0
            } else {
                30.0
            }
        });
        let rhythm = Rhythm::learn(&steady, 0..5 * DAY);
        assert_eq!(rhythm, Rhythm::Steady { longest: 2 });
        assert!(rhythm.silence(3, 30.0) < 1e-6, "three windows are within patience");
        assert!(rhythm.silence(4, 30.0) > 1.0);
        assert!(rhythm.silence(4, 0.5) < 1e-6, "two missed lines are no silence");
    }

    #[test]
    fn a_quiet_service_that_speaks_by_day_has_no_schedule() {
        let mut rng = isolation_forest::rng::Rng::new(2);
        let draws: Vec<u32> = (0..21 * DAY).map(|_| rng.below(100)).collect();
        // 97 % of the windows around noon, few at night.
        let by_day = series(21 * DAY, |at| {
            let noon = (at % DAY).abs_diff(DAY / 2) as f32 / (DAY / 2) as f32;
            if (draws[at] as f32) < 97.0 * (1.0 - 0.9 * noon) { 2.0 } else { 0.0 }
        });
        let rhythm = Rhythm::learn(&by_day, 0..21 * DAY);
        assert!(!matches!(rhythm, Rhythm::Periodic { .. }), "{rhythm:?}");
    }

    #[test]
    fn a_daily_job_that_was_missed_once_keeps_its_schedule() {
        let daily =
            series(21 * DAY, |at| if (37..43).contains(&(at % DAY)) && at / DAY != 9 { 40.0 } else { 0.0 });
        let rhythm = Rhythm::learn(&daily, 0..21 * DAY);
        assert_eq!(rhythm, Rhythm::Periodic { period: DAY, slots: (37..43).collect() });
    }

    #[test]
    fn a_busy_service_has_no_schedule_by_luck() {
        // Silent in a fifth of its windows, at random: a dozen slots of the day are never empty in eight days.
        let mut rng = isolation_forest::rng::Rng::new(1);
        let quiet: Vec<bool> = (0..8 * DAY).map(|_| rng.below(5) == 0).collect();
        let busy = series(8 * DAY, |at| if quiet[at] { 0.0 } else { 2.0 });
        assert!(matches!(Rhythm::learn(&busy, 0..8 * DAY), Rhythm::Steady { .. }));
    }

    #[test]
    fn a_service_that_speaks_when_spoken_to_is_never_missed() {
        let rare = series(5 * DAY, |at| if at * at % 29 == 4 { 1.0 } else { 0.0 });
        let rhythm = Rhythm::learn(&rare, 0..5 * DAY);
        assert!(rhythm.silence(500, 1.0) < 1e-6 && (0..DAY).all(|at| !rhythm.is_due(at)), "{rhythm:?}");
    }
}
