//! `cargo xtask demo` before it does anything; the whole of it is in `tests/e2e/demo.rs`.

use std::process::Command;

#[test]
fn a_file_that_is_not_there_is_named_before_anything_is_built() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["demo", "--from", "/nowhere/at-all.log"])
        .env("CARGO", "/nowhere/cargo")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("/nowhere/at-all.log"), "{stderr}");
}

#[test]
fn a_time_that_loki_would_refuse_is_a_matter_of_usage() {
    for at in ["2005-06-14T15:16:01Z", "2100-01-01T00:00:00Z", "soon"] {
        let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(["demo", "--at", at]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(at), "{stderr}");
    }
}
