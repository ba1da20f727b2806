//! The real binary's rule file in front of Loki's own judges.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;
use testkit::{loki::Loki, servers};

/// Every kind of rule that a spec can ask for.
const SPEC: &str = r#"
hosts = ["homeMachine", "nixos-desktop"]

[[burst]]
name = "LogErrorBurst"
short = 12
for = "1m"

[[burst]]
name = "RouterErrors"
services = ["firewall", "dhcp.server"]
short = 5
rho = 1.5
severity = "critical"

[[ratio]]
name = "WebErrorRatio"
services = ["nginx"]
short = 0.10
long = 0.05
"#;

fn generate(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_alert-tuner"))
        .arg("generate")
        .args(args)
        .arg("--state-dir")
        .arg(dir.join("state"))
        .output()
        .unwrap()
}

fn rule_file(dir: &Path, name: &str) -> std::path::PathBuf {
    let spec = dir.join("alerts.toml");
    std::fs::write(&spec, SPEC).unwrap();
    let out = dir.join(name);
    let output = generate(dir, &["--spec", spec.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    out
}

#[test]
fn lokitool_accepts_the_rule_file() {
    let Some(lokitool) = servers::locate("lokitool") else {
        return eprintln!(
            "skipped: lokitool_accepts_the_rule_file: no lokitool, `cargo xtask servers` builds it"
        );
    };
    let dir = tempfile::tempdir().unwrap();
    let file = rule_file(dir.path(), "rules.yaml");
    for verb in ["lint", "check"] {
        let output = Command::new(&lokitool).args(["rules", verb]).arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "lokitool rules {verb}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ruler_evaluates_every_rule_without_an_error() {
    let Some(loki) = Loki::start_real().await.unwrap() else {
        return eprintln!("skipped: the_ruler_evaluates_every_rule_without_an_error: no loki");
    };
    let dir = tempfile::tempdir().unwrap();
    let file = rule_file(dir.path(), "rules.yaml");
    std::fs::create_dir_all(loki.rules_dir().unwrap()).unwrap();
    std::fs::copy(&file, loki.rules_dir().unwrap().join("yagura.yaml")).unwrap();

    let url = format!("{}/prometheus/api/v1/rules", loki.url);
    let http = testkit::http();
    let deadline = std::time::Instant::now() + Duration::from_mins(3);
    let rules = loop {
        let answer: serde_json::Value = http.get(&url).send().await.unwrap().json().await.unwrap();
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        let rules: Vec<_> =
            groups.iter().filter_map(|group| group["rules"].as_array()).flatten().cloned().collect();
        let evaluated = rules.iter().all(|rule| rule["health"] != "unknown");
        if !rules.is_empty() && evaluated {
            break rules;
        }
        assert!(std::time::Instant::now() < deadline, "the ruler has not evaluated the rules: {answer}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let found: Vec<_> =
        rules.iter().map(|rule| (rule["name"].as_str().unwrap(), rule["lastError"].as_str())).collect();
    assert_eq!(rules.len(), 6, "{found:?}");
    assert!(rules.iter().all(|rule| rule["health"] == "ok"), "{found:?}");
}

#[test]
fn the_same_spec_twice_changes_nothing_and_a_dry_run_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("rules.yaml");
    let args = ["--out", out.to_str().unwrap(), "--json"];
    let action = |output: Output| {
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["action"].clone()
    };
    assert_eq!(action(generate(dir.path(), &[&args[..], &["--dry-run"]].concat())), "would write");
    assert!(!out.exists());
    assert_eq!(action(generate(dir.path(), &args)), "wrote");
    assert_eq!(action(generate(dir.path(), &args)), "unchanged");
}

#[test]
fn a_bad_spec_exits_78_and_says_where() {
    let dir = tempfile::tempdir().unwrap();
    let spec = dir.path().join("alerts.toml");
    std::fs::write(&spec, "[[burst]]\nname = \"A\"\nshort = 10\nrho = 9.0\nserverity = \"page\"\n").unwrap();
    let output = generate(dir.path(), &["--spec", spec.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("alerts.toml: line") && said.contains("serverity"), "{said}");
}
