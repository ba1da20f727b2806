//! The tables' rows.
//!
//! Times are what `ClickHouse` stores: `DateTime64(9)` nanoseconds, `(6)` microseconds, `(3)`
//! milliseconds, `DateTime` seconds since the epoch, all UTC. Columns are in the order of the DDL,
//! and a test compares each struct with it.

mod anomaly;
mod app_log;
mod exports;
mod minute;
mod schema;
mod sync;
mod template;

pub use anomaly::{Anomaly, Deploy, Feedback};
pub use app_log::AppLog;
pub use exports::Export;
pub use minute::MinuteRow;
pub use schema::SchemaMigration;
pub use sync::{SyncBatch, SyncWindow, WindowState};
pub use template::{Template, TemplateCount};
