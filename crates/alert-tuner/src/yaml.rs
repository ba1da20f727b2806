//! Rule files as YAML.
//!
//! The writer knows the one shape that rule files have. Strings are written as JSON
//! strings, which are YAML, and expressions as literal blocks, which people can read.

use crate::rules::{Group, Rule};
use std::fmt::Write as _;

/// A rule file, with a comment that says where it came from.
pub fn rule_file(groups: &[Group]) -> String {
    let mut out = String::from("# Written by alert-tuner; change the spec, not this file.\ngroups:\n");
    for group in groups {
        let _ = writeln!(out, "  - name: {}", quoted(&group.name));
        let _ = writeln!(out, "    interval: {}", group.interval);
        let _ = writeln!(out, "    limit: {}", group.limit);
        let _ = writeln!(out, "    rules:");
        for rule in &group.rules {
            write_rule(&mut out, rule);
        }
    }
    out
}

fn write_rule(out: &mut String, rule: &Rule) {
    let _ = writeln!(out, "      - alert: {}", quoted(&rule.alert));
    let _ = writeln!(out, "        expr: |");
    for line in rule.expr.lines() {
        let _ = writeln!(out, "          {line}");
    }
    if let Some(hold) = &rule.hold {
        let _ = writeln!(out, "        for: {hold}");
    }
    for (name, pairs) in [("labels", &rule.labels), ("annotations", &rule.annotations)] {
        let _ = writeln!(out, "        {name}:");
        for (key, value) in pairs {
            let _ = writeln!(out, "          {key}: {}", quoted(value));
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use crate::{rules, spec::Spec};

    #[test]
    fn the_default_spec_as_a_file() {
        insta::assert_snapshot!(super::rule_file(&rules::groups(&Spec::default())));
    }
}
