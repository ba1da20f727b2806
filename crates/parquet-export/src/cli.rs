//! Command line and configuration.

use crate::run;
use clap::Subcommand;
use log_store::ClickHouseConfig;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use unit_kit::{ConfigIssue, Context, Outcome};

/// The tool, for [`unit_kit::main`].
pub struct ParquetExport;

/// What it can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write one week of the lines as Parquet
    Run(run::Args),
}

/// `/etc/yagura/parquet-export.toml`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The database.
    pub clickhouse: ClickHouseConfig,
    /// Where sets go, and how.
    pub export: ExportConfig,
}

/// Section `[export]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExportConfig {
    /// Directory of the archive.
    pub directory: PathBuf,
    /// Zstandard level, 1 to 22: higher is smaller and slower.
    pub zstd_level: i32,
}

impl Default for ExportConfig {
    fn default() -> Self {
        Self { directory: PathBuf::from("/var/lib/yagura/archive"), zstd_level: 3 }
    }
}

impl unit_kit::Config for Config {
    fn validate(&self) -> Result<(), ConfigIssue> {
        if let Some(problem) = self.clickhouse.url_problem() {
            return Err(ConfigIssue::new("clickhouse.url", problem));
        }
        if !(1..=22).contains(&self.export.zstd_level) {
            let problem = format!("is {}, expected 1 to 22", self.export.zstd_level);
            return Err(ConfigIssue::new("export.zstd_level", problem));
        }
        Ok(())
    }
}

impl unit_kit::Tool for ParquetExport {
    const NAME: &'static str = "parquet-export";
    const ABOUT: &'static str = "The archive: closed weeks of the logs as Parquet, with proof";
    type Command = Command;
    type Config = Config;

    async fn run(context: Context<Config>, command: Command) -> anyhow::Result<Outcome> {
        match command {
            Command::Run(args) => run::run(&context, &args).await,
        }
    }
}
