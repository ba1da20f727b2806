//! What every systemd tool of Yagura needs, once: configuration, secrets, logging, systemd notifications, run lock,
//! metrics, progress, output, and the meaning of exit codes.
//!
//! This is the only crate that reads the environment, credentials and signals, and the only one that decides how a
//! process ends. It knows nothing of Loki, ClickHouse or logs.
//!
//! # How a tool uses it
//!
//! ```no_run
//! use serde::{Deserialize, Serialize};
//! use unit_kit::{Config, ConfigIssue, Context, Outcome, ResultExt as _, Summary};
//!
//! /// src/lib.rs
//! pub struct Tool;
//!
//! #[derive(clap::Subcommand)]
//! pub enum Command {
//!     /// Copies what is new
//!     Sync,
//! }
//!
//! #[derive(Debug, Serialize, Deserialize)]
//! #[serde(deny_unknown_fields, default)]
//! pub struct Settings {
//!     /// How long a window rests before it is read, in seconds.
//!     pub grace_s: u64,
//!     pub password_file: Option<std::path::PathBuf>,
//! }
//!
//! impl Default for Settings {
//!     fn default() -> Self {
//!         Self { grace_s: 120, password_file: None }
//!     }
//! }
//!
//! impl Config for Settings {
//!     fn validate(&self) -> Result<(), ConfigIssue> {
//!         if self.grace_s > 3600 {
//!             return Err(ConfigIssue::new("grace_s", format!("is {}, expected at most 3600", self.grace_s)));
//!         }
//!         Ok(())
//!     }
//! }
//!
//! impl unit_kit::Tool for Tool {
//!     const NAME: &'static str = "copier";
//!     const ABOUT: &'static str = "Copies things";
//!     type Command = Command;
//!     type Config = Settings;
//!
//!     async fn run(ctx: Context<Settings>, command: Command) -> anyhow::Result<Outcome> {
//!         match command {
//!             Command::Sync => {
//!                 let _lock = ctx.lock()?; // exit 75, naming the holder, while another run has it
//!                 let metrics = ctx.metrics("copier"); // copier.prom is written when the run ends
//!                 let password = ctx.secret("copier-password", ctx.config.password_file.as_deref())?;
//!                 let rows = copy(password.as_ref()).or_unavailable()?; // exit 75
//!                 metrics.counter("copier_rows_total", "Rows copied", &[])?.add(&[], rows as f64);
//!                 ctx.set_rows(rows);
//!                 ctx.out.summary(&Summary::new("copied").field("rows", rows).took(ctx.started().elapsed()))?;
//!                 Ok(Outcome::Done)
//!             }
//!         }
//!     }
//! }
//!
//! # fn copy(_: Option<&unit_kit::Secret>) -> std::io::Result<u64> { Ok(0) }
//! /// src/main.rs
//! fn main() -> std::process::ExitCode {
//!     unit_kit::main::<Tool>()
//! }
//! ```

pub mod atomic;
pub mod config;
pub mod lock;
pub mod metrics;
pub mod output;
pub mod signals;

mod cli;
mod context;
mod fault;
mod logging;
mod notify;
mod progress;
mod secret;
mod tool;

pub use config::{Config, ConfigIssue, LogLevel, UnitConfig};
pub use context::Context;
pub use fault::{
    Fault, Outcome, ResultExt, config_error, exit_code_of, fault_of, render, unavailable, usage_error,
    with_hint,
};
pub use lock::RunLock;
pub use metrics::Metrics;
pub use notify::Notify;
pub use output::{Output, Summary, Table};
pub use progress::{Progress, ProgressFactory};
pub use secret::{Secret, SecretError};
pub use tool::{Tool, main};
