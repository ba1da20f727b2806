//! What may stand where in the sources.
//!
//! Lines are looked at, not syntax: comments are passed over, and so is all that follows a file's `#[cfg(test)]`.

use super::workspace::{Package, Workspace, rust_files};
use super::{Finding, NEVER_SHIPPED, PURE, TOOLS, UNSAFE};
use anyhow::Context as _;
use regex::Regex;
use std::fs;
use std::path::Path;

/// Longest `main.rs` of a tool: it only says which tool it is.
const MAIN_LINES: usize = 15;

/// A pattern and where it may stand.
struct Rule {
    pattern: Regex,
    applies: fn(&str) -> bool,
    problem: &'static str,
}

pub(super) fn check(workspace: &Workspace) -> anyhow::Result<Vec<Finding>> {
    let rules = rules()?;
    let mut findings = Vec::new();
    for package in &workspace.packages {
        let Some(folder) = package.manifest_path.parent() else { continue };
        for file in rust_files(&folder.join("src"))? {
            let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
            let name = workspace.relative(&file);
            for (line, problem) in broken(&rules, &package.name, &text) {
                findings.push(Finding { place: format!("{name}:{line}"), problem: problem.to_owned() });
            }
        }
        findings.extend(check_main(workspace, package, folder)?);
    }
    Ok(findings)
}

fn rules() -> anyhow::Result<Vec<Rule>> {
    Ok(vec![
        Rule {
            pattern: Regex::new(r"\b(FROM|INTO|TABLE|JOIN|VIEW)\s+logs\.")?,
            applies: |name| name != "log-store" && !NEVER_SHIPPED.contains(&name),
            problem: "SQL on our tables stands in log-store only",
        },
        Rule {
            pattern: Regex::new(r"/loki/api/")?,
            applies: |name| name != "loki-client" && !NEVER_SHIPPED.contains(&name),
            problem: "Loki's HTTP API is spoken by loki-client only",
        },
        Rule {
            pattern: Regex::new(r"\benv::(var|vars|var_os|vars_os|args|set_var)\b")?,
            applies: |name| name != "unit-kit" && !NEVER_SHIPPED.contains(&name),
            problem: "the environment is read by unit-kit only",
        },
        Rule {
            pattern: Regex::new(r"\b(allow|expect)\(unsafe_code")?,
            applies: |name| !UNSAFE.contains(&name),
            problem: "unsafe code stands in journal and clickhouse-embedded only",
        },
        Rule {
            pattern: Regex::new(r"\bstd::(fs|env|net|process)\b|\b(SystemTime|Instant|Utc|Local)::now\b")?,
            applies: |name| PURE.contains(&name),
            problem: "a pure crate has no I/O, no environment and no clock: make it an argument",
        },
    ])
}

/// Line numbers of a crate's source that break a rule.
fn broken<'a>(rules: &'a [Rule], package: &str, text: &str) -> Vec<(usize, &'a str)> {
    let rules: Vec<&Rule> = rules.iter().filter(|rule| (rule.applies)(package)).collect();
    let code = text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    code.filter(|(_, line)| !line.trim_start().starts_with("//"))
        .flat_map(|(i, line)| {
            let broken = rules.iter().filter(|rule| rule.pattern.is_match(line));
            broken.map(move |rule| (i + 1, rule.problem)).collect::<Vec<_>>()
        })
        .collect()
}

fn check_main(workspace: &Workspace, package: &Package, folder: &Path) -> anyhow::Result<Option<Finding>> {
    if !TOOLS.contains(&package.name.as_str()) {
        return Ok(None);
    }
    let main = folder.join("src/main.rs");
    let text = fs::read_to_string(&main).with_context(|| format!("read {}", main.display()))?;
    let lines = text.lines().count();
    Ok((lines > MAIN_LINES).then(|| Finding {
        place: workspace.relative(&main),
        problem: format!(
            "has {lines} lines; a tool's main.rs has at most {MAIN_LINES} and calls its library"
        ),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(package: &str, text: &str) -> Vec<usize> {
        broken(&rules().unwrap(), package, text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn sql_outside_of_log_store_is_found() {
        let text = "// SELECT 1 FROM logs.app_logs\nlet sql = \"SELECT 1 FROM logs.app_logs\";\n";
        assert_eq!(lines("loki2ch", text), [2]);
        assert_eq!(lines("log-store", text), [0; 0]);
        assert_eq!(lines("testkit", text), [0; 0]);
    }

    #[test]
    fn a_clock_in_a_pure_crate_is_found_unless_it_is_a_tests() {
        assert_eq!(lines("log-model", "let now = Utc::now();\n"), [1]);
        assert_eq!(lines("loki2ch", "let now = Utc::now();\n"), [0; 0]);
        assert_eq!(lines("log-model", "#[cfg(test)]\nmod tests { fn f() { Utc::now(); } }\n"), [0; 0]);
    }

    #[test]
    fn reading_the_environment_outside_of_unit_kit_is_found() {
        assert_eq!(lines("loki2ch", "std::env::var(\"HOME\")"), [1]);
        assert_eq!(lines("unit-kit", "std::env::var(\"HOME\")"), [0; 0]);
    }
}
