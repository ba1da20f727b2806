//! Stops, crashes and refusals to start.

use std::process::Command;

use crate::harness::{library, server};

#[tokio::test]
async fn data_survives_an_orderly_stop_and_a_crash() {
    let mut server = server!("data_survives_an_orderly_stop_and_a_crash");
    server.sql("CREATE DATABASE logs").await;
    server
        .sql("CREATE TABLE logs.t (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS fsync_after_insert = 1")
        .await;
    server.sql("INSERT INTO logs.t VALUES (1)").await;
    assert!(server.terminate().success());
    server.start_again();
    server.sql("INSERT INTO logs.t VALUES (2)").await;
    server.kill9();
    server.start_again();
    server.sql("INSERT INTO logs.t VALUES (3)").await;
    assert_eq!(server.sql("SELECT groupArray(a) FROM (SELECT a FROM logs.t ORDER BY a)").await, "[1,2,3]\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_an_endless_query() {
    let mut server = server!("a_stop_does_not_wait_for_an_endless_query");
    let endless = server
        .post(&[])
        .body("SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sleepEachRow(0.001))");
    let endless = tokio::spawn(endless.send());
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert!(tokio::task::block_in_place(|| server.terminate()).success());
    endless.abort();
}

#[test]
fn a_second_process_is_refused_the_directory() {
    let Some(library) = library("a_second_process_is_refused_the_directory") else { return };
    let server = crate::harness::Server::start(&library, &[]);
    let output = Command::new(env!("CARGO_BIN_EXE_clickhouse-embedded"))
        .arg("--lib")
        .arg(&library)
        .arg("--path")
        .arg(server.data())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("hint: one process at a time can own a data directory"), "{stderr}");
}

#[test]
fn what_is_missing_is_named() {
    for (arguments, code, message) in [
        (
            &["--lib", "/nonexistent/libchdb.so"][..],
            75,
            "libchdb.so not found at /nonexistent/libchdb.so\nhint: run `cargo xtask servers`",
        ),
        (&["--lib", "/dev/null/x", "--listen", "192.0.2.1:1"], 1, "serves this machine only"),
        (&["--password-file", "/nonexistent/password"], 1, "cannot read /nonexistent/password"),
        (&["--listen", "here"], 2, "invalid value 'here'"),
    ] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_clickhouse-embedded")).args(arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(message), "{arguments:?}: {stderr}");
    }
}
