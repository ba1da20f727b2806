//! What a set holds. A set exists when its manifest does, and the manifest is written last.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Version of the manifest's own shape.
pub const FORMAT: u32 = 1;

/// One week of one table, at one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Shape of this document, [`FORMAT`].
    pub format: u32,
    /// `parquet-export` and its version.
    pub written_by: String,
    /// RFC 3339.
    pub written_at: String,
    /// Table without its database.
    pub table: String,
    /// ISO week, `2026-W46`.
    pub week: String,
    /// 1 for the first export; rows that arrive later make the next one.
    pub version: u32,
    /// Newest migration of the database when the set was written.
    pub schema_version: u32,
    /// Whether every window of the week was verified against Loki; without it the set was forced.
    pub complete: bool,
    /// Windows of the week that are verified, of 2016.
    pub verified_windows: u64,
    /// Rows of all files.
    pub rows: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// What the source held, for comparison with the files and with a later version.
    pub source: Fingerprint,
    /// The files, in order of time.
    pub files: Vec<File>,
}

/// Order-free identity of a set of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Number of rows.
    pub rows: u64,
    /// Sum, modulo 2⁶⁴, of each row's xxh3 ([`log_store::RangeSummary::fingerprint`]).
    pub sum: Sum,
}

/// 64 bits that travel as 16 hexadecimal digits: most readers of JSON lose digits of numbers beyond 2⁵³.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Sum(pub u64);

/// A Parquet file of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Name beside the manifest.
    pub name: String,
    /// UTC day that all its rows are of.
    pub day: String,
    /// Its rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Earliest row, RFC 3339.
    pub min_ts: String,
    /// Latest row, RFC 3339.
    pub max_ts: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Rows of each row group.
    pub row_groups: Vec<u64>,
}

impl std::ops::AddAssign for Fingerprint {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.sum = Sum(self.sum.0.wrapping_add(other.sum.0));
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<Sum> for String {
    fn from(sum: Sum) -> Self {
        sum.to_string()
    }
}

impl TryFrom<String> for Sum {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        u64::from_str_radix(&text, 16).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_ids_survive_json() {
        let print = Fingerprint { rows: 3, sum: Sum(u64::MAX - 1) };
        let json = serde_json::to_string(&print).unwrap();
        assert_eq!(json, r#"{"rows":3,"sum":"fffffffffffffffe"}"#);
        assert_eq!(serde_json::from_str::<Fingerprint>(&json).unwrap(), print);
    }
}
