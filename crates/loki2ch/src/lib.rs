//! Copies Loki's lines to ClickHouse, provably complete.
//!
//! The unit of the copy is a **window** of five aligned minutes. A window is read from Loki by counting,
//! compared with what ClickHouse has by event id, completed by a **batch**, and counted back; only then
//! does the manifest (`logs.sync_windows`) call it verified. The checkpoint is the contiguous verified
//! prefix of windows, not a timestamp, so nothing is lost by stopping anywhere.

mod batch_id;
mod cli;
mod commit;
mod config;
mod connect;
mod copy;
mod journal;
mod late;
mod migrate;
mod status;
mod sync;
mod verify;

pub use cli::Command;
pub use config::Config;

use unit_kit::{Context, Outcome};

/// The program.
#[derive(Debug)]
pub struct Tool;

impl unit_kit::Tool for Tool {
    const NAME: &'static str = "loki2ch";
    const ABOUT: &'static str = "Copies Loki's lines to ClickHouse, provably complete";
    type Command = Command;
    type Config = Config;

    async fn run(ctx: Context<Config>, command: Command) -> anyhow::Result<Outcome> {
        match command {
            Command::Migrate(args) => migrate::run(&ctx, &args).await,
            Command::Sync(args) => sync::run(&ctx, &args).await,
            Command::Status => status::run(&ctx).await,
            Command::Verify(args) => verify::run(&ctx, &args).await,
        }
    }

    fn overrides(command: &Command) -> Vec<(&'static str, &'static str, String)> {
        match command {
            Command::Migrate(cli::MigrateArgs { cluster: Some(name), .. }) => {
                vec![("--cluster", "migrate.cluster", name.clone())]
            }
            _ => Vec::new(),
        }
    }
}
