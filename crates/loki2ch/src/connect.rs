//! The two servers, and what their errors mean for the exit code.

use crate::config::Config;
use log_store::Store;
use loki_client::Client;
use unit_kit::{Context, Secret, config_error, unavailable};

/// A store with the configured login; nothing is sent yet.
pub(crate) fn store(ctx: &Context<Config>) -> anyhow::Result<Store> {
    let config = &ctx.config.clickhouse;
    let password = ctx.secret("clickhouse-password", config.password_file.as_deref())?;
    Store::new(config, password.as_ref().map(Secret::expose)).map_err(store_error)
}

/// A client of Loki with the configured login; nothing is sent yet.
pub(crate) fn loki(ctx: &Context<Config>) -> anyhow::Result<Client> {
    let config = &ctx.config.loki;
    let password = ctx.secret("loki-password", config.password_file.as_deref())?;
    Client::new(config, password.as_ref().map(Secret::expose)).map_err(loki_error)
}

/// Away: 75. A login or a schema that a person has to look at: 78.
pub(crate) fn store_error(error: log_store::Error) -> anyhow::Error {
    if error.is_unavailable() {
        unavailable(error)
    } else if error.is_config() {
        config_error(error)
    } else {
        error.into()
    }
}

/// Away: 75. A wrong address or login: 78.
pub(crate) fn loki_error(error: loki_client::Error) -> anyhow::Error {
    if error.is_unavailable() {
        unavailable(error)
    } else if error.is_config() {
        config_error(error)
    } else {
        error.into()
    }
}
