//! `anomaly-scan templates`: the message types.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use log_model::parse::{Format, LineContext, parse_line};
use log_store::Store;
use log_templates::Miner;
use serde_json::json;
use unit_kit::{Context, Outcome, Table};

use crate::cli::mark;
use crate::config::Config;

/// Flags of `templates`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Find the templates of this log file instead; nothing is written, no database is needed
    #[arg(long, value_name = "FILE")]
    pub(crate) from_file: Option<PathBuf>,
    /// Show only so many, the most frequent first
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u32>,
}

/// One line of the list.
struct Listed {
    service: String,
    id: u64,
    count: u64,
    text: String,
}

/// Lists the stored templates.
pub(crate) async fn run(ctx: &Context<Config>, store: &Store, limit: Option<u32>) -> anyhow::Result<Outcome> {
    let now = chrono::Utc::now().timestamp_nanos_opt().unwrap_or(i64::MAX);
    let rows = store.top_templates(0, now, limit.unwrap_or(u32::MAX)).await.map_err(mark)?;
    let list = rows
        .into_iter()
        .map(|row| Listed { service: row.service, id: row.id, count: row.cnt, text: row.pattern })
        .collect();
    print(ctx, list)
}

/// Finds the templates of a file.
pub(crate) fn from_file(ctx: &Context<Config>, file: &Path, limit: Option<u32>) -> anyhow::Result<Outcome> {
    let mut reader = BufReader::new(File::open(file).with_context(|| format!("open {}", file.display()))?);
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let received = chrono::Utc::now().timestamp_nanos_opt().unwrap_or_default();
    let context = LineContext { host: "localhost", service: &stem, unit: "", received };
    let mut miner = Miner::default();
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).with_context(|| format!("read {}", file.display()))? > 0 {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        if !text.is_empty() {
            let record = parse_line(Format::Auto, &context, text);
            miner.observe(&record.service, &record.message);
        }
        line.clear();
    }
    let mut list: Vec<Listed> = miner
        .services()
        .flat_map(|service| {
            miner.templates(service).into_iter().map(|template| Listed {
                service: service.to_owned(),
                id: template.id.0,
                count: template.count,
                text: template.text,
            })
        })
        .collect();
    list.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.service.cmp(&b.service)));
    list.truncate(limit.unwrap_or(u32::MAX) as usize);
    print(ctx, list)
}

fn print(ctx: &Context<Config>, list: Vec<Listed>) -> anyhow::Result<Outcome> {
    if ctx.json {
        let list: Vec<_> = list
            .iter()
            .map(|one| {
                json!({
                    "id": format!("{:016x}", one.id),
                    "service": one.service,
                    "count": one.count,
                    "text": one.text,
                })
            })
            .collect();
        ctx.out.json(&list)?;
        return Ok(Outcome::Done);
    }
    let mut table = Table::new(["COUNT", "ID", "SERVICE", "TEMPLATE"]);
    for one in list {
        table.row([one.count.to_string(), format!("{:016x}", one.id), one.service, one.text]);
    }
    ctx.out.table(&table)?;
    Ok(Outcome::Done)
}
