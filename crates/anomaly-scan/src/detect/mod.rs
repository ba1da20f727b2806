//! The detector: numbers in, incidents out. No I/O, no clock: time is an argument.
//!
//! The way of a window of five minutes:
//! 1. [`series`]: counts are made dense — a known entity without a row said nothing, which is a zero, not a gap;
//! 2. [`baseline`]: per entity a seasonal expectation, robust, from the days before the judged day;
//! 3. [`residual`]: how far each feature is from it, in units of its own spread;
//! 4. [`calibrate`]: the residual over what this entity's own history reaches in one window of five hundred;
//! 5. [`schedule`] judges silence and missed jobs, [`templates`] new and surging messages;
//! 6. [`mod@judge`] combines the features to one score (1.0 = the line at which a record is written);
//! 7. [`incident`] makes one record of all windows that belong together.
//!
//! The isolation forest ([`vote`]) ranks and explains but decides nothing alone: with eight features a cut hits the
//! one that matters too rarely (measured: macro recall 0.45 where the tails reach 0.94).

mod absence;
pub mod baseline;
pub mod calibrate;
pub mod feature;
pub mod incident;
pub mod judge;
pub mod residual;
pub mod schedule;
pub mod series;
pub mod templates;
pub mod vote;

pub use feature::{FEATURES, Feature, Kind};
pub use incident::{Incident, Known, incidents};
pub use judge::{Flag, Reading, Settings, Verdict, judge};
pub use series::{Cell, EntityKey, Grid, TemplateSeries};

/// Seconds in a window.
pub const WINDOW_S: i64 = 300;
/// Windows in a day.
pub const DAY: usize = 288;
/// Windows in an hour.
pub const HOUR: usize = 12;

/// Number of the window that holds second `unix_s`, counted from the epoch.
pub fn window_of(unix_s: i64) -> i64 {
    unix_s.div_euclid(WINDOW_S)
}

/// Median of the numbers, which are reordered; `NaN` are not counted. `NaN` when there are none.
pub(crate) fn median(values: &mut Vec<f32>) -> f32 {
    values.retain(|v| !v.is_nan());
    if values.is_empty() {
        return f32::NAN;
    }
    let middle = values.len() / 2;
    let (below, &mut high, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
    if below.len() < middle || values.len() % 2 == 1 {
        return high;
    }
    let low = values[..middle].iter().copied().fold(f32::NEG_INFINITY, f32::max);
    f32::midpoint(low, high)
}

/// The value below which the share `q` of the ascending numbers lies; 0 without numbers.
pub(crate) fn quantile(sorted: &[f32], q: f64) -> f32 {
    let at = (sorted.len().saturating_sub(1) as f64 * q).round() as usize;
    sorted.get(at).copied().unwrap_or(0.0)
}
