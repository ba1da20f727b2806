//! `alert-tuner generate`

use crate::cli::Config;
use crate::rules::{self, Group};
use crate::spec::Spec;
use crate::yaml;
use anyhow::Context as _;
use std::path::PathBuf;
use unit_kit::{Context, Outcome, ResultExt as _};

/// Arguments of `generate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The spec (TOML); default: the configuration's `spec_file`, else the built-in spec for all services
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// Where to write the rule file; default: standard output
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Say what would be written, write nothing
    #[arg(long, requires = "out")]
    dry_run: bool,
}

pub(crate) fn run(context: &Context<Config>, args: &Args) -> anyhow::Result<Outcome> {
    let spec = match args.spec.as_ref().or(context.config.spec_file.as_ref()) {
        None => Spec::default(),
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("read spec {}", file.display()))
                .or_config_error()?;
            Spec::parse(file, &text).or_config_error()?
        }
    };
    let groups = rules::groups(&spec);
    let file = yaml::rule_file(&groups);
    let count: usize = groups.iter().map(|group| group.rules.len()).sum();

    if let Some(out) = &args.out {
        let unchanged = std::fs::read_to_string(out).is_ok_and(|old| old == file);
        if !unchanged && !args.dry_run {
            unit_kit::atomic::write(out, file.as_bytes())?;
        }
        let verb = match (unchanged, args.dry_run) {
            (true, _) => "unchanged",
            (false, true) => "would write",
            (false, false) => "wrote",
        };
        if context.json {
            context.out.json(&report(&groups, Some(out), verb))?;
        } else {
            context.out.line(format_args!(
                "{verb} {} rules={count} groups={}",
                out.display(),
                groups.len()
            ))?;
        }
    } else if context.json {
        context.out.json(&report(&groups, None, "printed"))?;
    } else {
        context.out.text(&file)?;
    }
    Ok(Outcome::Done)
}

fn report(groups: &[Group], out: Option<&PathBuf>, action: &str) -> serde_json::Value {
    serde_json::json!({ "action": action, "file": out, "groups": groups })
}
