//! Compressed bodies both ways.

use std::io::{Read as _, Write as _};

use clickhouse_embedded::compression::{NativeReader, native_block};

use crate::harness::server;

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn compressed_uploads_are_read() {
    let server = server!("compressed_uploads_are_read");
    server.sql("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").await;
    let rows: String = (0..100_000).map(|n| format!("{n}\n")).collect();
    let mut frame = lz4_flex::frame::FrameEncoder::new(Vec::new());
    frame.write_all(rows.as_bytes()).unwrap();
    let blocks: Vec<u8> = rows.as_bytes().chunks(65_536).flat_map(native_block).collect();
    let insert = ("query", "INSERT INTO t FORMAT TSV");
    for (name, request) in [
        ("gzip", server.post(&[insert]).header("Content-Encoding", "gzip").body(gzip(rows.as_bytes()))),
        ("lz4", server.post(&[insert]).header("Content-Encoding", "lz4").body(frame.finish().unwrap())),
        ("native", server.post(&[insert, ("decompress", "1")]).body(blocks.clone())),
    ] {
        server.sql("TRUNCATE TABLE t").await;
        let answer = server.answer(request).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        assert_eq!(server.sql("SELECT count(), sum(a) FROM t").await, "100000\t4999950000\n", "{name}");
    }
    let mut bad = blocks;
    bad[100] ^= 1;
    let answer = server.answer(server.post(&[insert, ("decompress", "1")]).body(bad)).await;
    assert!(answer.status >= 400 && answer.text.contains("Checksum doesn't match"), "{}", answer.text);
}

#[tokio::test]
async fn answers_are_compressed_as_asked() {
    let server = server!("answers_are_compressed_as_asked");
    let sql = "SELECT number FROM numbers(300000)";
    let plain = server.sql(sql).await.into_bytes();
    for (parameters, accept, encoding) in [
        (&[][..], "lz4", "lz4"),
        (&[], "gzip, deflate, br", "gzip"),
        (&[], "deflate", "deflate"),
        (&[("enable_http_compression", "0")], "gzip", ""),
        (&[("compress", "1")], "", ""),
    ] {
        let request = server.post(parameters).header("Accept-Encoding", accept).body(sql);
        let response = request.send().await.unwrap();
        let header =
            response.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header.unwrap_or_default(), encoding, "{accept}");
        let bytes = response.bytes().await.unwrap();
        let mut data = Vec::new();
        let read = match encoding {
            "lz4" => lz4_flex::frame::FrameDecoder::new(&bytes[..]).read_to_end(&mut data),
            "gzip" => flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut data),
            "deflate" => flate2::read::ZlibDecoder::new(&bytes[..]).read_to_end(&mut data),
            _ if parameters[0].0 == "compress" => NativeReader::new(&bytes[..]).read_to_end(&mut data),
            _ => (&bytes[..]).read_to_end(&mut data),
        };
        read.unwrap();
        assert!(data == plain, "{accept} {parameters:?}: {} bytes of {}", data.len(), plain.len());
    }
}
