//! The real binary over real HTTP: what curl, Grafana and the `clickhouse` crate would see.

// Helpers of tests fail as tests do, and rows are built the short way.
#![allow(clippy::unwrap_used, clippy::format_collect)]

mod client;
mod compression;
mod crash;
mod harness;
mod interface;
mod native;
mod rows;
mod stream;
