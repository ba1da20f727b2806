//! From features to a verdict on every window.

use std::collections::BTreeMap;
use std::ops::Range;

use super::DAY;
use super::absence::{pipeline, silent_hosts};
use super::baseline::{Clock, Season};
use super::calibrate::{CALIBRATED, Past, Scale, sides};
use super::feature::{Feature, Kind};
use super::residual::{Model, Residuals};
use super::schedule::Rhythm;
use super::series::{EntityKey, Grid, Series, TemplateSeries};
use super::templates::{Sums, Surge, Usual, novelty, novelty_score};
use super::vote::{Opinion, Vote};

/// How strict the detector is.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Windows of history that a baseline looks back on at most.
    pub history: usize,
    /// Windows of history without which an entity is still being learnt.
    pub learning: usize,
    /// Combined value from which one window is enough.
    pub fire_now: f32,
    /// Combined value from which two windows in a row are enough.
    pub fire_twice: f32,
    /// Local time less UTC.
    pub utc_offset_minutes: i32,
    /// Seed of the forest.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            history: 28 * DAY,
            learning: 3 * DAY,
            fire_now: 1.8,
            fire_twice: 1.3,
            utc_offset_minutes: 0,
            seed: 0,
        }
    }
}

/// One feature in one window.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Which.
    pub feature: Feature,
    /// What was there.
    pub observed: f32,
    /// What was expected.
    pub expected: f32,
    /// On the entity's own scale: 1 is what its history reaches in one window of five hundred.
    pub value: f32,
    /// Percent of the entity's own past windows with less.
    pub percentile: f32,
    /// Number of the template it is about.
    pub template: Option<usize>,
}

/// A window that is odd enough.
#[derive(Debug, Clone, PartialEq)]
pub struct Flag {
    /// Who.
    pub key: EntityKey,
    /// What.
    pub kind: Kind,
    /// Window, counted from the grid's first.
    pub at: usize,
    /// 1.0 is the line at which it is written down.
    pub score: f32,
    /// Everything above normal, oddest first.
    pub readings: Vec<Reading>,
    /// The isolation forest's opinion; none for a host or the pipeline.
    pub opinion: Option<Opinion>,
    /// Windows of history that the expectation rests on.
    pub history: usize,
    /// The season of the expectation.
    pub season: Option<Season>,
    /// Messages that came more often than usual in this window, oddest first: (template, observed, expected).
    pub moved: Vec<(usize, f32, f32)>,
}

/// The result of judging a range.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Flagged windows, by time, then by entity.
    pub flags: Vec<Flag>,
    /// Entities that were still being learnt at the end of the range.
    pub learning: Vec<EntityKey>,
}

/// A score beyond this says nothing more.
pub(super) const MAX_SCORE: f32 = 99.0;
/// Weight of the second oddest feature: two that agree are better than one.
const SECOND: f32 = 0.25;
/// Readings below this are not worth naming.
const WORTH_NAMING: f32 = 0.4;
/// Value from which a feature may be named before an odder one that says the same in other words.
const PLAIN: f32 = 1.0;
/// A latency below this many times the usual one is not worth a record, however certain it is.
const SLOWER: f32 = 1.2;
/// Highest value of a feature that doesn't suit an entity that only runs at times.
const UNSUITED: f32 = 0.9;

/// Judges the windows of `range`, each by what was known at the beginning of its day (UTC): two runs on one day give
/// the same verdict, and no window takes part in its own expectation.
///
/// `grid.start` must be the start of a day; `templates_from` is the first window in which messages were counted at
/// all, before which every message would be new.
pub fn judge(
    grid: &Grid,
    templates: &[TemplateSeries],
    templates_from: i64,
    range: Range<usize>,
    settings: &Settings,
) -> Verdict {
    let mut judges = Judge { grid, templates, templates_from, settings, verdict: Verdict::default() };
    // One window earlier, because "two in a row" needs it.
    let mut at = range.start.saturating_sub(1);
    let mut before: BTreeMap<usize, f32> = BTreeMap::new();
    while at < range.end {
        let end = ((at / DAY + 1) * DAY).min(range.end);
        before = judges.day(at..end, range.start, before);
        at = end;
    }
    judges.verdict.flags.extend(pipeline(grid, range.clone()));
    judges.verdict.flags.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
    judges.verdict.learning = grid
        .series
        .iter()
        .filter(|series| range.end.saturating_sub(series.first) < settings.learning)
        .map(|series| series.key.clone())
        .collect();
    judges.verdict
}

struct Judge<'a> {
    grid: &'a Grid,
    templates: &'a [TemplateSeries],
    templates_from: i64,
    settings: &'a Settings,
    verdict: Verdict,
}

/// One entity on one day.
pub(super) struct Entity<'a> {
    pub(super) series: &'a Series,
    pub(super) model: Model,
    pub(super) residuals: Residuals,
    pub(super) rhythm: Rhythm,
    /// First window in which it is judged by everything.
    pub(super) learning_until: usize,
    /// Per window of the day: the messages that were looked at.
    surges: ByWindow,
}

/// Messages by window: (number of the template, what it did).
type ByWindow = BTreeMap<usize, Vec<(usize, Surge)>>;

impl Judge<'_> {
    /// Judges the windows of one day; `before` holds the combined values of the window before. Returns those of the
    /// last window.
    fn day(
        &mut self,
        windows: Range<usize>,
        from: usize,
        mut before: BTreeMap<usize, f32>,
    ) -> BTreeMap<usize, f32> {
        let clock = Clock { start: self.grid.start, utc_offset_minutes: self.settings.utc_offset_minutes };
        let midnight = windows.start / DAY * DAY;
        let history = midnight.saturating_sub(self.settings.history)..midnight;
        let (mut entities, mut scales, mut pasts) = (Vec::new(), Vec::new(), Vec::new());
        for (number, series) in self.grid.series.iter().enumerate() {
            let own = history.start.max(series.first.min(midnight))..midnight;
            let past = Past::judge(series, own.clone(), clock);
            let (past_surges, surges) = self.surges(number, series, &own, &past, &windows, clock);
            scales.push(Scale::own(&past, past_surges));
            pasts.push(past);
            let model = Model::learn(series, own.clone(), clock);
            entities.push(Entity {
                series,
                residuals: model.residuals(series, windows.clone()),
                model,
                rhythm: Rhythm::learn(series, own),
                learning_until: series.first.saturating_add(self.settings.learning),
                surges,
            });
        }
        Scale::pool(&mut scales);
        let mut vote = None;
        for at in windows {
            let silent_hosts = silent_hosts(&entities, at);
            let mut now = BTreeMap::new();
            for (number, (entity, scale)) in entities.iter().zip(&scales).enumerate() {
                let readings = self.readings(number, entity, scale, at);
                let value = combine(&readings);
                now.insert(number, value);
                let twice = value.min(before.get(&number).copied().unwrap_or(0.0));
                let score = (value / self.settings.fire_now).max(twice / self.settings.fire_twice);
                if at < from || score < 1.0 {
                    continue;
                }
                let feature = readings[0].feature;
                let absent = matches!(feature, Feature::Silence | Feature::CountLow | Feature::Schedule);
                if absent && silent_hosts.contains_key(entity.series.key.host.as_str()) {
                    continue;
                }
                let vote: &Option<Vote> = vote.get_or_insert_with(|| Vote::learn(&pasts, self.settings.seed));
                self.verdict.flags.push(Flag {
                    key: entity.series.key.clone(),
                    kind: Kind::Of(feature),
                    at,
                    score: score.min(MAX_SCORE),
                    opinion: vote.as_ref().map(|vote| vote.opinion(&entity.residuals, at)),
                    history: entity.model.windows,
                    season: Some(entity.model.season()),
                    moved: moved(entity, readings.iter().find_map(|r| r.template), at),
                    readings,
                });
            }
            if at >= from {
                self.verdict.flags.extend(silent_hosts.into_values());
            }
            before = now;
        }
        before
    }

    /// All that is above normal, oddest first.
    fn readings(&self, number: usize, entity: &Entity<'_>, scale: &Scale, at: usize) -> Vec<Reading> {
        let series = entity.series;
        if series.cnt[at].is_nan() || series.first > at {
            return Vec::new();
        }
        let mut values = sides(&entity.residuals, at).to_vec();
        let surge = entity.surges.get(&at).and_then(|all| all.iter().max_by(|a, b| a.1.z.total_cmp(&b.1.z)));
        values.push(surge.map_or(0.0, |(_, surge)| surge.z));
        let mut readings: Vec<Reading> = CALIBRATED
            .iter()
            .zip(values)
            .enumerate()
            .map(|(i, (&feature, value))| {
                let (observed, expected) = match surge.filter(|_| feature == Feature::Surge) {
                    Some((_, surge)) => (surge.observed, surge.expected),
                    None => entity.model.compare(feature, series, &entity.residuals, at),
                };
                Reading {
                    feature,
                    observed,
                    expected,
                    value: scale.score(i, value),
                    percentile: scale.percentile(i, value),
                    template: surge.filter(|_| feature == Feature::Surge).map(|(template, _)| *template),
                }
            })
            .collect();
        if matches!(entity.rhythm, Rhythm::Periodic { .. } | Rhythm::Rare) {
            for reading in &mut readings {
                if !matches!(reading.feature, Feature::Errors | Feature::Server) {
                    reading.value = reading.value.min(UNSUITED);
                }
            }
        }
        self.absence(entity, at, &mut readings);
        self.novelties(number, at, &mut readings);
        let learning = at < entity.learning_until;
        readings.retain(|reading| {
            reading.value >= WORTH_NAMING
                && (!reading.feature.is_latency() || reading.observed >= SLOWER * reading.expected)
                && reading.observed.is_finite()
                && reading.expected.is_finite()
                && (!learning || reading.feature.needs_no_history())
        });
        readings.sort_by(|a, b| b.value.total_cmp(&a.value));
        self.put_the_plain_word_first(&mut readings);
        readings
    }

    /// Failing answers are errors, and errors are messages: of features that say the same, the one that says most is
    /// named first.
    fn put_the_plain_word_first(&self, readings: &mut [Reading]) {
        let Some(top) = readings.first() else { return };
        let of_errors = match top.feature {
            Feature::Surge => top.template.is_some_and(|index| self.templates[index].is_error),
            feature => feature == Feature::Errors,
        };
        let errors = readings.iter().find(|r| r.feature == Feature::Errors).map_or(0.0, |r| r.observed);
        let says_most = |reading: &Reading| match reading.feature {
            // Most of the errors are the new one.
            Feature::NewTemplate => reading.observed >= 0.5 * errors,
            Feature::Server | Feature::Errors => reading.value >= PLAIN && reading.value >= 0.5 * top.value,
            _ => false,
        };
        let rank = |reading: &Reading| match reading.feature {
            Feature::NewTemplate => 0,
            Feature::Server => 1,
            _ => 2,
        };
        let better =
            (0..readings.len()).filter(|&i| says_most(&readings[i])).min_by_key(|&i| rank(&readings[i]));
        if let Some(better) = better.filter(|_| of_errors) {
            readings[..=better].rotate_right(1);
        }
    }

    /// Silence and missed jobs. A window without a line is a silence, not a drop.
    fn absence(&self, entity: &Entity<'_>, at: usize, readings: &mut Vec<Reading>) {
        let series = entity.series;
        if series.cnt[at] > 0.0 {
            return;
        }
        let low = readings.iter().find(|r| r.feature == Feature::CountLow).map_or(0.0, |r| r.value);
        readings.retain(|r| r.feature != Feature::CountLow);
        let (_, expected) = entity.model.compare(Feature::Silence, series, &entity.residuals, at);
        let mut push = |feature, value: f32, expected| {
            readings.push(Reading {
                feature,
                observed: 0.0,
                expected,
                value,
                percentile: 100.0,
                template: None,
            });
        };
        if entity.rhythm.is_due(at) {
            let usual = usual_at_slot(series, &entity.rhythm, at);
            push(Feature::Schedule, 2.0, usual);
        }
        let run = self.silent_run(series, at);
        push(Feature::Silence, entity.rhythm.silence(run, expected).max(low), expected);
    }

    /// Windows without a line up to and with `at`; ingest gaps are passed over.
    fn silent_run(&self, series: &Series, at: usize) -> usize {
        let floor = at.saturating_sub(DAY).max(series.first);
        (floor..=at).rev().filter(|&w| !self.grid.ingest_gap[w]).take_while(|&w| series.cnt[w] <= 0.0).count()
    }

    fn novelties(&self, number: usize, at: usize, readings: &mut Vec<Reading>) {
        if (at as i64) < self.templates_from + DAY as i64 {
            return;
        }
        for (index, template) in self.templates.iter().enumerate().filter(|(_, t)| t.entity == number) {
            if let Some(lines) = novelty(template, at) {
                readings.push(Reading {
                    feature: Feature::NewTemplate,
                    observed: lines,
                    expected: 0.0,
                    value: novelty_score(lines),
                    percentile: 100.0,
                    template: Some(index),
                });
            }
        }
    }

    /// The messages of an entity: the oddest of every past window (for the scale), and all of the day's.
    fn surges(
        &self,
        number: usize,
        series: &Series,
        history: &Range<usize>,
        past: &Past,
        windows: &Range<usize>,
        clock: Clock,
    ) -> (Vec<f32>, ByWindow) {
        let mut before = vec![0.0_f32; past.range.len()];
        let mut today = ByWindow::new();
        let counted = history.start.max(self.templates_from.max(0) as usize).min(history.end)..history.end;
        let volume = Sums::dense(&series.cnt);
        for (index, template) in self.templates.iter().enumerate().filter(|(_, t)| t.entity == number) {
            let usual = Usual::learn(template, &volume, counted.clone(), clock);
            for surge in usual.surges(template, series, past.range.clone()) {
                let slot = &mut before[surge.at - past.range.start];
                *slot = slot.max(surge.z);
            }
            for surge in usual.surges(template, series, windows.clone()) {
                today.entry(surge.at).or_default().push((index, surge));
            }
        }
        (before, today)
    }
}

/// The oddest feature, and a part of the second.
fn combine(readings: &[Reading]) -> f32 {
    let mut values: Vec<f32> = readings.iter().map(|r| r.value).collect();
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    let at = |i: usize| values.get(i).copied().unwrap_or(0.0);
    at(0) + SECOND * at(1).min(2.0)
}

/// Messages that came clearly more often than usual, other than the one it is about anyway.
fn moved(entity: &Entity<'_>, about: Option<usize>, at: usize) -> Vec<(usize, f32, f32)> {
    let Some(all) = entity.surges.get(&at) else { return Vec::new() };
    let mut all: Vec<&(usize, Surge)> =
        all.iter().filter(|(template, surge)| surge.z >= 3.0 && Some(*template) != about).collect();
    all.sort_by(|a, b| b.1.z.total_cmp(&a.1.z));
    all.into_iter().take(3).map(|(template, surge)| (*template, surge.observed, surge.expected)).collect()
}

/// Mean lines of the last runs of a job in the slot of window `at`.
fn usual_at_slot(series: &Series, rhythm: &Rhythm, at: usize) -> f32 {
    let Rhythm::Periodic { period, .. } = rhythm else { return 0.0 };
    let runs: Vec<f32> = (1..=10)
        .filter_map(|back| at.checked_sub(back * period))
        .map(|w| series.cnt[w])
        .filter(|n| *n > 0.0)
        .collect();
    if runs.is_empty() { 0.0 } else { runs.iter().sum::<f32>() / runs.len() as f32 }
}
