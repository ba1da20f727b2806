//! `cargo xtask servers`: the engines' programs.

use crate::report::{ToStderr, say};
use anyhow::Context as _;
use serde_json::json;
use testkit::servers::{self, CATALOGUE, Look, Server, State};
use unit_kit::{Outcome, Output, Table};

/// Programs that are on PATH in a good version are left alone; the rest is downloaded or built once, into
/// `yagura/servers` in the user's cache folder (`YAGURA_SERVERS` names another)
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Only this server
    #[arg(long, value_name = "NAME", value_parser = known_server)]
    only: Option<String>,
    /// Install nothing: verify what is there, checksums included; exit 3 when something is missing or damaged
    #[arg(long)]
    check: bool,
}

/// A server and what became of it.
struct Line {
    server: &'static Server,
    state: anyhow::Result<State>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let mut lines = Vec::new();
    for server in CATALOGUE.iter().filter(|server| args.only.as_ref().is_none_or(|only| only == server.name))
    {
        let state =
            if args.check { servers::state(server, Look::Thorough) } else { install(server, Look::Thorough) };
        lines.push(Line { server, state });
    }
    print(&lines, args.json)?;
    // Without the engine that everything needs, or the one that was asked for, this has failed.
    let no_clickhouse = testkit::clickhouse::missing().is_some();
    let vital =
        |line: &Line| args.check || args.only.is_some() || (no_clickhouse && line.server.name == "libchdb");
    for line in lines.iter().filter(|line| !vital(line)) {
        if let Err(error) = &line.state {
            say(unit_kit::render("xtask", error).trim_end());
        }
    }
    let whole = lines.iter().all(|line| is_there(&line.state));
    if let Some(error) = lines.into_iter().filter(vital).find_map(|line| line.state.err()) {
        return Err(error);
    }
    Ok(if args.check && !whole { Outcome::NeedsEyes } else { Outcome::Done })
}

/// Installs what is missing of everything; what can't be installed is named, and its tests are skipped by name.
pub(crate) fn install_all() -> anyhow::Result<()> {
    for server in CATALOGUE {
        if let Err(error) = install(server, Look::Quick) {
            if server.name == "libchdb" && testkit::clickhouse::missing().is_some() {
                return Err(error);
            }
            say(&format!("{} is not installed, and the tests on it are skipped", server.name));
            say(unit_kit::render("xtask", &error).trim_end());
        }
    }
    Ok(())
}

/// Makes sure that a ClickHouse can be started, downloading its library where that is missing.
pub(crate) fn require_clickhouse() -> anyhow::Result<()> {
    if testkit::clickhouse::missing().is_some() {
        install(servers::find("libchdb").context("libchdb is in the catalogue")?, Look::Quick)?;
    }
    Ok(())
}

/// Installs a server, showing how it goes.
fn install(server: &'static Server, look: Look) -> anyhow::Result<State> {
    let report = ToStderr::new();
    let result = servers::install(server, look, &report);
    report.end();
    result.map_err(|error| if error.is_unavailable() { unit_kit::unavailable(error) } else { error.into() })
}

fn is_there(state: &anyhow::Result<State>) -> bool {
    matches!(state, Ok(State::Path { .. } | State::Cached { .. }))
}

fn print(lines: &[Line], as_json: bool) -> anyhow::Result<()> {
    let out = Output::stdout();
    if as_json {
        let documents: Vec<_> = lines.iter().map(document).collect();
        out.json(&json!({ "folder": servers::folder()?, "servers": documents }))?;
        return Ok(());
    }
    let mut table = Table::new(["server", "version", "state", "where"]);
    for Line { server, state } in lines {
        let (state, place) = match state {
            Ok(State::Path { folder }) => ("on PATH", folder.display().to_string()),
            Ok(State::Cached { folder }) => ("installed", folder.display().to_string()),
            Ok(State::Missing) => ("missing", format!("needed for {}", server.purpose)),
            Ok(State::Damaged { reason }) => ("damaged", reason.clone()),
            Err(_) => ("not installed", format!("needed for {}", server.purpose)),
        };
        table.row([server.name, server.version, state, &place]);
    }
    out.table(&table)?;
    Ok(())
}

fn document(Line { server, state }: &Line) -> serde_json::Value {
    let mut document = match state {
        Ok(state) => json!(state),
        Err(error) => json!({ "state": "failed", "reason": format!("{error:#}") }),
    };
    document["name"] = server.name.into();
    document["version"] = server.version.into();
    document["programs"] = server.programs.into();
    document
}

fn known_server(name: &str) -> Result<String, String> {
    let Some(server) = servers::find(name) else {
        let names: Vec<&str> = CATALOGUE.iter().map(|server| server.name).collect();
        return Err(format!("no such server; there are {}", names.join(", ")));
    };
    Ok(server.name.to_owned())
}
