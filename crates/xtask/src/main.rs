//! Project chores: `cargo xtask COMMAND`.

mod demo;
mod report;
mod servers;
mod test;
mod tidy;
mod up;

use clap::{Parser, Subcommand};
use std::io::Write as _;
use std::process::ExitCode;
use unit_kit::Outcome;

/// Project chores: engines, tests, tidiness
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install the engines' programs into the user's cache folder
    Servers(servers::Args),
    /// Ship, store, judge and draw believable logs, or your own, on engines of its own
    Demo(demo::Args),
    /// Start the engines, print their URLs, stop them on Ctrl-C or SIGTERM
    Up(up::Args),
    /// Run every check: format, lints, tests on real engines, crate rules, licences, docs
    Test(test::Args),
    /// Check the rules on crates: who depends on whom, where SQL and unsafe code stand
    Tidy,
}

fn main() -> ExitCode {
    testkit::install_tls();
    match run(Cli::parse().command) {
        Ok(outcome) => ExitCode::from(outcome.exit_code()),
        Err(error) => {
            // Nobody is left to tell when stderr is closed.
            let _ = std::io::stderr().write_all(unit_kit::render("xtask", &error).as_bytes());
            ExitCode::from(unit_kit::exit_code_of(&error))
        }
    }
}

fn run(command: Command) -> anyhow::Result<Outcome> {
    match command {
        Command::Servers(args) => servers::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Up(args) => up::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Tidy => tidy::run(),
    }
}
