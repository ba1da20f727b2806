//! Attributes as the `JSON` column takes them.
//!
//! One object that the server cannot take fails the whole batch (code 117), so what might not fit is
//! found here: such a line keeps its attributes as text under the key `_raw`.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Key under which attributes are kept that the column cannot hold as they are.
const RAW: &str = "_raw";
/// A name longer than this is data, not a name; the server would make a column file of it.
const MAX_KEY_BYTES: usize = 256;
/// More names than this on one line are data, not attributes.
const MAX_KEYS: usize = 512;

/// The attributes as a JSON object of strings.
///
/// The server writes a dot inside a name as `%2E` (`json_type_escape_dots_in_keys`), so a name that
/// already has that text would come back changed or clash with another; empty names and control
/// characters do not survive either.
pub fn attrs_json(attrs: &BTreeMap<String, String>) -> String {
    let fits = attrs.len() <= MAX_KEYS && attrs.keys().all(|key| key_fits(key));
    let object: Map<String, Value> =
        attrs.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect();
    let text = Value::Object(object).to_string();
    if fits { text } else { raw_attrs_json(text) }
}

/// The text of attributes as the only attribute, which every server takes.
pub(crate) fn raw_attrs_json(text: String) -> String {
    Value::Object(Map::from_iter([(RAW.to_owned(), Value::String(text))])).to_string()
}

fn key_fits(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= MAX_KEY_BYTES
        && !key.contains(char::is_control)
        && !key.contains('`')
        && !key.to_ascii_lowercase().contains("%2e")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attrs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn ordinary_attributes_are_a_flat_object_of_strings() {
        assert_eq!(attrs_json(&attrs(&[])), "{}");
        let json = attrs_json(&attrs(&[("user.id", "7"), ("q", "\"x\"\n")]));
        assert_eq!(json, r#"{"q":"\"x\"\n","user.id":"7"}"#);
    }

    #[test]
    fn attributes_that_would_fail_a_batch_are_kept_as_text() {
        for bad in ["", "a%2Eb", "a\0b", "a`b", &"k".repeat(300)] {
            let json = attrs_json(&attrs(&[(bad, "v"), ("ok", "w")]));
            assert!(json.starts_with(r#"{"_raw":"{"#), "{json}");
        }
    }
}
