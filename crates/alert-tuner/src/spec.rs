//! The spec: which lines matter, and how many are too many.
//!
//! ```toml
//! interval = "1m"
//! hosts = ["homeMachine", "nixos-desktop"]   # one absent rule each
//!
//! [[burst]]                                  # count form
//! name = "LogErrorBurst"
//! short = 12                                 # errors in 5 minutes …
//! rho = 2.5                                  # … and 2.5 times as many in 30
//!
//! [[ratio]]                                  # ratio form, for services with traffic
//! name = "ErrorRatio"
//! services = ["nginx"]
//! short = 0.10
//! long = 0.05
//! ```

use serde::Deserialize;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

/// The bounds of ρ, the ratio of the 30-minute to the 5-minute threshold. Both windows end at the same
/// instant, so S30 ≥ S5 always: at ρ ≤ 1 the long stage could never decide, and at ρ ≥ 6 the short one
/// hardly could. Between lies 1.5 to 4.
pub const RHO: std::ops::RangeInclusive<f64> = 1.5..=4.0;

/// Fewest errors in 5 minutes that a rule may fire on: below, one hiccup of a quiet service is an alert.
pub const MIN_COUNT: u64 = 5;

/// Services that write the word "error" about other people's errors, or about their own alerts.
const SELF_FEEDBACK: [&str; 4] = ["alertmanager", "grafana", "log-shipper", "loki"];

/// Everything that rules are made from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spec {
    /// How often the ruler evaluates.
    pub interval: Duration,
    /// How far behind the newest line the rules look: the ruler never re-evaluates what arrives later.
    pub offset: Duration,
    /// Hosts that must be heard from.
    pub hosts: Vec<String>,
    /// For how long a host may be silent.
    pub absent_after: Duration,
    /// Whether to write a rule that always fires, for a dead man's switch.
    pub dead_man: bool,
    /// Count rules.
    pub burst: Vec<Burst>,
    /// Ratio rules.
    pub ratio: Vec<Ratio>,
}

/// More than so many errors in 5 minutes AND ρ times as many in 30.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// Name of the alert.
    pub name: String,
    /// Only these services; empty: all but the excluded.
    #[serde(default)]
    pub services: Vec<String>,
    /// Not these. What watches the logs (Loki, Grafana, …) is always excluded from rules about all services.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// For how long the condition must hold.
    pub r#for: Option<Duration>,
    /// Label `severity` of the alert.
    #[serde(default = "default_severity")]
    pub severity: String,
    /// Errors in 5 minutes that are still fine.
    pub short: u64,
    /// Threshold of the 30 minutes over that of the 5.
    #[serde(default = "default_rho")]
    pub rho: f64,
}

/// A share of a service's lines being errors, in 5 minutes AND in 30.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// Name of the alert.
    pub name: String,
    /// Only these services; empty: all but the excluded.
    #[serde(default)]
    pub services: Vec<String>,
    /// Not these. What watches the logs (Loki, Grafana, …) is always excluded from rules about all services.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// For how long the condition must hold.
    pub r#for: Option<Duration>,
    /// Label `severity` of the alert.
    #[serde(default = "default_severity")]
    pub severity: String,
    /// Share of errors in 5 minutes that is still fine, 0 to 1.
    pub short: f64,
    /// The same over 30 minutes; not above `short`.
    pub long: f64,
    /// Errors in 30 minutes below which a share means nothing.
    #[serde(default = "default_min_errors")]
    pub min_errors: u64,
}

/// A duration as Prometheus and Loki write it: `90s`, `5m`, `1h`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Duration(String);

/// What is wrong with a spec.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct SpecError {
    file: String,
    problem: String,
}

fn default_severity() -> String {
    "warning".to_owned()
}

const fn default_rho() -> f64 {
    2.5
}

const fn default_min_errors() -> u64 {
    MIN_COUNT
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            interval: Duration("1m".to_owned()),
            offset: Duration("30s".to_owned()),
            hosts: Vec::new(),
            absent_after: Duration("15m".to_owned()),
            dead_man: true,
            burst: vec![Burst {
                name: "LogErrorBurst".to_owned(),
                services: Vec::new(),
                exclude: Vec::new(),
                r#for: None,
                severity: default_severity(),
                short: 12,
                rho: default_rho(),
            }],
            ratio: Vec::new(),
        }
    }
}

impl TryFrom<String> for Duration {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = &text[digits.len()..];
        let number = digits.parse::<u32>().ok().filter(|n| *n > 0);
        if number.is_some() && matches!(unit, "s" | "m" | "h" | "d") {
            Ok(Self(text))
        } else {
            Err(format!("{text:?} is no duration, expected a number and one of s, m, h, d, as in \"5m\""))
        }
    }
}

impl std::fmt::Display for Duration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The stream selector's matcher for a rule about these services, or about all but the excluded.
pub fn service_matcher(services: &[String], exclude: &[String]) -> String {
    if services.is_empty() {
        let mut excluded: BTreeSet<&str> = SELF_FEEDBACK.into_iter().collect();
        excluded.extend(exclude.iter().map(String::as_str));
        format!("service!~{}", alternatives(excluded))
    } else {
        let wanted = services.iter().filter(|service| !exclude.contains(service));
        format!("service=~{}", alternatives(wanted.map(String::as_str)))
    }
}

/// The name of a host's absent rule: a rule's name has letters, digits and _ only.
pub fn absent_rule(host: &str) -> String {
    let suffix: String = host.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("HostSilent_{suffix}")
}

/// A quoted regular expression that matches exactly these names. Back-quoted, so that `\.` stays itself.
fn alternatives<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let escaped: Vec<String> = names.into_iter().map(escape_regex).collect();
    format!("`{}`", escaped.join("|"))
}

fn escape_regex(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

impl Spec {
    /// Reads and checks a spec; `file` is for the messages.
    pub fn parse(file: &Path, text: &str) -> Result<Self, SpecError> {
        let error = |problem: String| SpecError { file: file.display().to_string(), problem };
        let spec: Self = toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(1, |span| line_of(text, &span));
            error(format!("line {line}: {}", e.message()))
        })?;
        spec.check().map_err(|(name, problem)| {
            let quoted = format!("\"{name}\"");
            let line = text.find(&quoted).map_or(1, |at| line_of(text, &(at..at)));
            error(format!("line {line}: {quoted}: {problem}"))
        })?;
        Ok(spec)
    }

    /// What TOML can't check. The error names the rule.
    fn check(&self) -> Result<(), (String, String)> {
        let mut names = BTreeSet::new();
        let burst = self.burst.iter().map(|rule| (rule.name.clone(), [&rule.services, &rule.exclude]));
        let ratio = self.ratio.iter().map(|rule| (rule.name.clone(), [&rule.services, &rule.exclude]));
        for (name, services) in burst.chain(ratio) {
            let fail = |problem: String| Err((name.clone(), problem));
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return fail("a name has letters, digits and _ only".to_owned());
            }
            if let Some(service) = services.into_iter().flatten().find(|s| s.contains('`')) {
                return fail(format!("service {service:?} has a back-quote"));
            }
            // The ruler restores the state of `for` by name alone after a restart.
            if !names.insert(name.clone()) {
                return fail(
                    "the name is used twice; Loki mixes up the state of two rules of one name".to_owned(),
                );
            }
        }
        for host in &self.hosts {
            if !names.insert(absent_rule(host)) {
                let problem = format!("its absent rule {} is there already", absent_rule(host));
                return Err((host.clone(), problem));
            }
        }
        for rule in &self.burst {
            if !RHO.contains(&rule.rho) {
                return Err((
                    rule.name.clone(),
                    format!(
                        "rho is {}, expected {} to {}: outside, one of the two stages never decides",
                        rule.rho,
                        RHO.start(),
                        RHO.end()
                    ),
                ));
            }
            if rule.short < MIN_COUNT {
                return Err((
                    rule.name.clone(),
                    format!("short is {}, expected at least {MIN_COUNT} errors in 5 minutes", rule.short),
                ));
            }
        }
        for rule in &self.ratio {
            let share = 0.0..1.0;
            if !share.contains(&rule.short) || !share.contains(&rule.long) || rule.long > rule.short {
                return Err((
                    rule.name.clone(),
                    format!("short {} and long {}: expected 0 <= long <= short < 1", rule.short, rule.long),
                ));
            }
        }
        Ok(())
    }
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    text[..span.start.min(text.len())].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Spec::parse(Path::new("alerts.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_file_line_and_what_was_expected() {
        for (text, expected) in [
            ("interval = \"soon\"", "alerts.toml: line 1: \"soon\" is no duration"),
            ("\nintervall = \"1m\"", "alerts.toml: line 2: unknown field `intervall`"),
            (
                "[[burst]]\nname = \"A\"\nshort = 10\nrho = 6.0",
                "alerts.toml: line 2: \"A\": rho is 6, expected 1.5 to 4",
            ),
            (
                "[[burst]]\nname = \"A\"\nshort = 2",
                "alerts.toml: line 2: \"A\": short is 2, expected at least 5",
            ),
            (
                "[[burst]]\nname = \"A\"\nshort = 9\n[[ratio]]\nname = \"A\"\nshort = 0.2\nlong = 0.1",
                "\"A\": the name is used twice",
            ),
            ("[[ratio]]\nname = \"R\"\nshort = 0.1\nlong = 0.2", "expected 0 <= long <= short < 1"),
            ("[[burst]]\nname = \"A\"\nshort = 9\nserverity = \"x\"", "line 4: unknown field `serverity`"),
            ("hosts = [\"a-b\", \"a_b\"]", "\"a_b\": its absent rule HostSilent_a_b is there already"),
            ("[[burst]]\nname = \"A b\"\nshort = 9", "\"A b\": a name has letters"),
        ] {
            let found = error(text);
            assert!(found.contains(expected), "{found:?} should contain {expected:?}");
        }
    }

    #[test]
    fn what_watches_the_logs_is_never_counted_among_all_services() {
        let all = service_matcher(&[], &["my.app".to_owned()]);
        assert_eq!(all, r"service!~`alertmanager|grafana|log-shipper|loki|my\.app`");
        assert_eq!(service_matcher(&["loki".to_owned()], &[]), "service=~`loki`");
    }
}
