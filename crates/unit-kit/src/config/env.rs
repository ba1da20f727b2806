//! The environment: `YAGURA_<TOOL>_<SECTION>_<KEY>` for every key, and the names that the predecessor used.

use super::{Config, ConfigError, Draft, Keys, Origin, Sources, explain};
use std::collections::BTreeMap;
use toml::Value;

/// Short names that work for every tool which has the key. The long name wins over them.
const SHARED: &[(&str, &str)] = &[("LOKI_URL", "loki.url"), ("CLICKHOUSE_URL", "clickhouse.url")];

/// ClickHouse's native protocol, which the predecessor did not speak either, but which people set by habit.
const NATIVE_PORT: &str = "9000";

/// Applies the environment; returns what the user should be told.
pub(super) fn apply<C: Config>(
    draft: &mut Draft,
    keys: &Keys,
    sources: &Sources,
) -> Result<Vec<String>, ConfigError> {
    let mut notes = Vec::new();
    if let Some((name, url)) = predecessor_url(&sources.env, keys, &mut notes)? {
        set_text::<C>(draft, keys, Origin::Env(name), "clickhouse.url", &url)?;
    }
    for (name, key) in SHARED {
        if let Some(value) = given(&sources.env, name).filter(|_| keys.leaves.contains_key(*key)) {
            set_text::<C>(draft, keys, Origin::Env((*name).to_owned()), key, value)?;
        }
    }
    let prefix = prefix(sources.tool);
    let names: BTreeMap<String, &str> = keys.iter().map(|key| (name_of(&prefix, key), key)).collect();
    for (name, value) in sources.env.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix))
    {
        let Some(key) = names.get(name) else {
            let hint = explain::nearest(name, names.keys().map(String::as_str));
            let hint = hint.map(|near| format!("did you mean {near}?"));
            return Err(ConfigError::new(
                Origin::Env(name.clone()),
                "names no key of the configuration",
                hint,
            ));
        };
        set_text::<C>(draft, keys, Origin::Env(name.clone()), key, value)?;
    }
    Ok(notes)
}

/// Sets a key from text. What the text means follows from the default value; where that says nothing (an unset
/// option), text comes first and TOML second.
pub(super) fn set_text<C: Config>(
    draft: &mut Draft,
    keys: &Keys,
    origin: Origin,
    key: &str,
    text: &str,
) -> Result<(), ConfigError> {
    let Some(default) = keys.leaves.get(key) else {
        let hint = explain::nearest(key, keys.iter()).map(|near| format!("did you mean `{near}`?"));
        return Err(ConfigError::new(origin, format!("unknown key `{key}`"), hint));
    };
    let mut first_error = None;
    for value in readings(default, text) {
        let mut trial = draft.clone();
        trial.set(key, value, origin.clone());
        match trial.build::<C>() {
            Ok(_) => {
                *draft = trial;
                return Ok(());
            }
            Err(error) => {
                first_error.get_or_insert_with(|| explain::explain(key, error.message(), keys));
            }
        }
    }
    let (problem, hint) = first_error.unwrap_or_else(|| (format!("`{key}`: cannot be set by text"), None));
    Err(ConfigError::new(origin, problem, hint))
}

/// What a text can mean, likeliest first.
fn readings(default: &serde_json::Value, text: &str) -> Vec<Value> {
    let string = Value::String(text.to_owned());
    let parsed = format!("v = {text}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("v"));
    let both = |first: Option<Value>, second: Option<Value>| first.into_iter().chain(second).collect();
    match default {
        serde_json::Value::Bool(_) | serde_json::Value::Object(_) => both(parsed, Some(string)),
        serde_json::Value::Number(number) => {
            // `30` is a good number of seconds also where the default is 0.5.
            let float = text.parse::<f64>().ok().filter(|_| number.is_f64()).map(Value::Float);
            both(float.or(parsed), Some(string))
        }
        serde_json::Value::Array(_) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            let list = Value::Array(items.map(|item| Value::String(item.to_owned())).collect());
            both(parsed.filter(Value::is_array), Some(list))
        }
        serde_json::Value::String(_) | serde_json::Value::Null => both(Some(string), parsed),
    }
}

/// `CLICKHOUSE_HOST` and `CLICKHOUSE_PORT`, as the predecessor of these tools was set up.
fn predecessor_url(
    env: &BTreeMap<String, String>,
    keys: &Keys,
    notes: &mut Vec<String>,
) -> Result<Option<(String, String)>, ConfigError> {
    let (host, port) = (given(env, "CLICKHOUSE_HOST"), given(env, "CLICKHOUSE_PORT"));
    let superseded = given(env, "CLICKHOUSE_URL").is_some() || !keys.leaves.contains_key("clickhouse.url");
    if superseded || (host.is_none() && port.is_none()) {
        return Ok(None);
    }
    let name = if port.is_some() { "CLICKHOUSE_PORT" } else { "CLICKHOUSE_HOST" };
    let host = host.map_or("127.0.0.1", String::as_str);
    let port = port.map_or("8123", String::as_str);
    let wrong_port = |problem: String| {
        let hint = format!("set CLICKHOUSE_URL=http://{host}:8123, the HTTP port");
        Err(ConfigError::new(Origin::Env("CLICKHOUSE_PORT".to_owned()), problem, Some(hint)))
    };
    if port == NATIVE_PORT {
        return wrong_port(format!(
            "{NATIVE_PORT} is the port of the native protocol, expected the HTTP port"
        ));
    }
    if port.parse::<u16>().is_err() {
        return wrong_port(format!("found \"{port}\", expected a port number"));
    }
    let url = if host.contains(':') && !host.starts_with('[') {
        format!("http://[{host}]:{port}")
    } else {
        format!("http://{host}:{port}")
    };
    notes
        .push(format!("CLICKHOUSE_HOST and CLICKHOUSE_PORT are the predecessor's, set CLICKHOUSE_URL={url}"));
    Ok(Some((name.to_owned(), url)))
}

/// A short name's value. These names are shared with other programs, whose units often set them to nothing.
fn given<'a>(env: &'a BTreeMap<String, String>, name: &str) -> Option<&'a String> {
    env.get(name).filter(|value| !value.is_empty())
}

fn prefix(tool: &str) -> String {
    format!("YAGURA_{}_", upper(tool))
}

fn name_of(prefix: &str, key: &str) -> String {
    format!("{prefix}{}", upper(key))
}

fn upper(text: &str) -> String {
    text.to_uppercase().replace(['-', '.'], "_")
}
