//! The migrations themselves.

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// A numbered SQL file.
#[derive(Debug, Clone, Copy)]
pub(super) struct MigrationFile {
    pub(super) version: u32,
    /// The file's, without `.sql`: `0002_app_logs`.
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
}

macro_rules! migrations {
    ($(($version:literal, $name:literal)),+ $(,)?) => {
        &[$(MigrationFile {
            version: $version,
            name: $name,
            sql: include_str!(concat!("../../migrations/", $name, ".sql")),
        }),+]
    };
}

const FILES: &[MigrationFile] = migrations![
    (1, "0001_schema_migrations"),
    (2, "0002_app_logs"),
    (3, "0003_app_logs_1min"),
    (4, "0004_sync"),
    (5, "0005_templates"),
    (6, "0006_anomalies"),
    (7, "0007_alerts"),
    (8, "0008_exports"),
];

/// All migrations, oldest first.
pub(super) fn all() -> &'static [MigrationFile] {
    FILES
}

/// The newest migration.
pub(super) fn latest() -> MigrationFile {
    FILES[FILES.len() - 1]
}

/// The migration of a number that [`all`] has.
pub(super) fn get(version: u32) -> MigrationFile {
    FILES[version as usize - 1]
}

impl MigrationFile {
    /// sha256 of the text, hexadecimal.
    pub(super) fn checksum(&self) -> String {
        Sha256::digest(self.sql.as_bytes()).iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The statements, without comment lines and without the final semicolon. A statement ends with
    /// a semicolon at the end of a line.
    pub(super) fn statements(&self) -> Vec<String> {
        let code: Vec<&str> = self.sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
        code.join("\n")
            .split(";\n")
            .map(|sql| sql.trim().trim_end_matches(';').to_owned())
            .filter(|sql| !sql.is_empty())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_numbered_without_gaps_and_named_after_their_number() {
        for (index, file) in all().iter().enumerate() {
            assert_eq!(file.version as usize, index + 1);
            assert!(file.name.starts_with(&format!("{:04}_", file.version)), "{}", file.name);
        }
    }

    #[test]
    fn every_statement_can_run_twice() {
        for file in all() {
            for sql in file.statements() {
                assert!(sql.contains("IF NOT EXISTS logs"), "{}: {sql}", file.name);
                assert!(sql.contains("/*on-cluster*/"), "{}: {sql}", file.name);
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_part_of_the_binary() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), all().len());
    }
}
