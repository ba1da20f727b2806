//! The `clickhouse` crate, as the tools use it.

use clickhouse::{Client, Compression, Row};
use serde::{Deserialize, Serialize};

use crate::harness::{Server, server};

#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
struct Line {
    n: u64,
    text: String,
    maybe: Option<f32>,
    tags: Vec<(String, String)>,
}

#[derive(Row, Serialize)]
struct Number {
    n: u64,
}

fn lines(count: u64) -> Vec<Line> {
    (0..count)
        .map(|n| Line {
            n,
            text: format!("\n\n{n}\r\n\n"),
            maybe: (n % 3 == 0).then_some(n as f32),
            tags: vec![("k".to_owned(), n.to_string())],
        })
        .collect()
}

fn client(server: &Server, compression: Compression) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::default().with_url(&server.url).with_compression(compression)
}

#[tokio::test]
async fn rows_come_back_as_they_were_inserted() {
    let server = server!("rows_come_back_as_they_were_inserted");
    for compression in [Compression::Lz4, Compression::None] {
        let client = client(&server, compression);
        client.query("DROP TABLE IF EXISTS t").execute().await.unwrap();
        let ddl = "CREATE TABLE t (n UInt64, text String, maybe Nullable(Float32), tags Map(String, String)) \
                   ENGINE = MergeTree ORDER BY n";
        client.query(ddl).execute().await.unwrap();
        let rows = lines(20_000);
        let mut insert = client.insert::<Line>("t").await.unwrap();
        for row in &rows {
            insert.write(row).await.unwrap();
        }
        insert.end().await.unwrap();
        let back = client.query("SELECT ?fields FROM t ORDER BY n").fetch_all::<Line>().await.unwrap();
        assert!(back == rows, "{compression:?}");
        let query = "SELECT count() FROM t WHERE text = {text:String} AND n < {n:UInt64}";
        let count = client
            .query(query)
            .param("text", "\n\n7\r\n\n")
            .param("n", 100)
            .fetch_one::<u64>()
            .await
            .unwrap();
        assert_eq!(count, 1, "{compression:?}");
        let bound =
            client.query("SELECT text FROM t WHERE n = ?").bind(5).fetch_one::<String>().await.unwrap();
        assert_eq!(bound, "\n\n5\r\n\n");
    }
}

#[tokio::test]
async fn errors_reach_the_client_before_and_after_data() {
    let server = server!("errors_reach_the_client_before_and_after_data");
    for compression in [Compression::Lz4, Compression::None] {
        let client = client(&server, compression);
        let early = client.query("SELECT * FROM nope").fetch_all::<u64>().await.unwrap_err().to_string();
        assert!(early.contains("Code: 60.") && early.contains("(UNKNOWN_TABLE)"), "{early}");
        let mut cursor = client
            .query("SELECT toUInt64(number + throwIf(number = 3000000)) FROM numbers(10000000)")
            .fetch::<u64>()
            .unwrap();
        let mut rows = 0;
        let late = loop {
            match cursor.next().await {
                Ok(Some(_)) => rows += 1,
                Ok(None) => panic!("{rows} rows taken for the whole result"),
                Err(error) => break error.to_string(),
            }
        };
        assert!(rows > 0);
        assert!(late.contains("Code: 395."), "{late}");
    }
}

#[tokio::test]
async fn settings_of_the_client_hold_for_its_inserts() {
    let server = server!("settings_of_the_client_hold_for_its_inserts");
    let client = client(&server, Compression::Lz4);
    let ddl = "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100";
    client.query(ddl).execute().await.unwrap();
    for token in ["a#1", "a#1", "a#2"] {
        let client = client
            .clone()
            .with_setting("insert_deduplication_token", token)
            .with_setting("async_insert", "0")
            .with_setting("wait_end_of_query", "1")
            .with_setting("query_id", format!("batch-{token}"));
        let mut insert = client.insert::<Number>("t").await.unwrap();
        insert.write(&Number { n: 1 }).await.unwrap();
        insert.end().await.unwrap();
    }
    assert_eq!(server.sql("SELECT count() FROM t").await, "2\n");
}
