//! Command line.

use clap::Subcommand;
use log_store::{Store, migrate};
use unit_kit::{Context, Outcome};

use crate::config::Config;
use crate::{scan, status, templates, wall};

/// The tool, for [`unit_kit::main`].
#[derive(Debug)]
pub struct AnomalyScan;

/// What it can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge what is new and write incidents
    Scan(scan::Args),
    /// Show services over time and what was odd, as text, JSON or a page
    Wall(wall::Args),
    /// List the message templates
    Templates(templates::Args),
    /// Say what is known of each service, and what is going on
    Status,
}

impl unit_kit::Tool for AnomalyScan {
    const NAME: &'static str = "anomaly-scan";
    const ABOUT: &'static str = "Finds the few things worth knowing in the logs, and says why";
    type Command = Command;
    type Config = Config;

    async fn run(ctx: Context<Config>, command: Command) -> anyhow::Result<Outcome> {
        match command {
            Command::Scan(args) => scan::run(&ctx, &args).await,
            Command::Wall(args) => wall::run(&ctx, &args).await,
            Command::Templates(args) => match &args.from_file {
                Some(file) => templates::from_file(&ctx, file, args.limit),
                None => templates::run(&ctx, &migrated(&ctx).await?, args.limit).await,
            },
            Command::Status => status::run(&ctx, &migrated(&ctx).await?).await,
        }
    }
}

fn store(ctx: &Context<Config>) -> anyhow::Result<Store> {
    let clickhouse = &ctx.config.clickhouse;
    let password = ctx.secret("clickhouse-password", clickhouse.password_file.as_deref())?;
    let store = Store::new(clickhouse, password.as_ref().map(unit_kit::Secret::expose));
    store.map_err(mark)
}

/// The database, once it is sure that its tables are those of this version.
pub(crate) async fn migrated(ctx: &Context<Config>) -> anyhow::Result<Store> {
    let store = store(ctx)?;
    migrate::require_current(&store).await.map_err(mark)?;
    Ok(store)
}

/// Gives an error of the store the exit code that it asks for.
pub(crate) fn mark(error: log_store::Error) -> anyhow::Error {
    if error.is_unavailable() {
        unit_kit::unavailable(error)
    } else if error.is_config() {
        unit_kit::config_error(error)
    } else {
        error.into()
    }
}
