//! The store on a real engine.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says what it skips")]

mod batches;
mod migrations;
mod rows;

use log_store::migrate::{self, MigrateOptions};
use log_store::{ClickHouseConfig, Store};
use testkit::clickhouse::{self, ClickHouse};

/// An engine and a store on it; announces itself as skipped where there is no engine.
async fn engine(test: &str) -> Option<(ClickHouse, Store)> {
    if let Some(reason) = clickhouse::missing() {
        eprintln!("skipped: {test}: {reason}");
        return None;
    }
    let clickhouse = ClickHouse::start().await.unwrap();
    let config = ClickHouseConfig { url: clickhouse.url.clone(), ..ClickHouseConfig::default() };
    let store = Store::new(&config, None).unwrap();
    Some((clickhouse, store))
}

/// The same with all migrations applied.
async fn migrated(test: &str) -> Option<(ClickHouse, Store)> {
    let (clickhouse, store) = engine(test).await?;
    migrate::apply(&store, &MigrateOptions::default()).await.unwrap();
    Some((clickhouse, store))
}
