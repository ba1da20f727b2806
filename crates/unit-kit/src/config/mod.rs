//! Configuration: file < environment < flag, with errors that say where the mistake is and what was meant.
//!
//! The file is TOML. Every key has an environment name: `YAGURA_<TOOL>_<SECTION>_<KEY>`. Secrets are never values,
//! only `*_file` paths or systemd credentials (see [`crate::Secret`]). The section `[unit]` belongs to this crate and
//! is the same for every tool ([`UnitConfig`]); all other sections are the tool's.
//!
//! The list of valid keys comes from the default configuration itself, serialised: so a config type must not skip
//! fields when it serialises, and needs `#[serde(deny_unknown_fields, default)]` on every struct.

mod env;
mod explain;
mod file;
mod print;

use crate::fault;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub(crate) use print::{print_json, print_toml};

/// A tool's configuration.
///
/// Derive `Serialize`, `Deserialize` and `Default`, with `#[serde(deny_unknown_fields, default)]`.
pub trait Config: Serialize + DeserializeOwned + Default {
    /// Checks what types cannot: ranges, combinations. Touches neither network nor files.
    fn validate(&self) -> Result<(), ConfigIssue> {
        Ok(())
    }
}

/// A configuration without keys, for a tool that needs none.
impl Config for () {}

/// What [`Config::validate`] found. The file and line are added where they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigIssue {
    /// The key, dotted: `sync.grace_s`.
    pub key: String,
    /// What is wrong with its value: found, expected.
    pub problem: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ConfigIssue {
    /// An issue without a hint.
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into(), hint: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The section `[unit]`, which every tool has.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct UnitConfig {
    /// What is logged: `error`, `warn`, `info`, `debug` or `trace`.
    pub log_level: LogLevel,
    /// Where `<tool>.prom` is written after a run, for `node_exporter`'s textfile collector; nowhere if unset.
    pub metrics_dir: Option<PathBuf>,
}

impl Default for UnitConfig {
    fn default() -> Self {
        Self { log_level: LogLevel::Info, metrics_dir: None }
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Failures only.
    Error,
    /// And what needs eyes.
    Warn,
    /// And what was done.
    Info,
    /// And how.
    Debug,
    /// And what libraries say about their connections.
    Trace,
}

impl LogLevel {
    pub(crate) fn filter(self) -> log::LevelFilter {
        match self {
            Self::Error => log::LevelFilter::Error,
            Self::Warn => log::LevelFilter::Warn,
            Self::Info => log::LevelFilter::Info,
            Self::Debug => log::LevelFilter::Debug,
            Self::Trace => log::LevelFilter::Trace,
        }
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    File(PathBuf, Option<usize>),
    Env(String),
    Flag(String),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, Some(line)) => write!(f, "{}:{line}", path.display()),
            Self::File(path, None) => write!(f, "{}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Default => f.write_str("default configuration"),
        }
    }
}

/// A mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {problem}")]
pub(crate) struct ConfigError {
    pub(crate) origin: Origin,
    pub(crate) problem: String,
    pub(crate) hint: Option<String>,
}

impl ConfigError {
    fn new(origin: Origin, problem: impl Into<String>, hint: Option<String>) -> Self {
        Self { origin, problem: problem.into(), hint }
    }

    /// As an error that exits 78.
    pub(crate) fn into_anyhow(mut self) -> anyhow::Error {
        let hint = self.hint.take();
        let error = fault::config_error(anyhow::Error::new(self));
        match hint {
            Some(hint) => fault::with_hint(error, hint),
            None => error,
        }
    }
}

/// What the configuration is made from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// The tool's name, which gives the environment prefix.
    pub(crate) tool: &'static str,
    /// The file, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// The environment.
    pub(crate) env: BTreeMap<String, String>,
    /// Flags that set a key: flag as typed, key, value.
    pub(crate) flags: Vec<(String, String, String)>,
}

/// The effective configuration.
#[derive(Debug)]
pub(crate) struct Loaded<C> {
    pub(crate) config: C,
    pub(crate) unit: UnitConfig,
    /// What the user should know although nothing is wrong.
    pub(crate) notes: Vec<String>,
}

/// Reads and checks the configuration.
pub(crate) fn load<C: Config>(sources: &Sources) -> Result<Loaded<C>, ConfigError> {
    let keys = Keys::of::<C>()?;
    let mut draft = match &sources.file {
        Some(path) => file::read::<C>(path, &keys)?,
        None => Draft::default(),
    };
    let notes = env::apply::<C>(&mut draft, &keys, sources)?;
    for (flag, key, value) in &sources.flags {
        env::set_text::<C>(&mut draft, &keys, Origin::Flag(flag.clone()), key, value)?;
    }
    let (config, unit) = draft.build::<C>().map_err(|error| {
        ConfigError::new(Origin::Default, explain::type_problem("", error.message()), None)
    })?;
    if let Err(issue) = config.validate() {
        let origin = draft.origin_of(&issue.key, sources.file.as_deref());
        return Err(ConfigError::new(origin, format!("`{}` {}", issue.key, issue.problem), issue.hint));
    }
    Ok(Loaded { config, unit, notes })
}

/// The configuration before it has its type.
#[derive(Debug, Clone, Default)]
struct Draft {
    table: toml::Table,
    origins: BTreeMap<String, Origin>,
}

impl Draft {
    fn build<C: Config>(&self) -> Result<(C, UnitConfig), toml::de::Error> {
        let mut table = self.table.clone();
        let unit = match table.remove(UNIT) {
            Some(unit) => unit.try_into()?,
            None => UnitConfig::default(),
        };
        Ok((table.try_into()?, unit))
    }

    /// Where the value of a key came from; of an entry in a list or map, where that did.
    fn origin_of(&self, key: &str, file: Option<&Path>) -> Origin {
        let mut key = key;
        loop {
            if let Some(origin) = self.origins.get(key) {
                return origin.clone();
            }
            match key.rfind(['.', '[']) {
                Some(end) => key = &key[..end],
                None => return file.map_or(Origin::Default, |path| Origin::File(path.to_owned(), None)),
            }
        }
    }

    fn set(&mut self, key: &str, value: toml::Value, origin: Origin) {
        let mut table = &mut self.table;
        let mut parts = key.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                table.insert(part.to_owned(), value);
                break;
            }
            let slot = table.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if !slot.is_table() {
                *slot = toml::Value::Table(toml::Table::new());
            }
            let toml::Value::Table(next) = slot else { return };
            table = next;
        }
        self.origins.insert(key.to_owned(), origin);
    }
}

/// Name of the section that this crate owns.
const UNIT: &str = "unit";

/// All keys that the default configuration has, with their default values.
#[derive(Debug)]
struct Keys {
    leaves: BTreeMap<String, serde_json::Value>,
}

impl Keys {
    fn of<C: Config>() -> Result<Self, ConfigError> {
        let mut leaves = BTreeMap::new();
        let unserialisable =
            |error: serde_json::Error| ConfigError::new(Origin::Default, error.to_string(), None);
        collect("", serde_json::to_value(C::default()).map_err(unserialisable)?, &mut leaves);
        collect(UNIT, serde_json::to_value(UnitConfig::default()).map_err(unserialisable)?, &mut leaves);
        Ok(Self { leaves })
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        self.leaves.keys().map(String::as_str)
    }
}

/// An empty map counts as a leaf: its keys are the user's.
fn collect(path: &str, value: serde_json::Value, leaves: &mut BTreeMap<String, serde_json::Value>) {
    match value {
        serde_json::Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                collect(&join(path, &key), value, leaves);
            }
        }
        _ if path.is_empty() => {}
        value => {
            leaves.insert(path.to_owned(), value);
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
