//! The spec as rule groups.

use crate::spec::{Burst, Ratio, Spec, absent_rule, service_matcher};
use log_model::ERR_LEVELS;
use serde::Serialize;
use std::collections::BTreeMap;

/// The alerts that one group may raise before the ruler stops it: a storm guard.
const LIMIT: u32 = 50;

/// A rule group of a ruler.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// How often it is evaluated.
    pub interval: String,
    /// The most alerts it may raise.
    pub limit: u32,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// An alerting rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// Its name.
    pub alert: String,
    /// `LogQL`.
    pub expr: String,
    /// For how long the expression must hold before the alert fires.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// Static labels. No threshold and no value: changing one would restart the alert.
    pub labels: BTreeMap<String, String>,
    /// What people read.
    pub annotations: BTreeMap<String, String>,
}

/// The groups that a spec means.
pub fn groups(spec: &Spec) -> Vec<Group> {
    let group = |name: &str, rules: Vec<Rule>| Group {
        name: name.to_owned(),
        interval: spec.interval.to_string(),
        limit: LIMIT,
        rules,
    };
    let two_stage = spec
        .burst
        .iter()
        .map(|rule| burst(spec, rule))
        .chain(spec.ratio.iter().map(|rule| ratio(spec, rule)))
        .collect();
    let mut liveness: Vec<Rule> = spec.hosts.iter().map(|host| absent(spec, host)).collect();
    if spec.dead_man {
        liveness.push(dead_man());
    }
    [group("yagura-two-stage", two_stage), group("yagura-liveness", liveness)]
        .into_iter()
        .filter(|group| !group.rules.is_empty())
        .collect()
}

/// Lines per host and service over a window.
fn count(spec: &Spec, matchers: &str, window: &str) -> String {
    format!("sum by (host, service) (count_over_time({{{matchers}}}[{window}] offset {}))", spec.offset)
}

fn err_matcher() -> String {
    let levels: Vec<&str> = ERR_LEVELS.iter().map(|level| level.as_str()).collect();
    format!("level=~`{}`", levels.join("|"))
}

/// The short window stands on the left: its series vanish first, so the alert resolves within 5 minutes,
/// and `and` keeps its value and labels.
fn burst(spec: &Spec, rule: &Burst) -> Rule {
    let matchers = format!("{}, {}", err_matcher(), service_matcher(&rule.services, &rule.exclude));
    let long = (rule.short as f64 * rule.rho).round() as u64;
    let expr = format!(
        "{} > {}\nand on (host, service)\n{} > {long}",
        count(spec, &matchers, "5m"),
        rule.short,
        count(spec, &matchers, "30m"),
    );
    Rule {
        alert: rule.name.clone(),
        expr,
        hold: rule.r#for.as_ref().map(ToString::to_string),
        labels: labels(&rule.severity),
        annotations: BTreeMap::from([
            pair("summary", "{{ $labels.service }} on {{ $labels.host }}: {{ $value }} errors in 5 minutes"),
            pair(
                "description",
                &format!("More than {} errors in 5 minutes and more than {long} in 30.", rule.short),
            ),
        ]),
    }
}

fn ratio(spec: &Spec, rule: &Ratio) -> Rule {
    let all = service_matcher(&rule.services, &rule.exclude);
    let err = format!("{}, {all}", err_matcher());
    let share = |window: &str| {
        format!("{} / on (host, service) {}", count(spec, &err, window), count(spec, &all, window))
    };
    let expr = format!(
        "{} > {}\nand on (host, service)\n{} > {}\nand on (host, service)\n{} >= {}",
        share("5m"),
        rule.short,
        share("30m"),
        rule.long,
        count(spec, &err, "30m"),
        rule.min_errors,
    );
    Rule {
        alert: rule.name.clone(),
        expr,
        hold: rule.r#for.as_ref().map(ToString::to_string),
        labels: labels(&rule.severity),
        annotations: BTreeMap::from([
            pair(
                "summary",
                "{{ $labels.service }} on {{ $labels.host }}: {{ printf \"%.2f\" $value }} of the lines of 5 minutes are errors",
            ),
            pair(
                "description",
                &format!(
                    "A share above {} over 5 minutes and above {} over 30, with {} errors or more.",
                    rule.short, rule.long, rule.min_errors
                ),
            ),
        ]),
    }
}

/// Equality matchers only: `absent_over_time` keeps no label of any other.
fn absent(spec: &Spec, host: &str) -> Rule {
    let quoted = serde_json::Value::String(host.to_owned());
    Rule {
        alert: absent_rule(host),
        expr: format!("absent_over_time({{host={quoted}}}[{}])", spec.absent_after),
        hold: None,
        labels: labels("critical"),
        annotations: BTreeMap::from([
            pair("summary", &format!("{host}: no log line for {}", spec.absent_after)),
            pair("description", "The host is down, its log-shipper stopped, or its way to Loki is cut."),
        ]),
    }
}

fn dead_man() -> Rule {
    Rule {
        alert: "DeadMan".to_owned(),
        expr: "vector(1) > 0".to_owned(),
        hold: None,
        labels: labels("none"),
        annotations: BTreeMap::from([pair(
            "summary",
            "Always fires. When it stops, the way from the ruler to you is broken.",
        )]),
    }
}

fn labels(severity: &str) -> BTreeMap<String, String> {
    BTreeMap::from([pair("severity", severity)])
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Spec;
    use std::path::Path;

    #[test]
    fn two_stages_are_joined_by_and_with_the_short_one_left_and_the_same_labels() {
        let spec = Spec::parse(
            Path::new("s"),
            "[[burst]]\nname = \"A\"\nservices = [\"web\"]\nshort = 10\nrho = 2.0\nfor = \"2m\"",
        )
        .unwrap();
        let groups = groups(&spec);
        insta::assert_snapshot!(groups[0].rules[0].expr, @"
        sum by (host, service) (count_over_time({level=~`emergency|alert|critical|error`, service=~`web`}[5m] offset 30s)) > 10
        and on (host, service)
        sum by (host, service) (count_over_time({level=~`emergency|alert|critical|error`, service=~`web`}[30m] offset 30s)) > 20
        ");
        assert_eq!(groups[0].rules[0].hold.as_deref(), Some("2m"));
    }

    #[test]
    fn every_expected_host_has_its_own_absent_rule() {
        let spec = Spec::parse(Path::new("s"), "hosts = [\"home-1\", \"b\"]\ndead_man = false").unwrap();
        let names: Vec<String> =
            groups(&spec).iter().flat_map(|group| &group.rules).map(|rule| rule.alert.clone()).collect();
        assert_eq!(names, ["LogErrorBurst", "HostSilent_home_1", "HostSilent_b"]);
    }
}
