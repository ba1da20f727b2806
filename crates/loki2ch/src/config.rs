//! The configuration file.

use log_model::time;
use log_store::ClickHouseConfig;
use log_store::migrate::RetentionDays;
use loki_client::LokiConfig;
use serde::{Deserialize, Serialize};
use unit_kit::ConfigIssue;

/// Everything that can be set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the lines come from.
    pub loki: LokiConfig,
    /// Where they go.
    pub clickhouse: ClickHouseConfig,
    /// What is copied, and when.
    pub sync: SyncConfig,
    /// How the database is made.
    pub migrate: MigrateConfig,
    /// Days that rows are kept; `migrate` applies them.
    pub retention: RetentionDays,
}

/// `[sync]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyncConfig {
    /// LogQL selector of the streams to copy.
    pub selector: String,
    /// Name of this copy in the manifest; without it the tenant, else `loki`.
    pub source: Option<String>,
    /// Seconds that a window rests after its end before it is read, so that lines on their way arrive.
    pub grace_s: u64,
    /// Where the first sync starts, RFC 3339; without it, `first_lookback_h` ago.
    pub start: Option<String>,
    /// Hours that the first sync goes back.
    pub first_lookback_h: u64,
}

/// `[migrate]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MigrateConfig {
    /// Name of the cluster that the tables are replicated on; without it, a single server.
    pub cluster: Option<String>,
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self {
            // Every line of log-shipper has a host; LogQL wants one matcher that cannot be empty.
            selector: r#"{host=~".+"}"#.to_owned(),
            source: None,
            grace_s: 120,
            start: None,
            first_lookback_h: 24,
        }
    }
}

impl Config {
    /// The copy's name in the manifest.
    pub(crate) fn source(&self) -> &str {
        self.sync.source.as_deref().or(self.loki.tenant.as_deref()).unwrap_or("loki")
    }

    /// Where the first sync starts, if it is set; nanoseconds since the epoch.
    pub(crate) fn start(&self) -> Option<i64> {
        self.sync.start.as_deref().and_then(time::parse)
    }
}

impl unit_kit::Config for Config {
    fn validate(&self) -> Result<(), ConfigIssue> {
        if let Err(problem) = self.loki.validate() {
            return Err(ConfigIssue::new(format!("loki.{}", problem.key), problem.problem));
        }
        if let Some(problem) = self.clickhouse.url_problem() {
            return Err(ConfigIssue::new("clickhouse.url", problem));
        }
        if let Some((key, problem)) = self.retention.problem() {
            return Err(ConfigIssue::new(format!("retention.{key}"), problem));
        }
        if !self.sync.selector.trim_start().starts_with('{') || !self.sync.selector.contains('}') {
            let found = &self.sync.selector;
            return Err(ConfigIssue::new(
                "sync.selector",
                format!("is {found:?}, expected a LogQL selector"),
            )
            .with_hint(r#"the default is {host=~".+"}"#));
        }
        if let Some(start) = &self.sync.start
            && time::parse(start).is_none()
        {
            return Err(ConfigIssue::new(
                "sync.start",
                format!("is {start:?}, expected a time like 2026-01-02T03:04:05Z"),
            ));
        }
        if self.sync.grace_s > 3600 {
            return Err(ConfigIssue::new(
                "sync.grace_s",
                format!("is {} seconds, expected at most 3600", self.sync.grace_s),
            ));
        }
        if self.source().is_empty() {
            return Err(ConfigIssue::new("sync.source", "is empty, expected a name"));
        }
        let kept_h = u64::from(self.retention.logs) * 24;
        if self.sync.first_lookback_h >= kept_h {
            return Err(ConfigIssue::new(
                "sync.first_lookback_h",
                format!("is {} hours, but lines are kept for {kept_h}", self.sync.first_lookback_h),
            )
            .with_hint("lower it, or raise retention.logs"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unit_kit::Config as _;

    type Spoil = fn(&mut Config);

    #[test]
    fn the_default_works_and_wrong_values_name_their_key() {
        assert_eq!(Config::default().validate(), Ok(()));
        let wrong: [(&str, Spoil); 9] = [
            ("loki.url", |c| c.loki.url = "localhost".to_owned()),
            ("clickhouse.url", |c| c.clickhouse.url = "localhost:8123".to_owned()),
            ("retention.logs", |c| c.retention.logs = 365),
            ("sync.selector", |c| c.sync.selector = "host=gate".to_owned()),
            ("sync.selector", |c| c.sync.selector = "{".to_owned()),
            ("sync.start", |c| c.sync.start = Some("yesterday".to_owned())),
            ("sync.grace_s", |c| c.sync.grace_s = 7200),
            ("sync.source", |c| c.sync.source = Some(String::new())),
            ("sync.first_lookback_h", |c| c.sync.first_lookback_h = 24 * 90),
        ];
        for (key, spoil) in wrong {
            let mut config = Config::default();
            spoil(&mut config);
            assert_eq!(config.validate().unwrap_err().key, key);
        }
    }

    #[test]
    fn the_source_is_named_after_the_tenant_unless_it_has_a_name() {
        let mut config = Config::default();
        assert_eq!(config.source(), "loki");
        config.loki.tenant = Some("home".to_owned());
        assert_eq!(config.source(), "home");
        config.sync.source = Some("nas".to_owned());
        assert_eq!(config.source(), "nas");
    }
}
