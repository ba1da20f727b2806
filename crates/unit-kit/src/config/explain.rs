//! From serde's words to ours: which key, what was found, what is expected, what was probably meant.

use super::{Keys, join};

/// Turns a message of serde about `key` into problem and hint.
pub(super) fn explain(key: &str, message: &str, keys: &Keys) -> (String, Option<String>) {
    if let Some(rest) = message.strip_prefix("unknown field `") {
        return unknown_key(key, rest, keys);
    }
    if let Some(rest) = message.strip_prefix("unknown variant `")
        && let Some((found, expected)) = rest.split_once('`')
    {
        let choices = quoted(expected);
        let problem = format!(
            "{}found \"{found}\", expected {}",
            about(key),
            choices.iter().map(|choice| format!("\"{choice}\"")).collect::<Vec<_>>().join(" or ")
        );
        let hint = nearest(found, choices.iter().copied()).map(|near| format!("did you mean \"{near}\"?"));
        return (problem, hint);
    }
    (type_problem(key, message), None)
}

/// `invalid type: string "x", expected u64` → `` `a.b`: found string "x", expected a whole number, 0 or more ``.
pub(super) fn type_problem(key: &str, message: &str) -> String {
    let message = message.lines().collect::<Vec<_>>().join(", ");
    let rest = ["invalid type: ", "invalid value: "].iter().find_map(|prefix| message.strip_prefix(prefix));
    match rest.and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((found, expected)) => {
            format!("{}found {}, expected {}", about(key), found.replace('`', ""), plain(expected))
        }
        None => format!("{}{message}", about(key)),
    }
}

/// The closest of `choices` to what was typed, if it is close at all.
pub(super) fn nearest<'a>(typed: &str, choices: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let normal = |text: &str| text.to_lowercase().replace('-', "_");
    let typed = normal(typed);
    // A third of the letters may be wrong; of very short words one.
    let allowed = (typed.chars().count() / 3).max(1);
    choices
        .map(|choice| (distance(&typed, &normal(choice)), choice))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, choice)| choice)
}

fn unknown_key(key: &str, rest: &str, keys: &Keys) -> (String, Option<String>) {
    let (found, expected) = rest.split_once('`').unwrap_or((rest, ""));
    // Serde names the field, the span its path; where they disagree (an inline table), the field is below the path.
    let full = if key.rsplit('.').next() == Some(found) { key.to_owned() } else { join(key, found) };
    let parent = full.rfind('.').map_or("", |end| &full[..end]);
    let siblings = quoted(expected);
    let hint = if let Some(near) = nearest(found, siblings.iter().copied()) {
        Some(format!("did you mean `{}`?", join(parent, near)))
    } else if let Some(elsewhere) = keys.iter().find(|path| path.rsplit('.').next() == Some(found)) {
        Some(format!("did you mean `{elsewhere}`?"))
    } else {
        let mut known: Vec<&str> = siblings;
        if parent.is_empty() {
            known.push(super::UNIT);
        }
        let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        let place = if parent.is_empty() { "the top level".to_owned() } else { format!("[{parent}]") };
        (!known.is_empty()).then(|| format!("{place} knows {}", known.join(", ")))
    };
    (format!("unknown key `{full}`"), hint)
}

fn about(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("`{key}`: ") }
}

/// The words in backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Names of Rust types in words.
fn plain(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "path string" => "a path",
        "a sequence" => "a list",
        "a map" => "a table",
        other => other.strip_prefix("struct ").map_or(other, |_| "a table"),
    }
}

/// Edits that turn one word into the other: insert, delete, replace, swap neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_probably_meant() {
        let choices = ["grace_s", "window_s", "url", "tenant"];
        let near = |typed| nearest(typed, choices.into_iter());
        assert_eq!(near("windows_s"), Some("window_s"));
        assert_eq!(near("widnow_s"), Some("window_s"));
        assert_eq!(near("Grace-S"), Some("grace_s"));
        assert_eq!(near("ulr"), Some("url"));
        assert_eq!(near("password"), None);
    }

    #[test]
    fn says_found_and_expected_in_words() {
        let problem = type_problem("a.b", "invalid type: string \"x, expected y\", expected u64");
        assert_eq!(problem, "`a.b`: found string \"x, expected y\", expected a whole number, 0 or more");
        let problem = type_problem("a.b", "invalid value: integer `-1`, expected u16");
        assert_eq!(problem, "`a.b`: found integer -1, expected a whole number from 0 to 65535");
    }
}
