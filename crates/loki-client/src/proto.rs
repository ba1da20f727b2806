//! Loki's push messages (`logproto/push.proto`), the few fields of them that we send.

use log_model::Entry;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) streams: Vec<Stream>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Stream {
    /// `LogQL` form: `{a="b"}`.
    #[prost(string, tag = "1")]
    pub(crate) labels: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) entries: Vec<ProtoEntry>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ProtoEntry {
    #[prost(message, optional, tag = "1")]
    pub(crate) timestamp: Option<Timestamp>,
    #[prost(string, tag = "2")]
    pub(crate) line: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) metadata: Vec<LabelPair>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct LabelPair {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

impl From<&Entry> for ProtoEntry {
    fn from(entry: &Entry) -> Self {
        const SECOND: i64 = 1_000_000_000;
        Self {
            timestamp: Some(Timestamp {
                seconds: entry.ts.div_euclid(SECOND),
                nanos: entry.ts.rem_euclid(SECOND) as i32,
            }),
            line: entry.line.clone(),
            metadata: entry
                .metadata
                .iter()
                .map(|(name, value)| LabelPair { name: name.clone(), value: value.clone() })
                .collect(),
        }
    }
}
