//! The archive: closed weeks of the logs as Parquet, with a manifest that proves what is in them.
//!
//! A **set** is one ISO week of one table. It is written day by day: `ClickHouse`'s
//! Arrow stream is spooled, encoded, read back and compared with what the database
//! said it holds; the manifest comes last, so a set that can be seen is whole.

mod cli;
pub mod destination;
pub mod encode;
pub mod manifest;
mod run;
pub mod week;

pub use cli::{Command, Config, ParquetExport};
