//! Who may depend on whom.

use super::workspace::{Dependency, Package, Workspace};
use super::{Finding, NEVER_SHIPPED, PURE, TOOLS};

/// The libraries that tools are made of.
const LIBRARIES: [&str; 4] = ["unit-kit", "loki-client", "log-store", "journal"];

/// Crates that do I/O, keep time or draw randomness.
const IMPURE: [&str; 12] = [
    "axum",
    "clickhouse",
    "getrandom",
    "hyper",
    "hyper-util",
    "libc",
    "libloading",
    "object_store",
    "rand",
    "reqwest",
    "tempfile",
    "tokio",
];

pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        for dependency in &package.dependencies {
            if let Some(problem) = problem(package, dependency) {
                findings.push(Finding { place: workspace.relative(&package.manifest_path), problem });
            }
        }
    }
    findings
}

fn problem(package: &Package, dependency: &Dependency) -> Option<String> {
    let (from, to) = (package.name.as_str(), dependency.name.as_str());
    let in_tests = dependency.kind.as_deref() == Some("dev");
    if PURE.contains(&from) && !in_tests && IMPURE.contains(&to) {
        return Some(format!("`{from}` is pure and must not depend on `{to}`"));
    }
    if dependency.path.is_none() || NEVER_SHIPPED.contains(&from) {
        return None;
    }
    if NEVER_SHIPPED.contains(&to) {
        let allowed = in_tests && to == "testkit";
        return (!allowed)
            .then(|| format!("`{from}` is shipped and must not depend on `{to}`, which is not"));
    }
    if TOOLS.contains(&to) {
        return Some(format!(
            "`{from}` must not depend on the tool `{to}`: tools meet in Loki and ClickHouse"
        ));
    }
    let below = if TOOLS.contains(&from) {
        true
    } else if LIBRARIES.contains(&from) {
        PURE.contains(&to)
    } else {
        // Pure crates know nothing of each other.
        false
    };
    (!below && !in_tests).then(|| format!("`{from}` must not depend on `{to}`: dependencies point downward"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(from: &str, to: &str, kind: Option<&str>) -> Option<String> {
        let dependency =
            Dependency { name: to.to_owned(), kind: kind.map(str::to_owned), path: Some("crates".into()) };
        let package =
            Package { name: from.to_owned(), manifest_path: "Cargo.toml".into(), dependencies: Vec::new() };
        problem(&package, &dependency)
    }

    #[test]
    fn tools_stand_on_libraries_and_never_on_each_other() {
        assert_eq!(verdict("loki2ch", "log-store", None), None);
        assert_eq!(verdict("anomaly-scan", "log-templates", None), None);
        assert!(verdict("loki2ch", "log-shipper", None).is_some());
        assert!(verdict("loki2ch", "log-shipper", Some("dev")).is_some());
    }

    #[test]
    fn libraries_stand_on_the_model_only() {
        assert_eq!(verdict("log-store", "log-model", None), None);
        assert!(verdict("log-store", "loki-client", None).is_some());
        assert!(verdict("log-store", "anomaly-scan", None).is_some());
        assert!(verdict("log-model", "unit-kit", None).is_some());
    }

    #[test]
    fn what_is_shipped_uses_the_testkit_in_tests_only() {
        assert_eq!(verdict("loki2ch", "testkit", Some("dev")), None);
        assert!(verdict("loki2ch", "testkit", None).is_some());
        assert_eq!(verdict("xtask", "testkit", None), None);
    }

    #[test]
    fn pure_crates_do_no_input_or_output() {
        assert!(verdict("log-model", "tokio", None).is_some());
        assert_eq!(verdict("log-model", "tokio", Some("dev")), None);
    }
}
