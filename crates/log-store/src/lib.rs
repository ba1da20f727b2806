//! `ClickHouse` as Yagura uses it: the schema, the rows, and every query of every tool.
//!
//! This crate holds all SQL of the workspace; a tool calls a function here and gets typed rows back.
//! Names are always qualified (`logs.…`), and every setting that a query relies on is sent with it,
//! because defaults change between releases of the server.
//!
//! What is deliberately absent: retries and clocks. A caller decides what to do about an error that
//! [`Error::is_unavailable`], and passes the time in.

mod anomalies;
mod attrs;
mod batch;
mod config;
mod error;
mod export;
mod lines;
mod manifest;
pub mod migrate;
mod minutes;
pub mod rows;
mod series;
mod sql;
mod store;
mod templates;
mod wall;

pub use attrs::attrs_json;
pub use batch::{BatchRef, EncodedBatch, MAX_BATCH_BYTES, MAX_BATCH_ROWS};
pub use config::ClickHouseConfig;
pub use error::{Error, Result};
pub use export::{ByteStream, ExportTable, RangeSummary};
pub use lines::{Line, LineKey, LineStream, WindowTotals};
pub use minutes::{AggregateReport, MinuteMismatch};
pub use series::{TemplateWindow, WindowRow, lines_sql, minutes_sql};
pub use store::{DATABASE, Store};
pub use wall::{EntityAge, Freshness, LaneCount, TemplateTotal};
