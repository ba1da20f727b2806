//! `/etc/yagura/anomaly-scan.toml`.

use log_store::ClickHouseConfig;
use serde::{Deserialize, Serialize};
use unit_kit::ConfigIssue;

use crate::detect::DAY;
use crate::detect::incident::Limits;
use crate::detect::judge::Settings;
use crate::wall::LinksConfig;

/// The configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the lines are and where incidents go.
    pub clickhouse: ClickHouseConfig,
    /// How strict the judge is.
    pub detect: DetectConfig,
    /// The message templates.
    pub templates: TemplatesConfig,
    /// Where the wall's links lead.
    pub links: LinksConfig,
}

/// The section `[detect]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectConfig {
    /// Days of history that an expectation rests on at most.
    pub history_days: u32,
    /// Minutes that a run judges again at least, for what arrived late.
    pub lookback_minutes: u32,
    /// How strict: 1 as measured, 2 twice as far from normal before it is written down.
    pub strictness: f32,
    /// New incidents that five minutes may open; the oddest go first.
    pub top_k: usize,
    /// Minutes without anything odd after which an incident is closed.
    pub cool_down_minutes: u32,
    /// Local time less UTC in minutes, which days and weeks are cut by; the machine's zone if unset.
    pub utc_offset_minutes: Option<i32>,
}

impl Default for DetectConfig {
    fn default() -> Self {
        Self {
            history_days: 28,
            lookback_minutes: 120,
            strictness: 1.0,
            top_k: 5,
            cool_down_minutes: 30,
            utc_offset_minutes: None,
        }
    }
}

/// The section `[templates]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TemplatesConfig {
    /// Days of lines that the first run reads to learn what is usual.
    pub history_days: u32,
    /// Templates that a service may have; lines beyond are counted as one.
    pub per_service: usize,
}

impl Default for TemplatesConfig {
    fn default() -> Self {
        Self { history_days: 14, per_service: 10_000 }
    }
}

impl DetectConfig {
    /// The judge's settings.
    pub(crate) fn settings(&self) -> Settings {
        let usual = Settings::default();
        Settings {
            history: self.history_days as usize * DAY,
            fire_now: usual.fire_now * self.strictness,
            fire_twice: usual.fire_twice * self.strictness,
            utc_offset_minutes: self
                .utc_offset_minutes
                .unwrap_or_else(|| chrono::Local::now().offset().local_minus_utc() / 60),
            ..usual
        }
    }

    /// How windows are joined.
    pub(crate) fn limits(&self) -> Limits {
        Limits { cool_down: i64::from(self.cool_down_minutes) * 60, top_k: self.top_k }
    }
}

impl unit_kit::Config for Config {
    fn validate(&self) -> Result<(), ConfigIssue> {
        let bounds = |key: &str, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(ConfigIssue::new(key, format!("is {value}, expected {low} to {high}")))
        };
        if let Some(problem) = self.clickhouse.url_problem() {
            return Err(ConfigIssue::new("clickhouse.url", problem));
        }
        let detect = &self.detect;
        bounds("detect.history_days", detect.history_days.into(), 4.0, 90.0)?;
        bounds("detect.lookback_minutes", detect.lookback_minutes.into(), 5.0, 1440.0)?;
        bounds("detect.strictness", detect.strictness.into(), 0.2, 10.0)?;
        bounds("detect.top_k", detect.top_k as f64, 1.0, 1000.0)?;
        bounds("detect.cool_down_minutes", detect.cool_down_minutes.into(), 5.0, 1440.0)?;
        if let Some(offset) = detect.utc_offset_minutes {
            bounds("detect.utc_offset_minutes", offset.into(), -900.0, 900.0)?;
        }
        bounds("templates.history_days", self.templates.history_days.into(), 1.0, 90.0)?;
        bounds("templates.per_service", self.templates.per_service as f64, 10.0, 100_000.0)?;
        self.links.validate()
    }
}
