//! Collects log lines and ships them to Loki.
//!
//! `run --once FILE…` reads files from start to end, whatever their size, in bounded memory:
//! [`lines`] cuts a source into lines and knows where each began, [`assemble`] makes records of them,
//! `ship` sends batches and keeps what Loki refuses. The id of a line follows from host, file and byte
//! offset, so that shipping a file again stores nothing new.

pub mod assemble;
mod cli;
mod dead_letter;
pub mod guard;
pub mod lines;
mod run;
mod ship;
mod source;
pub mod times;

pub use cli::{Command, Config, LogShipper};
