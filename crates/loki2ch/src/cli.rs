//! The command line.

use clap::{Args, Subcommand};
use log_model::time;

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Brings the database to the schema of this version
    Migrate(MigrateArgs),
    /// Copies what ClickHouse lacks, window by window
    Sync(SyncArgs),
    /// Shows how far the copy is, and which windows need eyes
    Status,
    /// Compares Loki and ClickHouse line by line (exit code 3 if they differ)
    Verify(VerifyArgs),
}

/// `migrate`
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Create replicated tables on all servers of this cluster
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// Print the SQL that would run, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `sync`
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Sync as if it were this time (RFC 3339, or seconds since the epoch)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub at: Option<i64>,
    /// Sync the windows from this time on, whatever was synced before
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub from: Option<i64>,
    /// Sync the windows before this time only
    #[arg(long, value_name = "TIME", value_parser = parse_time, requires = "from")]
    pub to: Option<i64>,
}

/// `verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Start; without it, 24 hours before the end
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub from: Option<i64>,
    /// End; without it, the end of the last window that is over
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub to: Option<i64>,
    /// Compare the minute aggregate with the lines instead
    #[arg(long)]
    pub aggregate: bool,
}

fn parse_time(text: &str) -> Result<i64, String> {
    time::parse(text).ok_or_else(|| "expected a time like 2026-01-02T03:04:05Z".to_owned())
}
