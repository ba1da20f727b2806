//! Why: an incident in words, numbers and links.

use std::collections::HashMap;
use std::fmt::Write as _;

use log_model::quote;
use log_model::time::{self, SECOND};
use log_store::rows::Deploy;
use log_store::{lines_sql, minutes_sql};

use crate::details::{
    Baseline, Candidate, Contribution, Details, Forest, ForestPart, Links, TemplateRef, VERSION,
};
use crate::detect::{
    DAY, EntityKey, FEATURES, Feature, Flag, Incident, Kind, Reading, TemplateSeries, WINDOW_S,
};
use crate::mine::Known;

/// Seconds around an incident that its links show.
const MARGIN_S: i64 = 600;
/// Seconds before an incident in which a restart may be its cause.
const RESTART_BEFORE_S: i64 = 900;
/// Candidates that are named.
const MAX_CANDIDATES: usize = 5;
/// Literal characters that a template must have in a row to be searched by.
const MIN_LITERAL: usize = 8;

/// What explanations are made from.
pub(crate) struct Explainer<'a> {
    pub(crate) templates: &'a [TemplateSeries],
    pub(crate) known: &'a HashMap<(String, u64), Known>,
    pub(crate) deploys: &'a [Deploy],
    /// All incidents of the run.
    pub(crate) incidents: &'a [Incident],
    /// Second at which the grid begins.
    pub(crate) start: i64,
}

/// The main numbers of an incident: columns of the table, and parts of the details.
pub(crate) struct Headline {
    pub(crate) feature: String,
    pub(crate) observed: f64,
    pub(crate) expected: f64,
    pub(crate) template_id: u64,
}

impl Explainer<'_> {
    /// What stands out most.
    pub(crate) fn headline(&self, incident: &Incident) -> Headline {
        let top = &incident.peak.readings[0];
        Headline {
            feature: feature_name(&incident.peak).to_owned(),
            observed: round(top.observed),
            expected: round(top.expected),
            template_id: about(&incident.peak).map_or(0, |index| self.templates[index].id),
        }
    }

    /// Everything.
    pub(crate) fn details(&self, incident: &Incident) -> Details {
        let peak = &incident.peak;
        let top = &peak.readings[0];
        let headline = self.headline(incident);
        let template = about(peak).map(|index| self.template(&incident.key, self.templates[index].id));
        let direction = top.feature.direction();
        Details {
            version: VERSION,
            reason: reason(incident, &headline, template.as_ref()),
            feature: headline.feature,
            measure: top.feature.measure().to_owned(),
            direction,
            observed: headline.observed,
            expected: headline.expected,
            ratio: ratio(headline.observed, headline.expected),
            percentile: round(top.percentile),
            peak_score: round(peak.score),
            peak_at: rfc3339(self.second(peak)),
            windows: incident.windows,
            baseline: Baseline {
                windows: peak.history as u32,
                days: round(peak.history as f32 / DAY as f32),
                season: peak.season.map_or("none", |season| season.name()).to_owned(),
            },
            contributions: contributions(&peak.readings),
            forest: self.forest(incident),
            links: links(incident, template.as_ref()),
            candidates: self.candidates(incident),
            template,
        }
    }

    fn second(&self, flag: &Flag) -> i64 {
        self.start + flag.at as i64 * WINDOW_S
    }

    fn template(&self, key: &EntityKey, id: u64) -> TemplateRef {
        let known = self.known.get(&(key.service.clone(), id));
        TemplateRef {
            id: format!("{id:016x}"),
            text: known.map(|known| known.text.clone()).unwrap_or_default(),
            example: known.map(|known| known.example.clone()).unwrap_or_default(),
        }
    }

    fn forest(&self, incident: &Incident) -> Option<Forest> {
        let opinion = incident.peak.opinion.as_ref()?;
        let odder = |other: &&Incident| other.peak.opinion.as_ref().is_some_and(|o| o.score > opinion.score);
        Some(Forest {
            score: round(opinion.score),
            rank: 1 + self.incidents.iter().filter(odder).count() as u32,
            contributions: opinion
                .parts
                .iter()
                .map(|(feature, share)| ForestPart {
                    feature: feature.name().to_owned(),
                    share: round(*share),
                })
                .collect(),
        })
    }

    /// Messages that moved, then restarts just before, then what else went wrong at the same time nearby.
    fn candidates(&self, incident: &Incident) -> Vec<Candidate> {
        let key = &incident.key;
        let mut all: Vec<Candidate> = Vec::new();
        for &(index, observed, expected) in &incident.peak.moved {
            let template = self.template(key, self.templates[index].id);
            if !template.text.is_empty() {
                all.push(Candidate::Template {
                    text: template.text,
                    template_id: template.id,
                    observed: round(observed),
                    expected: round(expected),
                });
            }
        }
        for deploy in self.deploys {
            let at = deploy.at.div_euclid(1_000);
            if deploy.host == key.host && (incident.first - RESTART_BEFORE_S..incident.last).contains(&at) {
                all.push(Candidate::Restart { text: deploy.message.clone(), at: rfc3339(at) });
            }
        }
        for other in self.incidents.iter().filter(|other| other.id != incident.id) {
            let near = other.key.host == key.host || other.key.service == key.service;
            if near && other.first < incident.last + WINDOW_S && incident.first < other.last + WINDOW_S {
                all.push(Candidate::CoAnomaly {
                    text: format!("{} of {}", other.kind.replace('_', " "), name(&other.key)),
                    anomaly_id: format!("{:016x}", other.id),
                    service: other.key.service.clone(),
                    host: other.key.host.clone(),
                });
            }
        }
        all.truncate(MAX_CANDIDATES);
        all
    }
}

fn links(incident: &Incident, template: Option<&TemplateRef>) -> Links {
    let key = &incident.key;
    let (from, to) = (incident.first - MARGIN_S, incident.last + MARGIN_S);
    let logql = logql(key, template);
    Links {
        rows_sql: lines_sql(&key.host, &key.service, from, to),
        minutes_sql: minutes_sql(&key.host, &key.service, from, to),
        logql,
        from: rfc3339(from),
        to: rfc3339(to),
    }
}

/// The template that the oddest window is about, if it is about one.
fn about(flag: &Flag) -> Option<usize> {
    flag.readings[0].template.or_else(|| flag.readings.iter().find_map(|reading| reading.template))
}

fn feature_name(flag: &Flag) -> &'static str {
    match flag.kind {
        Kind::Of(_) => flag.readings[0].feature.name(),
        other => other.feature(),
    }
}

fn contributions(readings: &[Reading]) -> Vec<Contribution> {
    let total: f32 = readings.iter().map(|reading| reading.value).sum();
    let mut all: Vec<&Reading> = readings.iter().take(FEATURES).collect();
    all.sort_by(|a, b| b.value.total_cmp(&a.value));
    all.into_iter()
        .map(|reading| Contribution {
            feature: reading.feature.name().to_owned(),
            observed: round(reading.observed),
            expected: round(reading.expected),
            score: round(reading.value),
            share: round(reading.value / total.max(f32::MIN_POSITIVE)),
        })
        .collect()
}

/// One plain sentence.
fn reason(incident: &Incident, headline: &Headline, template: Option<&TemplateRef>) -> String {
    let who = name(&incident.key);
    let (observed, expected) = (headline.observed, headline.expected);
    let top = incident.peak.readings[0].feature;
    let text =
        template.map_or_else(String::new, |template| format!(" \u{201c}{}\u{201d}", clip(&template.text)));
    let usual = format!("{} at this hour", number(expected));
    let times = ratio(observed, expected)
        .filter(|ratio| *ratio >= 1.2)
        .map_or_else(String::new, |ratio| format!(" ({} times as many)", number(ratio)));
    let slower = ratio(observed, expected)
        .map_or_else(String::new, |ratio| format!(", {} times as slow", number(ratio)));
    match incident.peak.kind {
        Kind::Pipeline => {
            return format!(
                "Nothing arrived from any service; {} lines in 5 minutes are usual.",
                number(expected)
            );
        }
        Kind::HostSilence => {
            return format!(
                "No steady service of {} logged anything; together they log {} lines in 5 minutes.",
                incident.key.host,
                number(expected)
            );
        }
        Kind::Of(_) => {}
    }
    let observed = number(observed);
    match top {
        Feature::CountHigh => {
            format!("{who} logged {observed} lines in 5 minutes; usual are {usual}{times}.")
        }
        Feature::CountLow => format!("{who} logged only {observed} lines in 5 minutes; usual are {usual}."),
        Feature::Errors => {
            format!(
                "{who} logged {observed} errors in 5 minutes; for so many lines {} are usual{times}.",
                number(expected)
            )
        }
        Feature::Server => {
            format!(
                "{who} gave {observed} answers with status 5xx in 5 minutes; usual are {}{times}.",
                number(expected)
            )
        }
        Feature::LatencyAvg => format!("{who} took {observed} ms on average; usual are {usual}{slower}."),
        Feature::LatencyP95 => {
            format!("One request in twenty of {who} took {observed} ms or more; usual are {usual}{slower}.")
        }
        Feature::LatencyTrend => {
            format!("{who} has been slower for an hour: {observed} ms on average; usual are {usual}{slower}.")
        }
        Feature::Surge => {
            format!(
                "{who} logged{text} {observed} times in 5 minutes; usual are {}{times}.",
                number(expected)
            )
        }
        Feature::Silence => {
            format!("{who} has gone silent; {} lines in 5 minutes are usual.", number(expected))
        }
        Feature::Schedule => {
            format!("{who} did not run when it should have; it logs about {} lines then.", number(expected))
        }
        Feature::NewTemplate => format!("{who} logged an error never seen before, {observed} times:{text}."),
    }
}

fn name(key: &EntityKey) -> String {
    match (key.host.as_str(), key.service.as_str()) {
        ("*", "*") => "everything".to_owned(),
        (host, "*") => host.to_owned(),
        (host, service) => format!("{service} on {host}"),
    }
}

fn clip(text: &str) -> &str {
    &text[..text.floor_char_boundary(120)]
}

/// Three digits are enough for people; whole numbers stay whole.
fn number(value: f64) -> String {
    if value >= 100.0 || (value >= 0.95 || value == 0.0) && (value - value.round()).abs() < 0.05 {
        format!("{value:.0}")
    } else if value >= 1.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

fn ratio(observed: f64, expected: f64) -> Option<f64> {
    (expected > 0.0).then(|| (observed / expected * 100.0).round() / 100.0).filter(|ratio| ratio.is_finite())
}

fn round(value: f32) -> f64 {
    let value = f64::from(value);
    if value.is_finite() { (value * 1_000.0).round() / 1_000.0 } else { 0.0 }
}

fn rfc3339(second: i64) -> String {
    time::rfc3339(second.saturating_mul(SECOND))
}

/// The lines in Loki, narrowed to the message where there is one.
fn logql(key: &EntityKey, template: Option<&TemplateRef>) -> String {
    let labels: Vec<String> = [("host", &key.host), ("service", &key.service)]
        .into_iter()
        .filter(|(_, value)| *value != "*")
        .map(|(name, value)| format!("{name}={}", quote(value)))
        .collect();
    // Loki wants one matcher that cannot be empty.
    let labels = if labels.is_empty() { "service=~\".+\"".to_owned() } else { labels.join(", ") };
    let mut query = format!("{{{labels}}}");
    let literal = template.and_then(|template| {
        template
            .text
            .split("<*>")
            .map(str::trim)
            .max_by_key(|part| part.len())
            .filter(|p| p.len() >= MIN_LITERAL)
    });
    if let Some(literal) = literal {
        let _ = write!(query, " |= {}", quote(literal));
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(host: &str, service: &str) -> EntityKey {
        EntityKey { host: host.into(), service: service.into(), unit: String::new() }
    }

    #[test]
    fn a_query_is_narrowed_to_the_message() {
        let template = TemplateRef {
            id: String::new(),
            text: "user <*> said \"no such table\" to <*>".into(),
            example: String::new(),
        };
        assert_eq!(
            logql(&key("h", "s"), Some(&template)),
            r#"{host="h", service="s"} |= "said \"no such table\" to""#
        );
        assert_eq!(logql(&key("*", "*"), None), r#"{service=~".+"}"#);
    }

    #[test]
    fn people_read_three_digits() {
        assert_eq!(
            [0.0, 0.048, 0.123, 2.0, 3.456, 1234.5].map(number),
            ["0", "0.05", "0.12", "2", "3.5", "1234"].map(String::from)
        );
    }
}
