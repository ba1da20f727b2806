//! What was or would be done, for people and as JSON.

use serde::Serialize;
use std::fmt;

/// A migration with its statements as they run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// Its number.
    pub version: u32,
    /// Its file, without `.sql`.
    pub name: String,
    /// Rendered for the server or the cluster.
    pub statements: Vec<String>,
}

/// A change of how long a table's rows are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RetentionChange {
    /// With its database.
    pub table: String,
    /// None if its TTL is not in days.
    pub from_days: Option<u16>,
    /// As configured.
    pub to_days: u16,
    /// As it runs.
    pub statement: String,
}

/// What would be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Name of the newest migration that this program has.
    pub latest: String,
    /// Missing ones, oldest first.
    pub migrations: Vec<Applied>,
    /// TTLs that differ from the configuration.
    pub retention: Vec<RetentionChange>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Report(pub Plan);

impl Plan {
    /// Whether the database is as it should be.
    pub fn is_empty(&self) -> bool {
        self.migrations.is_empty() && self.retention.is_empty()
    }
}

/// SQL that could be run by hand.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "-- nothing to do: the schema is at {}", self.latest);
        }
        for migration in &self.migrations {
            writeln!(f, "-- would apply {}", migration.name)?;
            for sql in &migration.statements {
                writeln!(f, "{sql};\n")?;
            }
        }
        for change in &self.retention {
            writeln!(f, "-- would change {}", Days(change))?;
            writeln!(f, "{};\n", change.statement)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return writeln!(f, "nothing to do: the schema is at {}", self.0.latest);
        }
        for migration in &self.0.migrations {
            let count = migration.statements.len();
            let plural = if count == 1 { "" } else { "s" };
            writeln!(f, "applied {} ({count} statement{plural})", migration.name)?;
        }
        for change in &self.0.retention {
            writeln!(f, "changed {}", Days(change))?;
        }
        writeln!(f, "the schema is at {}", self.0.latest)
    }
}

struct Days<'a>(&'a RetentionChange);

impl fmt::Display for Days<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RetentionChange { table, from_days, to_days, .. } = self.0;
        match from_days {
            Some(from) => write!(f, "retention of {table}: {from} -> {to_days} days"),
            None => write!(f, "retention of {table}: {to_days} days"),
        }
    }
}
