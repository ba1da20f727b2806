//! What was done to the database.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// A row of `logs.schema_migrations`; the server fills in the time.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct SchemaMigration {
    /// Number of the file.
    pub version: u32,
    /// Name of the file, without `.sql`.
    pub name: String,
    /// sha256 of the file, hexadecimal.
    pub checksum: String,
}
