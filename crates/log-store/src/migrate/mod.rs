//! Bringing the database to the schema that this version of the program works with.
//!
//! Migrations are numbered SQL files inside the binary; what was applied is in
//! `logs.schema_migrations`, with a checksum. Every statement is `IF NOT EXISTS`, so a run that was
//! cut off is simply run again. Retention is not part of a file: it is a setting, compared with the
//! tables' TTL on every run.

mod files;
mod inspect;
mod render;
mod report;
mod retention;

pub use report::{Applied, Plan, Report, RetentionChange};
pub use retention::RetentionDays;

use crate::error::Result;
use crate::rows::SchemaMigration;
use crate::store::Store;

/// How to migrate.
#[derive(Debug, Clone, Default)]
pub struct MigrateOptions {
    /// Name of a cluster: statements run `ON CLUSTER`, and tables are replicated.
    pub cluster: Option<String>,
    /// How long rows are kept.
    pub retention: RetentionDays,
}

/// The schema's version: the number of the newest migration.
pub fn newest_version() -> u32 {
    files::latest().version
}

/// Says what [`apply`] would do, and changes nothing.
pub async fn plan(store: &Store, options: &MigrateOptions) -> Result<Plan> {
    options.retention.check()?;
    let found = inspect::inspect(store).await?;
    let cluster = options.cluster.as_deref();
    let migrations = files::all()
        .iter()
        .filter(|file| !found.applied.contains(&file.version))
        .map(|file| Applied {
            version: file.version,
            name: file.name.to_owned(),
            statements: file.statements().iter().map(|sql| render::render(sql, cluster)).collect(),
        })
        .collect();
    let retention = retention::changes(&options.retention, &found.tables)
        .into_iter()
        .map(|change| RetentionChange { statement: render::render(&change.statement, cluster), ..change })
        .collect();
    Ok(Plan { latest: files::latest().name.to_owned(), migrations, retention })
}

/// Applies what is missing, in order; doing it twice does nothing more.
pub async fn apply(store: &Store, options: &MigrateOptions) -> Result<Report> {
    let plan = plan(store, options).await?;
    for migration in &plan.migrations {
        let file = files::get(migration.version);
        for sql in &migration.statements {
            store.run_raw(format!("apply migration {}", file.name), sql).await?;
        }
        let row =
            SchemaMigration { version: file.version, name: file.name.to_owned(), checksum: file.checksum() };
        store.insert_rows("schema_migrations", &[row]).await?;
        log::info!("applied migration {}", file.name);
    }
    for change in &plan.retention {
        store.run_raw(format!("set the retention of {}", change.table), &change.statement).await?;
        log::info!("retention of {} set to {} days", change.table, change.to_days);
    }
    Ok(Report(plan))
}

/// Refuses a database that this version of the program cannot work with: not migrated yet, newer, or
/// somebody else's.
pub async fn require_current(store: &Store) -> Result<()> {
    let found = inspect::inspect(store).await?;
    match files::all().iter().find(|file| !found.applied.contains(&file.version)) {
        None => Ok(()),
        Some(missing) => Err(crate::Error::Schema {
            problem: format!("clickhouse at {} lacks migration {}", store.url(), missing.name),
            hint: "run `loki2ch migrate`".to_owned(),
        }),
    }
}
