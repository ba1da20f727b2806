//! The Native format as Grafana's plugin asks for it.

use crate::harness::{Server, server};

async fn native(server: &Server, version: &str, json: &str, sql: &str) -> (u16, Vec<u8>) {
    let parameters = [
        ("default_format", "Native"),
        ("client_protocol_version", version),
        ("output_format_native_write_json_as_string", json),
    ];
    let response = server.post(&parameters).body(sql.to_owned()).send().await.unwrap();
    (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn every_type_of_a_dashboard_reaches_a_native_client() {
    let server = server!("every_type_of_a_dashboard_reaches_a_native_client");
    for expression in [
        "toInt8(1), number, toInt256(number), 1.5::Float32, true, toDate('2026-01-02'), toDate32('2026-01-02')",
        "now('UTC'), now64(9, 'UTC'), toIntervalHour(1), generateUUIDv4(), toIPv4('1.2.3.4'), toIPv6('::1')",
        "toDecimal32(1, 2), toDecimal64(1, 2), toDecimal128(1, 2), toDecimal256(1, 2), toFixedString('ab', 3)",
        "toString(number), CAST('b' AS Enum8('a (,' = 1, 'b' = 2)), CAST('b' AS Enum16('b' = 2)), NULL",
        "if(number % 2 = 0, NULL, number), if(number % 2 = 0, NULL, 'x'), [1, 2], [[toString(number)], []], []",
        "map('a', number), map('a'::LowCardinality(String), ['x']), (number, 'x', [NULL, 1]), CAST((1, 'x'), 'Tuple(a UInt8, `b c` String)')",
        "toLowCardinality(toString(number)), CAST(if(number % 2 = 0, NULL, 'x') AS LowCardinality(Nullable(String)))",
        "[toLowCardinality('x'), toLowCardinality(toString(number))], '{\"a\": {\"b\": 1}}'::JSON, ['{\"a\": 1}'::JSON]",
        "(1., 2.)::Point, [(1., 2.)]::Ring, [[(1., 2.)]]::Polygon",
    ] {
        for rows in [0, 1, 1000] {
            let sql = format!("SELECT {expression} FROM numbers({rows})");
            let (status, plain) = native(&server, "0", "1", &sql).await;
            assert_eq!(status, 200, "{sql}: {}", String::from_utf8_lossy(&plain));
            let (status, framed) = native(&server, "54460", "1", &sql).await;
            assert_eq!(status, 200, "{sql}: {}", String::from_utf8_lossy(&framed));
            // One block: eight bytes of header, and one byte for each column.
            let columns = if plain.is_empty() { 0 } else { usize::from(plain[0]) + 8 };
            assert_eq!(framed.len(), plain.len() + columns, "{sql}");
        }
    }
    let (status, text) = native(&server, "54460", "1", "SELECT 1::Dynamic").await;
    assert_eq!(status, 501, "{}", String::from_utf8_lossy(&text));
}
