//! Bodies of pushes: protobuf in raw snappy, or JSON, plain or gzipped.

use super::logql;
use flate2::read::GzDecoder;
use log_model::{Entry, StreamLabels};
use prost::Message as _;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read as _;

/// Streams as pushed, in their order.
pub(super) type Streams = Vec<(StreamLabels, Vec<Entry>)>;

#[derive(Clone, PartialEq, prost::Message)]
struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    streams: Vec<Stream>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Stream {
    #[prost(string, tag = "1")]
    labels: String,
    #[prost(message, repeated, tag = "2")]
    entries: Vec<ProtoEntry>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProtoEntry {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<Timestamp>,
    #[prost(string, tag = "2")]
    line: String,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<LabelPair>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct LabelPair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Deserialize)]
struct JsonPush {
    streams: Vec<JsonStream>,
}

#[derive(Deserialize)]
struct JsonStream {
    #[serde(default)]
    stream: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<JsonEntry>,
}

#[derive(Deserialize)]
struct JsonEntry(String, String, #[serde(default)] BTreeMap<String, String>);

/// Reads a body; the error is what Loki answers with 400.
pub(super) fn decode(content_type: &str, encoding: &str, body: &[u8]) -> Result<Streams, String> {
    let json = content_type.split(';').next().is_some_and(|kind| kind.trim() == "application/json");
    if json { decode_json(encoding, body) } else { decode_protobuf(body) }
}

fn decode_protobuf(body: &[u8]) -> Result<Streams, String> {
    let plain =
        snap::raw::Decoder::new().decompress_vec(body).map_err(|_| "snappy: corrupt input".to_owned())?;
    let request = PushRequest::decode(plain.as_slice()).map_err(|error| format!("proto: {error}"))?;
    request
        .streams
        .into_iter()
        .map(|stream| {
            let labels = parse_labels(&stream.labels)?;
            Ok((labels, stream.entries.into_iter().map(Entry::from).collect()))
        })
        .collect()
}

impl From<ProtoEntry> for Entry {
    fn from(entry: ProtoEntry) -> Self {
        let at = entry.timestamp.unwrap_or_default();
        Self {
            ts: at.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(at.nanos)),
            line: entry.line,
            metadata: entry.metadata.into_iter().map(|pair| (pair.name, pair.value)).collect(),
        }
    }
}

fn decode_json(encoding: &str, body: &[u8]) -> Result<Streams, String> {
    let mut unpacked = Vec::new();
    let body = match encoding {
        "" => body,
        "gzip" => {
            GzDecoder::new(body).read_to_end(&mut unpacked).map_err(|error| format!("gzip: {error}"))?;
            &unpacked
        }
        other => return Err(format!("Content-Encoding {other:?} not supported")),
    };
    let push: JsonPush = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    push.streams
        .into_iter()
        .map(|JsonStream { stream, values }| {
            let labels = parse_labels(&StreamLabels(stream).to_string())?;
            let entry = |JsonEntry(ts, line, metadata): JsonEntry| {
                let ts = ts.parse().map_err(|_| format!("{ts:?} is no time in nanoseconds"))?;
                Ok(Entry { ts, line, metadata: metadata.into_iter().collect() })
            };
            Ok((labels, values.into_iter().map(entry).collect::<Result<_, String>>()?))
        })
        .collect()
}

/// The labels of a stream, without the empty ones: to Loki they are not there.
fn parse_labels(text: &str) -> Result<StreamLabels, String> {
    let labels = logql::parse_labels(text).map_err(|error| format!("couldn't parse labels: {error}"))?;
    Ok(labels.0.into_iter().filter(|(_, value)| !value.is_empty()).collect())
}
