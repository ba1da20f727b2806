//! Command line and configuration.

use crate::generate;
use clap::Subcommand;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use unit_kit::{Context, Outcome};

/// The tool, for [`unit_kit::main`].
pub struct AlertTuner;

/// What it can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write the Loki ruler's rule file from the spec
    Generate(generate::Args),
}

/// `/etc/yagura/alert-tuner.toml`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The spec that rules are made from; without one, the built-in spec for all services.
    pub spec_file: Option<PathBuf>,
}

impl unit_kit::Config for Config {}

impl unit_kit::Tool for AlertTuner {
    const NAME: &'static str = "alert-tuner";
    const ABOUT: &'static str = "Alert rules that mean something: two stages, from one spec";
    type Command = Command;
    type Config = Config;

    async fn run(context: Context<Config>, command: Command) -> anyhow::Result<Outcome> {
        match command {
            Command::Generate(args) => generate::run(&context, &args),
        }
    }
}
