//! What the judge needs, from the database.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use log_model::time::SECOND;
use log_store::{Store, WindowRow};

use crate::cli::mark;
use crate::detect::{Cell, DAY, EntityKey, Grid, TemplateSeries, WINDOW_S, window_of};
use crate::mine::{Known, Mine};

/// Series of all entities and of all their messages.
pub(crate) struct History {
    pub(crate) grid: Grid,
    pub(crate) templates: Vec<TemplateSeries>,
    /// First window in which messages were counted, counted from the grid's first.
    pub(crate) templates_from: i64,
}

impl History {
    /// Reads everything that judging the windows from second `from` to second `to` takes.
    ///
    /// With `dry`, the counts of this run are not in the database and are taken from the miner.
    pub(crate) async fn read(
        store: &Store,
        mine: &Mine,
        known: &HashMap<(String, u64), Known>,
        (from, to): (i64, i64),
        history: usize,
        dry: bool,
    ) -> Result<Self> {
        let day = DAY as i64;
        let start = (window_of(from) - history as i64).div_euclid(day) * day;
        let windows = (window_of(to) - start).max(0) as usize;
        let range = (start * WINDOW_S * SECOND, to * SECOND);
        let rows = store.window_series(range.0, range.1).await.map_err(mark)?;
        let grid = Grid::new(start, windows, rows.into_iter().map(entity_row));

        let mut counts: BTreeMap<(String, String, u64), BTreeMap<usize, f32>> = BTreeMap::new();
        let mut templates_from = i64::MAX;
        let mut add = |host: &str, service: &str, id: u64, second: i64, lines: u64| {
            let window = window_of(second) - start;
            templates_from = templates_from.min(window);
            if let Some(at) = usize::try_from(window).ok().filter(|&at| at < windows) {
                let id = mine.resolve_id(service, id);
                let series = counts.entry((host.to_owned(), service.to_owned(), id)).or_default();
                *series.entry(at).or_default() += lines as f32;
            }
        };
        // Not only new lines are mined in a dry run: what the database has of the same minutes would count twice.
        let fresh_from = if dry { mine.first_window().unwrap_or(i64::MAX) } else { i64::MAX };
        for row in store.template_windows(range.0, range.1).await.map_err(mark)? {
            if row.start < fresh_from {
                add(&row.host, &row.service, row.template_id, row.start, row.cnt);
            }
        }
        if dry {
            for row in mine.fresh() {
                add(&row.host, &row.service, row.template_id, i64::from(row.minute), row.cnt);
            }
        }
        let owners = owners(&grid);
        let templates = counts
            .into_iter()
            .filter_map(|((host, service, id), counts)| {
                let entity = *owners.get(&(host.as_str(), service.as_str()))?;
                let known = known.get(&(service.clone(), id));
                let first = counts.keys().next().map_or(0, |&at| at as i64);
                Some(TemplateSeries {
                    entity,
                    id,
                    is_error: known.is_some_and(|known| known.is_error),
                    first_seen: known
                        .map_or(first, |known| window_of(known.first_seen.div_euclid(1_000)) - start)
                        .min(first),
                    counts: counts.into_iter().collect(),
                })
            })
            .collect();
        Ok(Self { grid, templates, templates_from })
    }
}

fn entity_row(row: WindowRow) -> (EntityKey, i64, Cell) {
    let key = EntityKey { host: row.host, service: row.service, unit: row.unit };
    let cell = Cell {
        cnt: row.cnt as f32,
        err: row.err as f32,
        s5xx: row.s5xx as f32,
        latency_avg: row.avg_latency.map(|ms| ms as f32),
        latency_p95: row.p95_latency,
    };
    (key, window_of(row.start), cell)
}

/// The entity that the messages of a service belong to: of its units the one that says most.
fn owners(grid: &Grid) -> HashMap<(&str, &str), usize> {
    let lines = |at: usize| -> f32 { grid.series[at].cnt.iter().filter(|n| !n.is_nan()).sum() };
    let mut owners: HashMap<(&str, &str), (usize, f32)> = HashMap::new();
    for (at, series) in grid.series.iter().enumerate() {
        let lines = lines(at);
        let owner = owners.entry((&series.key.host, &series.key.service)).or_insert((at, lines));
        if lines > owner.1 {
            *owner = (at, lines);
        }
    }
    owners.into_iter().map(|(key, (at, _))| (key, at)).collect()
}
