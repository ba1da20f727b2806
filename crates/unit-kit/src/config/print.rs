//! `--print-config`: the effective configuration, without its secrets.

use super::{Config, Loaded, UNIT};
use serde_json::Value;

/// Parts of a key's name that say its value is a secret. `*_file` names a path and is shown.
const SECRET_WORDS: &[&str] =
    &["password", "passphrase", "token", "secret", "webhook", "credential", "api_key"];

/// As TOML. Keys that are not set follow as comments.
pub(crate) fn print_toml<C: Config>(loaded: &Loaded<C>) -> anyhow::Result<String> {
    let document = document(loaded)?;
    let mut unset = Vec::new();
    let Some(toml::Value::Table(table)) = to_toml("", &document, &mut unset) else {
        anyhow::bail!("the configuration is not a table");
    };
    let mut text = toml::to_string_pretty(&table)?;
    if !unset.is_empty() {
        text.push_str("\n# not set:\n");
        for key in unset {
            text.push_str("#   ");
            text.push_str(&key);
            text.push('\n');
        }
    }
    Ok(text)
}

/// As one JSON document.
pub(crate) fn print_json<C: Config>(loaded: &Loaded<C>) -> anyhow::Result<Value> {
    document(loaded)
}

fn document<C: Config>(loaded: &Loaded<C>) -> anyhow::Result<Value> {
    let mut document = match serde_json::to_value(&loaded.config)? {
        Value::Null => Value::Object(serde_json::Map::new()),
        document => document,
    };
    if let Value::Object(fields) = &mut document {
        fields.insert(UNIT.to_owned(), serde_json::to_value(&loaded.unit)?);
    }
    hide("", &mut document);
    Ok(document)
}

fn hide(key: &str, value: &mut Value) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| hide(key, value)),
        Value::Array(items) => items.iter_mut().for_each(|item| hide(key, item)),
        Value::String(text) if !text.is_empty() => {
            let key = key.to_lowercase();
            if !key.ends_with("_file") && SECRET_WORDS.iter().any(|word| key.contains(word)) {
                "***".clone_into(text);
            } else if let Some(hidden) = hide_userinfo(text) {
                *text = hidden;
            }
        }
        _ => {}
    }
}

/// `https://user:password@host/` → `https://***@host/`.
fn hide_userinfo(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.find(['/', '?', '#']).map_or(rest, |end| &rest[..end]);
    let at = authority.rfind('@')?;
    Some(format!("{scheme}://***{}", &rest[at..]))
}

fn to_toml(path: &str, value: &Value, unset: &mut Vec<String>) -> Option<toml::Value> {
    Some(match value {
        Value::Null => {
            unset.push(path.to_owned());
            return None;
        }
        Value::Bool(value) => toml::Value::Boolean(*value),
        Value::Number(number) => match number.as_i64() {
            Some(value) => toml::Value::Integer(value),
            None => toml::Value::Float(number.as_f64()?),
        },
        Value::String(text) => toml::Value::String(text.clone()),
        Value::Array(items) => {
            toml::Value::Array(items.iter().filter_map(|item| to_toml(path, item, unset)).collect())
        }
        Value::Object(fields) => toml::Value::Table(
            fields
                .iter()
                .filter_map(|(key, value)| {
                    Some((key.clone(), to_toml(&super::join(path, key), value, unset)?))
                })
                .collect(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_what_is_secret_and_shows_what_is_not() {
        let mut value = serde_json::json!({
            "url": "http://u:p@host:3100/x@y", "plain": "http://host/a@b", "password_file": "/run/p",
            "discord_webhook": "https://discord/x", "list": [{"token": "t"}], "empty_token": "", "token_ttl_s": 5
        });
        hide("", &mut value);
        let expected = serde_json::json!({
            "url": "http://***@host:3100/x@y", "plain": "http://host/a@b", "password_file": "/run/p",
            "discord_webhook": "***", "list": [{"token": "***"}], "empty_token": "", "token_ttl_s": 5
        });
        assert_eq!(value, expected);
    }
}
