//! Finds the few things worth knowing in the logs, and says why.
//!
//! [`detect`] is pure and does the judging; `history` and `mine` fetch what it needs, `explain` and `record`
//! turn its incidents into rows; one module per subcommand ties them together.

mod cli;
mod config;
pub mod details;
pub mod detect;
mod explain;
mod history;
mod mine;
mod record;
mod scan;
mod status;
mod templates;
pub mod wall;

pub use cli::{AnomalyScan, Command};
pub use config::Config;
