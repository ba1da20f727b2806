//! `cargo xtask up`: engines for whoever wants to try something.

use crate::demo::{running_in, skipped, xtask};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

#[tokio::test(flavor = "multi_thread")]
async fn up_prints_one_line_once_all_engines_answer_and_sigterm_ends_them() {
    if skipped("up_prints_one_line_once_all_engines_answer_and_sigterm_ends_them") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let mut up = xtask(scratch.path())
        .args(["up", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(up.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let engines: Value = serde_json::from_str(&line).unwrap();

    let http = testkit::http();
    for (engine, path) in [("clickhouse", "ping"), ("loki", "ready")] {
        let url = format!("{}/{path}", engines[engine]["url"].as_str().unwrap());
        assert!(http.get(&url).send().await.unwrap().status().is_success(), "{url}");
        assert!(engines[engine]["kind"].is_string(), "{engines}");
    }
    assert!(engines["s3"]["url"].is_string(), "{engines}");

    assert!(Command::new("kill").args(["-s", "TERM", &up.id().to_string()]).status().unwrap().success());
    assert!(up.wait().unwrap().success());
    assert_eq!(running_in(scratch.path()), Vec::<String>::new());
}
