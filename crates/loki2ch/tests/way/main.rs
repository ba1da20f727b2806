//! The program on real engines: Loki on one side, ClickHouse on the other.

mod kills;
mod proxy;
mod setup;
mod syncing;
