//! The program on real engines: Loki on one side, ClickHouse on the other.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says what it skips")]

mod kills;
mod proxy;
mod setup;
mod syncing;
