//! How long rows are kept.

use super::report::RetentionChange;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Days that rows are kept, the `[retention]` section of loki2ch's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionDays {
    /// Lines, 30 to 180.
    pub logs: u16,
    /// The minute aggregate.
    pub minutes: u16,
    /// Counts of templates by minute.
    pub templates: u16,
    /// Anomalies, and the deploys that explain them.
    pub anomalies: u16,
    /// Alert history.
    pub alerts: u16,
    /// The manifest of what was copied.
    pub sync: u16,
}

impl Default for RetentionDays {
    fn default() -> Self {
        Self { logs: 90, minutes: 180, templates: 90, anomalies: 180, alerts: 400, sync: 400 }
    }
}

/// A table with rows that expire: its name, the time that counts, and the days wanted.
type Expiry = (&'static str, &'static str, fn(&RetentionDays) -> u16);

const EXPIRIES: [Expiry; 8] = [
    ("app_logs", "toDateTime(ts)", |days| days.logs),
    ("app_logs_1min_state", "minute", |days| days.minutes),
    ("templates_1min", "minute", |days| days.templates),
    ("anomalies", "window_start", |days| days.anomalies),
    ("deploys", "toDateTime(at)", |days| days.anomalies),
    ("alert_events", "toDateTime(ts)", |days| days.alerts),
    ("sync_windows", "window_start", |days| days.sync),
    ("sync_batches", "window_start", |days| days.sync),
];

impl RetentionDays {
    /// The key that is out of bounds, what is wrong with it, and what would be right.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        let bounds = [
            ("logs", self.logs, 30, 180),
            ("minutes", self.minutes, 30, 1100),
            ("templates", self.templates, 30, 1100),
            ("anomalies", self.anomalies, 30, 1100),
            ("alerts", self.alerts, 30, 1100),
            // The manifest must outlive the lines: what it forgets would be copied again.
            ("sync", self.sync, self.logs.saturating_add(1), 1100),
        ];
        bounds
            .into_iter()
            .find(|(_, days, low, high)| !(low..=high).contains(&days))
            .map(|(key, days, low, high)| (key, format!("{days} days is not between {low} and {high}")))
    }

    pub(super) fn check(&self) -> Result<()> {
        match self.problem() {
            None => Ok(()),
            Some((key, problem)) => Err(Error::Schema {
                problem: format!("retention.{key}: {problem}"),
                hint: "change the [retention] section of the configuration".to_owned(),
            }),
        }
    }
}

/// Tables whose TTL differs from the wish. `tables` maps a name to its `engine_full`; what is not there
/// yet will be created with the days that its migration says.
pub(super) fn changes(wish: &RetentionDays, tables: &BTreeMap<String, String>) -> Vec<RetentionChange> {
    let default = RetentionDays::default();
    EXPIRIES
        .iter()
        .filter_map(|(table, time, days)| {
            let from_days = match tables.get(*table) {
                Some(engine) => ttl_days(engine),
                None => Some(days(&default)),
            };
            let to_days = days(wish);
            (from_days != Some(to_days)).then(|| RetentionChange {
                table: format!("logs.{table}"),
                from_days,
                to_days,
                statement: format!(
                    "ALTER TABLE logs.{table} /*on-cluster*/ MODIFY TTL {time} + INTERVAL {to_days} DAY DELETE"
                ),
            })
        })
        .collect()
}

/// The days in a table's definition, which the server writes as `TTL … + toIntervalDay(90)`.
fn ttl_days(engine_full: &str) -> Option<u16> {
    let ttl = engine_full.split_once(" TTL ")?.1;
    let digits = ttl.split_once("toIntervalDay(")?.1;
    digits.split(')').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::files;
    use super::*;

    #[test]
    fn days_out_of_bounds_name_their_key() {
        assert_eq!(RetentionDays::default().problem(), None);
        let short = RetentionDays { logs: 7, ..RetentionDays::default() };
        assert_eq!(short.problem(), Some(("logs", "7 days is not between 30 and 180".to_owned())));
        let forgetful = RetentionDays { logs: 100, sync: 60, ..RetentionDays::default() };
        assert_eq!(forgetful.problem().unwrap().0, "sync");
    }

    #[test]
    fn the_files_create_tables_with_the_default_days() {
        let sql: String = files::all().iter().map(|file| file.sql).collect();
        for (table, time, days) in EXPIRIES {
            let definition = sql.split_once(&format!("logs.{table} /*on-cluster*/ (")).unwrap().1;
            let ttl = format!("TTL {time} + INTERVAL {} DAY DELETE", days(&RetentionDays::default()));
            let end = definition.find(";\n").unwrap();
            assert!(definition[..end].contains(&ttl), "{table} lacks {ttl}");
        }
    }

    #[test]
    fn only_what_differs_is_changed() {
        let tables = BTreeMap::from([(
            "app_logs".to_owned(),
            "MergeTree ORDER BY ts TTL toDateTime(ts) + toIntervalDay(90) SETTINGS a = 1".to_owned(),
        )]);
        assert_eq!(changes(&RetentionDays::default(), &tables), []);
        let wish = RetentionDays { logs: 60, ..RetentionDays::default() };
        let [change] = &changes(&wish, &tables)[..] else { panic!("one change expected") };
        assert_eq!((change.from_days, change.to_days), (Some(90), 60));
    }
}
