//! `cargo xtask servers`: the engines' programs.

use crate::report::{ToStderr, say};
use anyhow::Context as _;
use serde_json::json;
use testkit::servers::{self, CATALOGUE, InstallError, Look, Server, State};
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
    state: Result<State, InstallError>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let wanted: Vec<&'static Server> =
        CATALOGUE.iter().filter(|server| args.only.as_ref().is_none_or(|only| only == server.name)).collect();
    let mut lines = Vec::new();
    for server in wanted {
        let state = if args.check { Ok(servers::state(server, Look::Thorough)?) } else { install(server) };
        lines.push(Line { server, state });
    }
    print(&lines, args.json)?;
    let all_there = lines.iter().all(|line| is_there(line.state.as_ref().ok()));
    if all_there {
        return Ok(Outcome::Done);
    }
    if args.check {
        return Ok(Outcome::NeedsEyes);
    }
    // The engine that everything needs, or the one that was asked for; the others' tests are skipped by name.
    let vital = |server: &Server| server.name == "libchdb" || args.only.is_some();
    let mut failed = lines.into_iter().filter_map(|line| line.state.err().map(|error| (line.server, error)));
    match failed.find(|(server, _)| vital(server)) {
        Some((_, error)) => Err(unit_kit::unavailable(error)),
        None => Ok(Outcome::Done),
    }
}

/// Installs the library of the embedded ClickHouse where no ClickHouse could be started without it.
pub(crate) fn require_clickhouse() -> anyhow::Result<()> {
    if testkit::clickhouse::missing().is_some() {
        let server = servers::find("libchdb").context("libchdb is in the catalogue")?;
        install(server).map_err(unit_kit::unavailable)?;
    }
    Ok(())
}

/// Installs what is missing of everything; what can't be installed is named, and its tests are skipped by name.
pub(crate) fn install_all() -> anyhow::Result<()> {
    for server in CATALOGUE {
        if let Err(error) = install(server) {
            if server.name == "libchdb" && testkit::clickhouse::missing().is_some() {
                return Err(unit_kit::unavailable(error));
            }
            let reason = unit_kit::render("xtask", &error.into());
            say(&format!("not installed, and the tests on it are skipped: {}", reason.trim_end()));
        }
    }
    Ok(())
}

fn install(server: &'static Server) -> Result<State, InstallError> {
    let report = ToStderr::new();
    let result = servers::install(server, &report);
    report.end();
    result
}

fn is_there(state: Option<&State>) -> bool {
    matches!(state, Some(State::Path { .. } | State::Cached { .. }))
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
    for line in lines {
        if let Err(error) = &line.state {
            say(unit_kit::render(line.server.name, &anyhow::anyhow!(chain(error))).trim_end());
        }
    }
    Ok(())
}

fn document(Line { server, state }: &Line) -> serde_json::Value {
    let mut document = match state {
        Ok(state) => json!(state),
        Err(error) => json!({ "state": "failed", "reason": chain(error) }),
    };
    document["name"] = server.name.into();
    document["version"] = server.version.into();
    document["programs"] = server.programs.into();
    document
}

/// An error with its causes.
fn chain(error: &InstallError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn known_server(name: &str) -> Result<String, String> {
    let Some(server) = servers::find(name) else {
        let names: Vec<&str> = CATALOGUE.iter().map(|server| server.name).collect();
        return Err(format!("no such server; there are {}", names.join(", ")));
    };
    Ok(server.name.to_owned())
}
