//! `migrate`

use crate::cli::MigrateArgs;
use crate::config::Config;
use crate::connect::{store, store_error};
use log_store::migrate::{self, MigrateOptions};
use unit_kit::{Context, Outcome};

pub(crate) async fn run(ctx: &Context<Config>, args: &MigrateArgs) -> anyhow::Result<Outcome> {
    let store = store(ctx)?;
    let options = MigrateOptions {
        cluster: ctx.config.migrate.cluster.clone(),
        retention: ctx.config.retention.clone(),
    };
    if args.dry_run {
        let plan = migrate::plan(&store, &options).await.map_err(store_error)?;
        if ctx.json { ctx.out.json(&plan)? } else { ctx.out.text(plan.to_string())? }
    } else {
        let _lock = ctx.lock()?;
        let report = migrate::apply(&store, &options).await.map_err(store_error)?;
        if ctx.json { ctx.out.json(&report)? } else { ctx.out.text(report.to_string())? }
    }
    Ok(Outcome::Done)
}
