//! Large results: streamed, bounded, one document, and not mistaken for whole when they are not.

use futures_util::StreamExt as _;

use crate::harness::{Server, server};

/// Resident memory in MiB: (now, highest).
fn memory(server: &Server) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let field = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    };
    (field("VmRSS:"), field("VmHWM:"))
}

#[tokio::test]
async fn a_large_result_needs_little_memory() {
    let server = server!("a_large_result_needs_little_memory");
    let (before, _) = memory(&server);
    let response =
        server.post(&[]).body("SELECT number, 'some text that makes it large' FROM numbers(20000000)").send();
    let mut pieces = response.await.unwrap().bytes_stream();
    let (mut bytes, mut lines) = (0, 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.unwrap();
        bytes += piece.len();
        lines += piece.split(|c| *c == b'\n').count() - 1;
    }
    assert_eq!(lines, 20_000_000);
    assert!(bytes > 700 << 20, "{bytes}");
    let (_, highest) = memory(&server);
    assert!(highest < before + 200, "{before} MiB before, {highest} MiB at most");
}

#[tokio::test]
async fn a_result_of_many_blocks_is_one_document() {
    let server = server!("a_result_of_many_blocks_is_one_document");
    let sql = |format: &str| format!("SELECT number FROM numbers(300000) FORMAT {format}");
    let json: serde_json::Value = serde_json::from_str(&server.sql(&sql("JSONCompact")).await).unwrap();
    assert_eq!(
        (json["rows"].as_u64(), json["data"].as_array().map(Vec::len)),
        (Some(300_000), Some(300_000))
    );
    let csv = server.sql(&sql("CSVWithNames")).await;
    assert_eq!(csv.matches("number").count(), 1);
    let response = server.post(&[]).body(sql("Parquet")).send().await.unwrap();
    let parquet = response.bytes().await.unwrap();
    assert_eq!(parquet.windows(4).filter(|window| *window == b"PAR1").count(), 2);
}

#[tokio::test]
async fn a_late_error_breaks_the_answer() {
    let server = server!("a_late_error_breaks_the_answer");
    let sql = "SELECT throwIf(number = 3000000) FROM numbers(10000000)";
    let response = server.post(&[]).body(sql).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let tag = response.headers()["x-clickhouse-exception-tag"].to_str().unwrap().to_owned();
    let mut pieces = response.bytes_stream();
    let (mut text, mut broken) = (Vec::new(), false);
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => text.extend_from_slice(&piece),
            Err(_) => broken = true,
        }
    }
    assert!(broken, "a client that knows no tags must notice");
    let text = String::from_utf8(text).unwrap();
    let (_, trailer) = text.split_once("\r\n__exception__\r\n").unwrap();
    assert!(trailer.starts_with(&format!("{tag}\r\nCode: 395. DB::Exception: ")), "{trailer}");
    assert!(trailer.ends_with(&format!(" {tag}\r\n__exception__\r\n")), "{trailer}");
    // Held back until the end, the same error has a status.
    let answer = server.answer(server.post(&[("wait_end_of_query", "1")]).body(sql)).await;
    assert_eq!((answer.status, answer.header("x-clickhouse-exception-code")), (500, "395"));
    assert!(answer.text.starts_with("Code: 395."));
}

#[tokio::test]
async fn a_query_ends_when_its_client_leaves() {
    let server = server!("a_query_ends_when_its_client_leaves");
    let response = server.post(&[]).body("SELECT number FROM numbers(1000000000000)").send().await.unwrap();
    let mut pieces = response.bytes_stream();
    assert!(!pieces.next().await.unwrap().unwrap().is_empty());
    drop(pieces);
    for _ in 0..100 {
        if server.sql("SELECT count() FROM system.processes WHERE query LIKE '%numbers(10000%'").await
            == "1\n"
        {
            return; // the question itself
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("still running after five seconds");
}
