//! What is there now, and whether it is ours.

use super::files;
use crate::error::{Error, Result};
use crate::rows::SchemaMigration;
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};

/// Text indexes are generally available since 26.2; we test on nothing older than 26.3.
const OLDEST_SERVER: (u32, u32) = (26, 3);
/// Tables of the scripts that came before Yagura.
const PREDECESSOR: [&str; 3] = ["app_logs", "anomalies", "app_logs_1min"];

/// The state of the database.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) applied: BTreeSet<u32>,
    /// Table and its engine with all clauses.
    pub(super) tables: BTreeMap<String, String>,
}

/// Looks at the database and refuses what this program must not touch.
pub(super) async fn inspect(store: &Store) -> Result<Found> {
    check_server(&store.version().await?)?;
    let query = store.query("SELECT name, engine_full FROM system.tables WHERE database = 'logs'");
    let tables: BTreeMap<String, String> =
        store.all::<(String, String)>("list the tables of logs", query).await?.into_iter().collect();
    if !tables.contains_key("schema_migrations") {
        refuse_predecessor(store.url(), &tables)?;
        return Ok(Found { applied: BTreeSet::new(), tables });
    }
    let query =
        store.query("SELECT version, name, checksum FROM logs.schema_migrations FINAL ORDER BY version");
    let rows: Vec<SchemaMigration> = store.all("read logs.schema_migrations", query).await?;
    for row in &rows {
        check_known(row)?;
    }
    Ok(Found { applied: rows.iter().map(|row| row.version).collect(), tables })
}

fn check_server(version: &str) -> Result<()> {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if found >= OLDEST_SERVER {
        return Ok(());
    }
    Err(Error::Schema {
        problem: format!(
            "clickhouse is version {version}, but {}.{} or newer is needed",
            OLDEST_SERVER.0, OLDEST_SERVER.1
        ),
        hint: "update the server".to_owned(),
    })
}

fn refuse_predecessor(url: &str, tables: &BTreeMap<String, String>) -> Result<()> {
    let theirs: Vec<_> = PREDECESSOR.into_iter().filter(|name| tables.contains_key(*name)).collect();
    let Some(first) = theirs.first() else { return Ok(()) };
    Err(Error::Schema {
        problem: format!(
            "database `logs` at {url} has {} but no schema_migrations: these tables are the predecessor's, \
             and a plain migrate would leave them half converted",
            theirs.join(", ")
        ),
        hint: format!(
            "taking their rows over is what `--from-predecessor` is for, which this version does not have \
             yet; to start empty beside them, move them aside first: \
             RENAME TABLE logs.{first} TO logs.old_{first}"
        ),
    })
}

fn check_known(row: &SchemaMigration) -> Result<()> {
    let Some(file) = files::all().iter().find(|file| file.version == row.version) else {
        return Err(Error::Schema {
            problem: format!(
                "database `logs` has migration {}, which is newer than this program knows ({})",
                row.name,
                files::latest().name
            ),
            hint: "update this program; the database stays as it is".to_owned(),
        });
    };
    if file.checksum() == row.checksum {
        return Ok(());
    }
    Err(Error::Schema {
        problem: format!(
            "migration {} was applied with another text (checksum {}, this program has {})",
            row.name,
            abbreviate(&row.checksum),
            abbreviate(&file.checksum())
        ),
        hint: "the database was made by a build that was never released; compare its tables with \
               `loki2ch migrate --dry-run` of that build"
            .to_owned(),
    })
}

fn abbreviate(checksum: &str) -> &str {
    checksum.get(..12).unwrap_or(checksum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_server_is_named_with_what_is_needed() {
        assert!(check_server("26.7.2.1").is_ok());
        assert!(check_server("26.3.1.896").is_ok());
        let error = check_server("18.16.1").unwrap_err();
        assert_eq!(
            error.to_string(),
            "clickhouse is version 18.16.1, but 26.3 or newer is needed\nhint: update the server"
        );
        assert!(error.is_config());
    }
}
