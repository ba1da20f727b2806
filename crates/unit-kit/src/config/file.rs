//! The TOML file: reading it, and finding the line of a mistake.

use super::{Config, ConfigError, Draft, Keys, Origin, UNIT, UnitConfig, explain, join};
use serde::Deserialize as _;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// A key of the file: its path, and the bytes of key and value.
struct Entry {
    path: String,
    key: Range<usize>,
    value: Range<usize>,
}

/// Reads a file and checks its keys and types.
pub(super) fn read<C: Config>(path: &Path, keys: &Keys) -> Result<Draft, ConfigError> {
    let whole = || Origin::File(path.to_owned(), None);
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::new(whole(), format!("read configuration: {error}"), None))?;
    let at = |offset: usize| Origin::File(path.to_owned(), Some(line_of(&text, offset)));
    let syntax = |error: toml::de::Error| {
        let origin = error.span().map_or_else(whole, |span| at(span.start));
        ConfigError::new(origin, format!("not valid TOML: {}", one_line(error.message())), None)
    };

    let document = DeTable::parse(&text).map_err(syntax)?;
    let mut entries = Vec::new();
    list("", document.get_ref(), &mut entries);
    let typed = |error: toml::de::Error| {
        let Some(span) = error.span() else {
            return ConfigError::new(whole(), explain::type_problem("", error.message()), None);
        };
        let key = innermost(&entries, &span);
        let (problem, hint) = explain::explain(key.unwrap_or(""), error.message(), keys);
        ConfigError::new(at(span.start), problem, hint)
    };

    let mut own = document.clone();
    if let Some(unit) = own.get_mut().remove(UNIT) {
        UnitConfig::deserialize(ValueDeserializer::from(unit)).map_err(typed)?;
    }
    C::deserialize(toml::Deserializer::from(own)).map_err(typed)?;

    let table: toml::Table = text.parse().map_err(syntax)?;
    let origins: BTreeMap<String, Origin> =
        entries.iter().map(|entry| (entry.path.clone(), at(entry.key.start))).collect();
    Ok(Draft { table, origins })
}

fn list(path: &str, table: &DeTable<'_>, entries: &mut Vec<Entry>) {
    for (key, value) in table {
        let path = join(path, key.get_ref());
        entries.push(Entry { path: path.clone(), key: key.span(), value: value.span() });
        list_value(&path, value, entries);
    }
}

fn list_value(path: &str, value: &Spanned<DeValue<'_>>, entries: &mut Vec<Entry>) {
    match value.get_ref() {
        DeValue::Table(table) => list(path, table, entries),
        DeValue::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                let path = format!("{path}[{i}]");
                entries.push(Entry { path: path.clone(), key: item.span(), value: item.span() });
                list_value(&path, item, entries);
            }
        }
        _ => {}
    }
}

/// The deepest key that a span belongs to. The value of a `[section]` spans its header only, so the last match in
/// document order of nesting (parents come first) is the deepest.
fn innermost<'a>(entries: &'a [Entry], span: &Range<usize>) -> Option<&'a str> {
    let holds = |range: &Range<usize>| range.start <= span.start && span.end <= range.end;
    entries
        .iter()
        .rev()
        .find(|entry| holds(&entry.key) || holds(&entry.value))
        .map(|entry| entry.path.as_str())
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

fn one_line(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join(", ")
}
