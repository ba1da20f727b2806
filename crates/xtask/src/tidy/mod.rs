//! `cargo xtask tidy`: the rules on crates that no compiler checks. docs/ARCHITECTURE.md says them in words.

mod dependencies;
mod sources;
mod workspace;

use std::fmt;
use unit_kit::{Outcome, Output};
use workspace::Workspace;

/// The tools. They meet in Loki, in ClickHouse and in the file system, never in code.
const TOOLS: [&str; 5] = ["log-shipper", "loki2ch", "anomaly-scan", "parquet-export", "alert-tuner"];
/// No I/O, no clock, no environment: time and seeds are arguments.
const PURE: [&str; 3] = ["log-model", "isolation-forest", "log-templates"];
/// Where unsafe code may stand: what is behind it are C libraries loaded at run time.
const UNSAFE: [&str; 2] = ["journal", "clickhouse-embedded"];
/// Never shipped: tests, engines and chores, which may look at everything.
const NEVER_SHIPPED: [&str; 4] = ["clickhouse-embedded", "testkit", "xtask", "e2e"];

/// A broken rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// File, with the line if there is one, relative to the workspace.
    place: String,
    problem: String,
}

pub(crate) fn run() -> anyhow::Result<Outcome> {
    let workspace = Workspace::read()?;
    let findings = check(&workspace)?;
    let out = Output::stdout();
    for finding in &findings {
        out.line(finding)?;
    }
    if findings.is_empty() {
        out.line(format_args!("tidy crates={}", workspace.packages.len()))?;
        return Ok(Outcome::Done);
    }
    anyhow::bail!("{} rules on crates are broken", findings.len())
}

fn check(workspace: &Workspace) -> anyhow::Result<Vec<Finding>> {
    let mut findings = dependencies::check(workspace);
    findings.extend(workspace.check_manifests()?);
    findings.extend(sources::check(workspace)?);
    Ok(findings)
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_keeps_its_rules() {
        let findings = check(&Workspace::read().unwrap()).unwrap();
        let text: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert!(findings.is_empty(), "{}", text.join("\n"));
    }
}
