//! Rows of an INSERT arrive whole, whatever bytes they are of.

use crate::harness::server;

const TABLE: &str = "CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a";

/// 3000 rows of `RowBinary` with blank lines in every one.
fn row_binary() -> Vec<u8> {
    (0..3000_u64).flat_map(|n| [&n.to_le_bytes()[..], b"\x04\n\n\r\n"].concat()).collect()
}

#[tokio::test]
async fn a_body_with_blank_lines_arrives_whole() {
    let server = server!("a_body_with_blank_lines_arrives_whole");
    let json: String = (0..3000).map(|n| format!("{{\"a\":{n},\n\n\"s\":\"\\n\\n\\r\\n\"}}\n\n")).collect();
    let tsv: String = (0..3000).map(|n| format!("{n}\t\\n\\n\\r\\n\n")).collect();
    let values: String = (0..3000).map(|n| format!("({n},\n\n'\n\n\r\n'),")).collect();
    for (statement, rows) in [
        ("INSERT INTO t FORMAT RowBinary", row_binary()),
        ("INSERT INTO t (a, s) FORMAT JSONEachRow", json.into_bytes()),
        ("INSERT INTO t FORMAT TabSeparated", tsv.into_bytes()),
        ("INSERT INTO t VALUES", values.trim_end_matches(',').as_bytes().to_vec()),
    ] {
        for in_url in [true, false] {
            server.sql("DROP TABLE IF EXISTS t").await;
            server.sql(TABLE).await;
            let request = if in_url {
                server.post(&[("query", statement)]).body(rows.clone())
            } else {
                server.post(&[]).body([statement.as_bytes(), b"\n", &rows].concat())
            };
            let answer = server.answer(request).await;
            assert_eq!(answer.status, 200, "{statement}: {}", answer.text);
            let sums = server.sql("SELECT count(), sum(a), uniqExact(s), any(hex(s)) FROM t").await;
            assert_eq!(sums, "3000\t4498500\t1\t0A0A0D0A\n", "{statement}, in the URL: {in_url}");
        }
    }
}

#[tokio::test]
async fn every_kind_of_insert_works() {
    let server = server!("every_kind_of_insert_works");
    server.sql(TABLE).await;
    for (url, body) in [
        ("", "INSERT INTO t VALUES (1, 'a'), (1 + 1, concat('b', 'c'));"),
        ("", "INSERT INTO t (a) FORMAT TSV\n3\n"),
        ("INSERT INTO t VALUES", "(4, 'd')"),
        ("INSERT INTO t SETTINGS async_insert = 0 FORMAT CSV", "5,e\n"),
        ("INSERT INTO t FORMAT CSV SETTINGS format_csv_delimiter = ';'", "6;f\n"),
        ("INSERT INTO t FORMAT JSONEachRow", ""),
        ("", "INSERT INTO t SELECT number + 7, 'g' FROM numbers(2)"),
        ("", "INSERT INTO FUNCTION null('a UInt8') VALUES (1)"),
    ] {
        let answer = server.answer(server.post(&[("query", url)]).body(body)).await;
        assert_eq!(answer.status, 200, "{url}{body}: {}", answer.text);
    }
    let rows = "1\ta\n2\tbc\n3\t\n4\td\n5\te\n6\tf\n7\tg\n8\tg\n";
    assert_eq!(server.sql("SELECT * FROM t ORDER BY a").await, rows);
    let with_parameter =
        server.post(&[("param_t", "t")]).body("INSERT INTO {t:Identifier} FORMAT TSV\n9\ti\n");
    assert_eq!(server.answer(with_parameter).await.status, 200);
    assert_eq!(server.sql("SELECT s FROM t WHERE a = 9").await, "i\n");
}

#[tokio::test]
async fn an_upload_that_breaks_off_inserts_nothing() {
    use std::io::{Read as _, Write as _};
    let server = server!("an_upload_that_breaks_off_inserts_nothing");
    server.sql(TABLE).await;
    let address = server.url.strip_prefix("http://").unwrap();
    let mut socket = std::net::TcpStream::connect(address).unwrap();
    let head = "POST /?query=INSERT%20INTO%20t%20FORMAT%20TSV HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    socket.write_all(format!("{head}6\r\n1\ta\n2\r\n").as_bytes()).unwrap();
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    let _ = socket.read_to_end(&mut Vec::new());
    assert_eq!(server.sql("SELECT count() FROM t").await, "0\n");
}
