//! The anomaly wall: services over time, and what was odd about them, for a terminal, a machine or a browser.
//!
//! [`build()`] is pure: rows of the database in, a [`Wall`] out. [`text`], [`mod@json`] and [`html`] draw it.

mod axis;
mod build;
pub mod html;
pub mod json;
mod links;
mod model;
pub mod text;
mod words;

pub use build::{LEARNING_S, Range, Rows, build, is_learning};
pub use links::LinksConfig;
pub use model::{Cell, Health, Incident, Lane, Links, MessageType, State, Template, Wall};

use crate::cli::{mark, migrated};
use crate::config::Config;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use log_model::time::SECOND;
use log_store::Store;
use serde_json::json;
use std::path::PathBuf;
use unit_kit::{Context, Outcome};

/// Columns that a page has room for: five minutes each for a day, which may begin and end within one.
pub const PAGE_COLUMNS: usize = 289;

/// Columns that a document has: ten minutes each for a day.
pub const JSON_COLUMNS: usize = 145;

/// Messages that are shown while there is little else.
const TEMPLATES: u32 = 20;

/// What to show, and where. With the global `--json`, one JSON document.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Draw on the terminal (the default)
    #[arg(long, conflicts_with = "html")]
    text: bool,
    /// Write one self-contained HTML page and print its path
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Start of the time shown: 2026-11-22T10:00Z, or a date
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "last")]
    from: Option<i64>,
    /// End of the time shown [default: now]
    #[arg(long, value_name = "TIME", value_parser = time, requires = "from")]
    to: Option<i64>,
    /// How much time up to now is shown: 90m, 24h, 7d
    #[arg(long, value_name = "DURATION", value_parser = length, default_value = "24h")]
    last: i64,
    /// Draw the wall as it would be at this time
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "to")]
    at: Option<i64>,
}

/// Draws the wall.
pub async fn run(ctx: &Context<Config>, args: &Args) -> anyhow::Result<Outcome> {
    let now = Utc::now();
    let end = args.to.or(args.at).unwrap_or(now.timestamp());
    let start = args.from.unwrap_or(end - args.last);
    if start >= end {
        return Err(unit_kit::usage_error(anyhow::anyhow!("the time shown ends before it begins")));
    }
    let store = migrated(ctx).await?;
    let columns = match (&args.html, ctx.json) {
        (Some(_), _) => PAGE_COLUMNS,
        (None, true) => JSON_COLUMNS,
        (None, false) => text::MAX_COLUMNS,
    };
    let range = Range::new(start, end, columns);
    let drawn_at = args.at.and_then(|at| DateTime::from_timestamp(at, 0)).unwrap_or(now);
    let wall = build(drawn_at, range, rows(&store, range).await.map_err(mark)?, &ctx.config.links);
    if let Some(file) = &args.html {
        unit_kit::atomic::write(file, html::render(&wall))?;
        let path = file.canonicalize().with_context(|| format!("find {}", file.display()))?;
        if ctx.json {
            ctx.out.json(&json!({ "wall": path }))?;
        } else {
            ctx.out.line(path.display())?;
        }
    } else if ctx.json {
        ctx.out.text(json::render(&wall)?)?;
    } else {
        ctx.out.text(text::render(&wall, ctx.out.has_colour()))?;
    }
    Ok(Outcome::Done)
}

async fn rows(store: &Store, range: Range) -> log_store::Result<Rows> {
    let (from, to) = (range.from * SECOND, range.to * SECOND);
    let ages = store.entity_ages(to).await?;
    let templates = if is_learning(&ages, range.to) {
        store.top_templates(from, to, TEMPLATES).await?
    } else {
        Vec::new()
    };
    Ok(Rows {
        anomalies: store.anomalies(from, to).await?,
        counts: store.lane_counts(from, to, range.step_s).await?,
        ages,
        templates,
        freshness: store.freshness(to).await?,
    })
}

fn time(text: &str) -> Result<i64, String> {
    log_model::time::parse(text).map(|ns| ns.div_euclid(SECOND)).ok_or_else(|| {
        "expected a time like 2026-11-22T10:00Z, a date, or seconds since the epoch".to_owned()
    })
}

fn length(text: &str) -> Result<i64, String> {
    let problem = || "expected a number and a unit, like 90m, 24h or 7d".to_owned();
    let unit = match text.chars().last() {
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86_400,
        Some('w') => 604_800,
        _ => return Err(problem()),
    };
    let count: i64 = text[..text.len() - 1].parse().map_err(|_| problem())?;
    // Ten years of minutes are more than any table keeps.
    let seconds = count.checked_mul(unit).filter(|s| (60..=315_360_000).contains(s));
    seconds.ok_or_else(|| "expected one minute to ten years".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_a_unit_and_a_limit() {
        assert_eq!(length("90m"), Ok(5400));
        assert_eq!(length("7d"), Ok(604_800));
        for wrong in ["", "h", "24", "0h", "-1h", "1.5h", "9999999999999999999h", "99999w", "5時"] {
            assert!(length(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(time("2026-11-22T10:00Z"), Ok(1_795_341_600));
        assert!(time("soon").is_err());
    }
}
