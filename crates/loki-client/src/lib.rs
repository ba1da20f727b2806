//! Loki's HTTP API, as it behaves and not as it reads.
//!
//! - [`Client::push`] sends streams as protobuf in raw snappy and tells rejects apart: only 204 means
//!   delivered, and for a request of several streams only when none of them could have been rejected
//!   (Loki overwrites the error of an earlier stream by a later success). A line that Loki refuses is
//!   reported alone, with Loki's words; a Loki that is away is [`Error::Unavailable`].
//! - [`Client::read`] copies a range completely or says that it could not: it counts, splits until every
//!   page is far below the limit, and compares what it got with what was counted.
//!
//! Times are nanoseconds since the epoch, UTC; ranges are half-open, `[from, to)`.
//!
//! Deliberately absent: buffering, retrying for ever, and any state on disk. They are the caller's.

mod backoff;
mod batch;
mod client;
mod config;
mod error;
mod limits;
mod proto;
mod push;
mod query;
mod read;
mod reject;
mod track;

pub use client::{BuildInfo, Client};
pub use config::{ConfigProblem, LokiConfig};
pub use error::{Error, Result};
pub use limits::Limits;
pub use push::{PushReport, Rejected};
pub use query::Direction;
pub use read::Reading;
