//! The wall from the rows of the database.

use super::links::LinksConfig;
use super::model::{Cell, Health, Incident, Lane, MessageType, State, Template, Wall};
use super::words;
use crate::details::{Candidate, Details, Direction};
use chrono::{DateTime, Utc};
use log_store::rows::Anomaly;
use log_store::{EntityAge, Freshness, LaneCount, TemplateTotal};
use std::collections::BTreeMap;

/// How much history a service needs before it is judged.
pub const LEARNING_S: i64 = 3 * 86_400;

/// Widths of a column, seconds: what divides an hour or a day, and the scan's window at least.
const STEPS: [i64; 11] = [300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

/// The time that a wall shows, in whole columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First second, since the epoch.
    pub from: i64,
    /// First second that isn't shown.
    pub to: i64,
    /// Width of a column, seconds.
    pub step_s: i64,
}

/// All that the database says.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Incidents in the range.
    pub anomalies: Vec<Anomaly>,
    /// Lines per column.
    pub counts: Vec<LaneCount>,
    /// All known services.
    pub ages: Vec<EntityAge>,
    /// Frequent messages.
    pub templates: Vec<TemplateTotal>,
    /// How fresh it is.
    pub freshness: Freshness,
}

impl Range {
    /// The range `[from, to)` (seconds since the epoch), widened to whole columns of which there are at most
    /// `max_columns`.
    pub fn new(from: i64, to: i64, max_columns: usize) -> Self {
        let to = to.max(from + 1);
        let days = |columns: i64| 86_400 * ((to - from) / (86_400 * columns) + 1);
        let max = i64::try_from(max_columns.max(2)).unwrap_or(2);
        let fit = |step: i64| {
            let (from, to) = (from.div_euclid(step) * step, (to + step - 1).div_euclid(step) * step);
            ((to - from) / step <= max).then_some(Self { from, to, step_s: step })
        };
        // More columns than days fit: as many days to a column as it takes, one column to spare for the rounding.
        STEPS.into_iter().find_map(fit).or_else(|| fit(days(max - 1))).unwrap_or(Self {
            from,
            to,
            step_s: to - from,
        })
    }

    fn columns(self) -> usize {
        ((self.to - self.from) / self.step_s) as usize
    }
}

/// Whether no service is old enough to be judged at `to` (seconds since the epoch).
pub fn is_learning(ages: &[EntityAge], to: i64) -> bool {
    ages.iter().all(|age| is_young(age, to))
}

/// Puts the rows on the wall.
pub fn build(generated_at: DateTime<Utc>, range: Range, rows: Rows, links: &LinksConfig) -> Wall {
    let state = if is_learning(&rows.ages, range.to) {
        let since = rows.ages.iter().map(|age| age.first_minute).min().map(moment);
        State::Learning { since, needed_s: LEARNING_S }
    } else {
        State::Ready
    };
    let all = rows.anomalies.len();
    let mut incidents: Vec<Incident> = rows
        .anomalies
        .into_iter()
        .filter(|anomaly| anomaly.state != "muted")
        .map(|anomaly| incident(anomaly, links))
        .collect();
    let muted = all - incidents.len();
    incidents.sort_by(|a, b| {
        b.score.total_cmp(&a.score).then(a.first_seen.cmp(&b.first_seen)).then_with(|| a.id.cmp(&b.id))
    });
    for (i, incident) in incidents.iter_mut().enumerate() {
        incident.rank = i + 1;
    }
    let seen_until = generated_at.timestamp().min(range.to);
    let health = Health {
        last_scan: rows.freshness.last_scan.and_then(DateTime::from_timestamp_micros),
        lag_s: rows.freshness.newest_minute.map(|newest| (seen_until - newest - 60).max(0)),
        rows: rows.counts.iter().map(|count| count.cnt).sum(),
        services: rows.ages.len(),
        muted,
    };
    let mut wall = Wall {
        generated_at,
        from: moment(range.from),
        to: moment(range.to),
        step_s: range.step_s,
        state,
        health,
        incidents,
        lanes: Vec::new(),
        templates: rows.templates.into_iter().map(template).collect(),
    };
    wall.lanes = lanes(&wall, range, &rows.counts, &rows.ages);
    wall
}

fn lanes(wall: &Wall, range: Range, counts: &[LaneCount], ages: &[EntityAge]) -> Vec<Lane> {
    let empty = |host: &str, service: &str| Lane {
        host: host.to_owned(),
        service: service.to_owned(),
        learning: false,
        cells: (0..range.columns())
            .map(|i| Cell {
                start: moment(range.from + i as i64 * range.step_s),
                score: 0.0,
                count: 0,
                errors: 0,
                kind: None,
            })
            .collect(),
    };
    let mut lanes: BTreeMap<(String, String), Lane> = BTreeMap::new();
    let keys = (ages.iter().map(|a| (&a.host, &a.service)))
        .chain(counts.iter().map(|c| (&c.host, &c.service)))
        .chain(wall.incidents.iter().map(|i| (&i.host, &i.service)));
    for (host, service) in keys {
        lanes.entry((host.clone(), service.clone())).or_insert_with(|| empty(host, service));
    }
    for age in ages {
        if let Some(lane) = lanes.get_mut(&(age.host.clone(), age.service.clone())) {
            lane.learning = is_young(age, range.to);
        }
    }
    for count in counts {
        let column = (count.start - range.from).div_euclid(range.step_s);
        let lane = lanes.get_mut(&(count.host.clone(), count.service.clone()));
        if let Some(cell) =
            lane.and_then(|lane| usize::try_from(column).ok().and_then(|i| lane.cells.get_mut(i)))
        {
            cell.count += count.cnt;
            cell.errors += count.err;
        }
    }
    for incident in &wall.incidents {
        let Some(lane) = lanes.get_mut(&(incident.host.clone(), incident.service.clone())) else { continue };
        for cell in &mut lane.cells[wall.columns(incident.first_seen, incident.last_seen)] {
            // The oddest comes first.
            if cell.kind.is_none() {
                cell.score = incident.score;
                cell.kind = Some(incident.kind.clone());
            }
        }
    }
    let mut lanes: Vec<Lane> = lanes.into_values().collect();
    let peak = |lane: &Lane| lane.cells.iter().map(|cell| cell.score).fold(0.0, f64::max);
    // Stable: lanes that are equally odd, above all the quiet ones, stay in order of host and service.
    lanes.sort_by(|a, b| peak(b).total_cmp(&peak(a)));
    lanes
}

fn incident(row: Anomaly, links: &LinksConfig) -> Incident {
    // Rows of an older version may have other details: the columns alone still say what happened.
    let details = serde_json::from_str::<Details>(&row.details).ok();
    let (first_seen, last_seen) = (moment(i64::from(row.window_start)), moment(i64::from(row.window_end)));
    let mut incident = Incident {
        id: format!("{:016x}", row.id),
        rank: 0,
        score: (f64::from(row.score) * 100.0).round() / 100.0,
        unit: row.unit,
        first_seen,
        last_seen,
        duration_s: (last_seen - first_seen).num_seconds().max(0),
        state: row.state,
        new: false,
        feature: row.feature,
        measure: String::new(),
        direction: None,
        observed: row.observed,
        expected: row.expected,
        ratio: (row.expected > 0.0).then(|| row.observed / row.expected),
        percentile: None,
        reason: format!(
            "{} on {}: {} observed, {} expected.",
            row.service,
            row.host,
            words::number(row.observed),
            words::number(row.expected)
        ),
        basis: None,
        template: None,
        candidates: Vec::new(),
        contributions: Vec::new(),
        links: links.of(&row.host, &row.service, &crate::details::Links::default()),
        host: row.host,
        service: row.service,
        kind: row.anomaly_type,
    };
    if let Some(details) = details {
        incident.new = details.direction == Direction::New
            || details.candidates.iter().any(|candidate| {
                matches!(candidate, Candidate::Template { expected, observed, .. }
                    if *expected <= 0.0 && *observed > 0.0)
            });
        incident.basis = basis(&details);
        incident.links = links.of(&incident.host, &incident.service, &details.links);
        incident.measure = details.measure;
        incident.direction = Some(details.direction);
        incident.ratio = details.ratio;
        incident.percentile = Some(details.percentile);
        incident.reason = details.reason;
        incident.template = details.template.map(|template| MessageType {
            id: template.id,
            text: template.text,
            example: template.example,
        });
        incident.candidates = details.candidates;
        incident.contributions = details.contributions;
    }
    incident
}

fn basis(details: &Details) -> Option<String> {
    if details.baseline.windows == 0 {
        return None;
    }
    let season = match details.baseline.season.as_str() {
        "none" | "" => String::new(),
        season => format!(", compared by {season}"),
    };
    Some(format!("{} days of this service’s own history{season}", words::number(details.baseline.days)))
}

fn template(row: TemplateTotal) -> Template {
    Template {
        id: format!("{:016x}", row.id),
        service: row.service,
        level: row.level,
        text: row.pattern,
        count: row.cnt,
    }
}

fn is_young(age: &EntityAge, to: i64) -> bool {
    age.first_minute > to - LEARNING_S
}

fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}
