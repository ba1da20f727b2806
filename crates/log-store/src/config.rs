//! Where the server is.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The `[clickhouse]` section of every tool's configuration.
///
/// The database is always `logs`: dashboards and people query it by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClickHouseConfig {
    /// Base URL of the HTTP interface.
    pub url: String,
    /// User name.
    pub user: String,
    /// File that holds the password; without it the systemd credential of the tool, else none.
    pub password_file: Option<PathBuf>,
}

impl Default for ClickHouseConfig {
    fn default() -> Self {
        Self { url: "http://127.0.0.1:8123".to_owned(), user: "default".to_owned(), password_file: None }
    }
}
