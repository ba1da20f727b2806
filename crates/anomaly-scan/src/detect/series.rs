//! The input: one dense row of windows per entity.

use std::collections::BTreeMap;

/// Who is judged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityKey {
    /// Host name; `*` when it is about all.
    pub host: String,
    /// Service name; `*` when it is about all of a host.
    pub service: String,
    /// Unit name, empty when it is about a service or more.
    pub unit: String,
}

/// What one entity did in one window.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cell {
    /// Lines.
    pub cnt: f32,
    /// Lines of level error or worse.
    pub err: f32,
    /// Answers with status 5xx.
    pub s5xx: f32,
    /// Mean latency in ms, none without timed requests.
    pub latency_avg: Option<f32>,
    /// 95th percentile of latency in ms.
    pub latency_p95: Option<f32>,
}

/// One entity's windows. All lists have the length of the grid.
#[derive(Debug, Clone)]
pub struct Series {
    /// Who.
    pub key: EntityKey,
    /// Lines; `NaN` in windows in which nothing was taken in from anybody.
    pub cnt: Vec<f32>,
    /// ln(1 + lines): the scale on which volumes are compared.
    pub ln_cnt: Vec<f32>,
    /// Error lines.
    pub err: Vec<f32>,
    /// 5xx answers.
    pub s5xx: Vec<f32>,
    /// Natural logarithm of the mean latency in ms, `NaN` without.
    pub ln_avg: Vec<f32>,
    /// Natural logarithm of the 95th percentile.
    pub ln_p95: Vec<f32>,
    /// First window with a line.
    pub first: usize,
}

/// How often one message came, in one entity.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateSeries {
    /// Number of the entity in the grid.
    pub entity: usize,
    /// The template's id.
    pub id: u64,
    /// Are its lines of level error or worse?
    pub is_error: bool,
    /// First window in which it was ever seen, counted from the grid's first; negative when earlier.
    pub first_seen: i64,
    /// (window counted from the grid's first, lines), ascending.
    pub counts: Vec<(usize, f32)>,
}

/// All entities on one common time axis.
#[derive(Debug, Clone)]
pub struct Grid {
    /// Number of the first window, counted from the epoch. The start of a day in UTC, so that the hours of two runs
    /// are the same hours and the second run judges as the first did.
    pub start: i64,
    /// Number of windows.
    pub windows: usize,
    /// The entities, sorted by key.
    pub series: Vec<Series>,
    /// Windows in which nobody said anything although many usually do: the pipeline's fault, nobody's silence.
    pub ingest_gap: Vec<bool>,
}

/// Entities that must be silent together before it counts as an ingest gap; fewer can well be quiet by chance.
const GAP_ENTITIES: usize = 3;
/// Lines per window of all entities together below which an empty window means nothing.
const GAP_LINES: f32 = 20.0;

impl Grid {
    /// Densifies rows of (entity, window counted from the epoch, cell). Windows outside of `start..start + windows`
    /// are left out.
    pub fn new(start: i64, windows: usize, rows: impl IntoIterator<Item = (EntityKey, i64, Cell)>) -> Self {
        let mut by_key: BTreeMap<EntityKey, Series> = BTreeMap::new();
        for (key, window, cell) in rows {
            let Some(at) = usize::try_from(window - start).ok().filter(|&at| at < windows) else { continue };
            let series = by_key.entry(key.clone()).or_insert_with(|| Series::silent(key, windows));
            series.put(at, cell);
        }
        let mut series: Vec<Series> = by_key.into_values().filter(|s| s.first < windows).collect();
        let ingest_gap = ingest_gaps(&series, windows);
        for one in &mut series {
            for (at, _) in ingest_gap.iter().enumerate().filter(|&(_, &gap)| gap) {
                one.cnt[at] = f32::NAN;
            }
            one.ln_cnt = one.cnt.iter().map(|n| n.ln_1p()).collect();
        }
        Self { start, windows, series, ingest_gap }
    }

    /// Unix second at which window `at` of the grid starts.
    pub fn second(&self, at: usize) -> i64 {
        (self.start + at as i64) * super::WINDOW_S
    }
}

impl Series {
    fn silent(key: EntityKey, windows: usize) -> Self {
        Self {
            key,
            cnt: vec![0.0; windows],
            ln_cnt: vec![0.0; windows],
            err: vec![0.0; windows],
            s5xx: vec![0.0; windows],
            ln_avg: vec![f32::NAN; windows],
            ln_p95: vec![f32::NAN; windows],
            first: usize::MAX,
        }
    }

    fn put(&mut self, at: usize, cell: Cell) {
        self.cnt[at] += cell.cnt;
        self.err[at] += cell.err;
        self.s5xx[at] += cell.s5xx;
        let ln = |value: Option<f32>| value.filter(|v| *v > 0.0).map_or(f32::NAN, f32::ln);
        self.ln_avg[at] = ln(cell.latency_avg);
        self.ln_p95[at] = ln(cell.latency_p95);
        if cell.cnt > 0.0 {
            self.first = self.first.min(at);
        }
    }
}

fn ingest_gaps(series: &[Series], windows: usize) -> Vec<bool> {
    let total: Vec<f32> = (0..windows).map(|at| series.iter().map(|s| s.cnt[at]).sum()).collect();
    let begun: Vec<usize> = (0..windows).map(|at| series.iter().filter(|s| s.first <= at).count()).collect();
    let typical = super::median(&mut total.iter().copied().filter(|&t| t > 0.0).collect());
    (0..windows).map(|at| total[at] <= 0.0 && begun[at] >= GAP_ENTITIES && typical >= GAP_LINES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(service: &str) -> EntityKey {
        EntityKey { host: "h".into(), service: service.into(), unit: String::new() }
    }

    fn cell(cnt: f32) -> Cell {
        Cell { cnt, ..Cell::default() }
    }

    #[test]
    fn a_missing_row_of_a_known_entity_is_a_zero() {
        let grid = Grid::new(100, 4, [(key("a"), 100, cell(5.0)), (key("a"), 103, cell(6.0))]);
        assert_eq!(grid.series[0].cnt, [5.0, 0.0, 0.0, 6.0]);
    }

    #[test]
    fn a_window_without_anybody_is_an_ingest_gap_and_nobodys_silence() {
        let rows = (0..10).filter(|w| *w != 7).flat_map(|w| ["a", "b", "c"].map(|s| (key(s), w, cell(20.0))));
        let grid = Grid::new(0, 10, rows);
        assert_eq!(grid.ingest_gap.iter().position(|&gap| gap), Some(7));
        assert!(grid.series.iter().all(|s| s.cnt[7].is_nan()));
    }

    #[test]
    fn windows_outside_of_the_grid_are_left_out() {
        let grid = Grid::new(10, 2, [(key("a"), 9, cell(1.0)), (key("a"), 12, cell(1.0))]);
        assert!(grid.series.is_empty());
    }
}
