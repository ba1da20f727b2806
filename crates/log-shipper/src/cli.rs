//! Command line and configuration.

use crate::run;
use crate::times::Timestamps;
use clap::Subcommand;
use log_model::parse::Format;
use loki_client::LokiConfig;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;
use unit_kit::{ConfigIssue, Context, Outcome};

/// The tool, for [`unit_kit::main`].
pub struct LogShipper;

/// What it can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ship files to Loki
    Run(RunArgs),
}

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Read the files once, from start to end, and stop
    #[arg(long, required = true)]
    pub once: bool,
    /// How the lines look: auto, plain, nginx, json or syslog
    #[arg(long, default_value_t)]
    pub format: Format,
    /// Host that the lines come from (default: this machine)
    #[arg(long)]
    pub host: Option<String>,
    /// Service of lines that name none (default: nginx for access logs, else from the file's name)
    #[arg(long)]
    pub service: Option<String>,
    /// systemd unit of the lines (default: none)
    #[arg(long)]
    pub unit: Option<String>,
    /// `keep`, `now`, or a time: moves each file so that its newest line is at that time
    #[arg(long, default_value_t)]
    pub timestamps: Timestamps,
    /// With moved timestamps: squeeze a longer file into this much time (90s, 15m, 6h, 7d)
    #[arg(long, requires = "timestamps", value_parser = crate::times::parse_duration)]
    pub within: Option<Duration>,
    /// Files; `.gz` is unpacked
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// `/etc/yagura/log-shipper.toml`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where lines go.
    pub loki: LokiConfig,
    /// Host label; this machine's name if unset.
    pub host: Option<String>,
}

impl unit_kit::Config for Config {
    fn validate(&self) -> Result<(), ConfigIssue> {
        if self.host.as_deref() == Some("") {
            return Err(ConfigIssue::new("host", "is empty, expected a name").with_hint("leave it out"));
        }
        self.loki
            .validate()
            .map_err(|problem| ConfigIssue::new(format!("loki.{}", problem.key), problem.problem))
    }
}

impl unit_kit::Tool for LogShipper {
    const NAME: &'static str = "log-shipper";
    const ABOUT: &'static str = "Collects log lines and ships them to Loki";
    type Command = Command;
    type Config = Config;

    async fn run(ctx: Context<Config>, command: Command) -> anyhow::Result<Outcome> {
        match command {
            Command::Run(args) => run::once(&ctx, &args).await,
        }
    }

    fn overrides(command: &Command) -> Vec<(&'static str, &'static str, String)> {
        let Command::Run(args) = command;
        args.host.iter().map(|host| ("--host", "host", host.clone())).collect()
    }
}
