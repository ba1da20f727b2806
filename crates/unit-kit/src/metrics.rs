//! Counters and gauges in Prometheus' text format: served by a daemon, or written atomically to `<tool>.prom` for
//! `node_exporter`'s textfile collector.

use crate::atomic;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// The metrics of a process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    families: Arc<Mutex<BTreeMap<String, FamilyData>>>,
}

/// A number that only grows, by label values.
#[derive(Debug, Clone)]
pub struct Counter(Family);

/// A number that goes up and down, by label values.
#[derive(Debug, Clone)]
pub struct Gauge(Family);

/// Why a metric cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// Prometheus would refuse the whole file.
    #[error("metric name `{0}` does not match [a-zA-Z_:][a-zA-Z0-9_:]*")]
    BadName(String),
    /// A counter's name says so.
    #[error("counter `{0}` does not end in _total")]
    CounterName(String),
    /// Prometheus would refuse the whole file.
    #[error("label `{label}` of metric `{metric}` does not match [a-zA-Z_][a-zA-Z0-9_]* or starts with __")]
    BadLabel {
        /// The metric.
        metric: String,
        /// The label.
        label: String,
    },
    /// The same name was used with another kind or other labels.
    #[error("metric `{0}` exists already with another kind or other labels")]
    Conflict(String),
}

#[derive(Debug, Clone)]
struct Family {
    all: Metrics,
    name: String,
}

#[derive(Debug)]
struct FamilyData {
    kind: &'static str,
    help: String,
    labels: Vec<String>,
    /// Value by label values.
    samples: BTreeMap<Vec<String>, f64>,
}

impl Metrics {
    /// Makes (or finds again) a counter. Its name ends in `_total`; a counter without labels starts at 0.
    pub fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Result<Counter, MetricError> {
        if !name.ends_with("_total") {
            return Err(MetricError::CounterName(name.to_owned()));
        }
        let counter = Counter(self.family("counter", name, help, labels)?);
        if labels.is_empty() {
            counter.add(&[], 0.0);
        }
        Ok(counter)
    }

    /// Makes (or finds again) a gauge. It shows nothing until it is set.
    pub fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> Result<Gauge, MetricError> {
        Ok(Gauge(self.family("gauge", name, help, labels)?))
    }

    /// Everything in Prometheus' text format, sorted, so that equal metrics give equal text.
    pub fn render(&self) -> String {
        let mut out = String::new();
        for (name, family) in &*self.lock() {
            if family.samples.is_empty() {
                continue;
            }
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# HELP {name} {}", family.help.replace('\\', "\\\\").replace('\n', "\\n"));
            let _ = writeln!(out, "# TYPE {name} {}", family.kind);
            for (values, sample) in &family.samples {
                out.push_str(name);
                for (i, (label, value)) in family.labels.iter().zip(values).enumerate() {
                    let _ = write!(out, "{}{label}=\"{}\"", if i == 0 { '{' } else { ',' }, escape(value));
                }
                let _ = writeln!(out, "{} {}", if values.is_empty() { "" } else { "}" }, number(*sample));
            }
        }
        out
    }

    /// Writes `<dir>/<name>.prom` atomically, readable by everyone (`node_exporter` is another user).
    pub fn write(&self, dir: &Path, name: &str) -> Result<(), atomic::AtomicError> {
        atomic::write_with_mode(&dir.join(format!("{name}.prom")), self.render(), 0o644)
    }

    fn family(
        &self,
        kind: &'static str,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<Family, MetricError> {
        let first = |c: char, also: &str| c.is_ascii_alphabetic() || c == '_' || also.contains(c);
        let valid = |text: &str, also: &str| {
            text.chars().next().is_some_and(|c| first(c, also))
                && text.chars().all(|c| first(c, also) || c.is_ascii_digit())
        };
        if !valid(name, ":") {
            return Err(MetricError::BadName(name.to_owned()));
        }
        if let Some(bad) = labels.iter().find(|label| !valid(label, "") || label.starts_with("__")) {
            return Err(MetricError::BadLabel { metric: name.to_owned(), label: (*bad).to_owned() });
        }
        let mut families = self.lock();
        let data = families.entry(name.to_owned()).or_insert_with(|| FamilyData {
            kind,
            help: help.to_owned(),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            samples: BTreeMap::new(),
        });
        if data.kind != kind || data.labels != labels {
            return Err(MetricError::Conflict(name.to_owned()));
        }
        Ok(Family { all: self.clone(), name: name.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, FamilyData>> {
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counter {
    /// Adds one. `labels` are the values, in the order of the names.
    pub fn inc(&self, labels: &[&str]) {
        self.add(labels, 1.0);
    }

    /// Adds an amount; a negative one is ignored, a counter never falls.
    pub fn add(&self, labels: &[&str], amount: f64) {
        if amount >= 0.0 {
            self.0.change(labels, |value| *value += amount);
        }
    }
}

impl Gauge {
    /// Sets the value. `labels` are the values, in the order of the names.
    pub fn set(&self, labels: &[&str], value: f64) {
        self.0.change(labels, |old| *old = value);
    }

    /// Sets a point in time, as seconds since the epoch.
    pub fn set_time(&self, labels: &[&str], at: SystemTime) {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.set(labels, since.as_secs_f64());
    }
}

impl Family {
    fn change(&self, labels: &[&str], change: impl FnOnce(&mut f64)) {
        let mut families = self.all.lock();
        if let Some(data) = families.get_mut(&self.name) {
            debug_assert_eq!(data.labels.len(), labels.len(), "label values of {}", self.name);
            let mut key: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
            key.resize(data.labels.len(), String::new());
            change(data.samples.entry(key).or_default());
        }
    }
}

/// One run of a oneshot, as its `.prom` file tells it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunReport {
    pub(crate) success: bool,
    pub(crate) ended: SystemTime,
    pub(crate) took: Duration,
    pub(crate) rows: Option<u64>,
}

/// Sets the common metrics of a run. A failed run keeps the time of the last success, read from the file it replaces.
pub(crate) fn set_common(
    metrics: &Metrics,
    name: &str,
    run: RunReport,
    previous: &str,
) -> Result<(), MetricError> {
    let prefix = name.replace(['-', '.'], "_");
    let gauge = |suffix: &str, help: &str| metrics.gauge(&format!("{prefix}_{suffix}"), help, &[]);
    let success = gauge("last_success_timestamp_seconds", "When a run last succeeded, Unix time")?;
    if run.success {
        success.set_time(&[], run.ended);
    } else if let Some(before) = read_sample(previous, &format!("{prefix}_last_success_timestamp_seconds")) {
        success.set(&[], before);
    }
    gauge("last_run_timestamp_seconds", "When a run last ended, Unix time")?.set_time(&[], run.ended);
    gauge("last_run_success", "Whether the last run succeeded")?.set(&[], f64::from(u8::from(run.success)));
    gauge("last_run_duration_seconds", "How long the last run took")?.set(&[], run.took.as_secs_f64());
    if let Some(rows) = run.rows {
        gauge("last_run_rows", "Rows the last run handled")?.set(&[], rows as f64);
    }
    Ok(())
}

fn read_sample(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_what_prometheus_reads() {
        let metrics = Metrics::default();
        let rejected =
            metrics.counter("shipper_rejected_total", "Lines that Loki\nrejected", &["host", "why"]).unwrap();
        rejected.inc(&["a", "too \"old\""]);
        rejected.add(&["a", "too \"old\""], 2.0);
        rejected.add(&["a", "too \"old\""], -5.0);
        metrics.counter("shipper_lines_total", "Lines", &[]).unwrap();
        metrics.gauge("shipper_unset", "Never set", &[]).unwrap();
        metrics.gauge("shipper_lag_seconds", "Lag", &["source"]).unwrap().set(&["c:\\log"], 0.25);
        insta::assert_snapshot!(metrics.render(), @r#"
        # HELP shipper_lag_seconds Lag
        # TYPE shipper_lag_seconds gauge
        shipper_lag_seconds{source="c:\\log"} 0.25
        # HELP shipper_lines_total Lines
        # TYPE shipper_lines_total counter
        shipper_lines_total 0
        # HELP shipper_rejected_total Lines that Loki\nrejected
        # TYPE shipper_rejected_total counter
        shipper_rejected_total{host="a",why="too \"old\""} 3
        "#);
    }

    #[test]
    fn names_that_would_spoil_the_file_are_refused() {
        let metrics = Metrics::default();
        let gauge =
            |name: &str, labels: &[&str]| metrics.gauge(name, "", labels).map(drop).unwrap_err().to_string();
        assert_eq!(gauge("9lives", &[]), "metric name `9lives` does not match [a-zA-Z_:][a-zA-Z0-9_:]*");
        assert!(gauge("log-shipper_lag", &[]).contains("log-shipper_lag"));
        assert!(gauge("ok", &["__name"]).contains("`__name`"));
        assert!(gauge("ok", &["a:b"]).contains("`a:b`"));
        assert!(metrics.counter("lines", "", &[]).unwrap_err().to_string().contains("_total"));
        metrics.gauge("twice", "", &["a"]).unwrap();
        assert_eq!(gauge("twice", &["b"]), "metric `twice` exists already with another kind or other labels");
    }

    #[test]
    fn a_failed_run_keeps_the_time_of_the_last_success() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let took = Duration::from_millis(1500);
        let first = Metrics::default();
        set_common(
            &first,
            "anomaly-scan",
            RunReport { success: true, ended: at(100), took, rows: Some(7) },
            "",
        )
        .unwrap();
        let second = Metrics::default();
        let failed = RunReport { success: false, ended: at(200), took, rows: None };
        set_common(&second, "anomaly-scan", failed, &first.render()).unwrap();
        let text = second.render();
        assert!(text.contains("\nanomaly_scan_last_success_timestamp_seconds 100\n"), "{text}");
        assert!(text.contains("\nanomaly_scan_last_run_timestamp_seconds 200\n"), "{text}");
        assert!(text.contains("\nanomaly_scan_last_run_success 0\n"), "{text}");
        assert!(first.render().contains("\nanomaly_scan_last_run_rows 7\n"));
        assert!(first.render().contains("\nanomaly_scan_last_run_duration_seconds 1.5\n"));
    }

    #[test]
    fn the_file_is_written_whole() {
        let dir = tempfile::tempdir().unwrap();
        let metrics = Metrics::default();
        metrics.counter("lines_total", "Lines", &[]).unwrap().inc(&[]);
        metrics.write(dir.path(), "tool").unwrap();
        let text = std::fs::read_to_string(dir.path().join("tool.prom")).unwrap();
        assert!(text.ends_with("lines_total 1\n"));
    }
}
