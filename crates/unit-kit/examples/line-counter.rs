//! A small tool built on `unit-kit`, which its tests run: it counts lines of files.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use unit_kit::{Config, ConfigIssue, Context, Outcome, ResultExt as _, Summary};

struct LineCounter;

#[derive(clap::Subcommand)]
enum Command {
    /// Count the lines of files
    Count {
        /// Exit 3 if there are not exactly so many lines
        #[arg(long, value_name = "N")]
        expect: Option<u64>,
        /// Refuse files with more lines
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
        /// Files to count
        files: Vec<PathBuf>,
    },
    /// Print numbers
    Numbers {
        /// How many
        count: u64,
    },
    /// Connect to the server and leave
    Ping,
    /// Run until told to stop
    Serve,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    loki: Server,
    clickhouse: Server,
    count: Count,
    webhook: Option<String>,
    names: BTreeMap<String, String>,
    rules: Vec<Rule>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Server {
    url: String,
    password_file: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Count {
    limit: u64,
    pace: f64,
    strict: bool,
    skip: Vec<String>,
    mode: Mode,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Lines,
    Words,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    name: String,
    level: u8,
}

impl Default for Server {
    fn default() -> Self {
        Self { url: "http://127.0.0.1:9".to_owned(), password_file: None }
    }
}

impl Default for Count {
    fn default() -> Self {
        Self { limit: 1000, pace: 0.5, strict: false, skip: Vec::new(), mode: Mode::Lines }
    }
}

impl Config for Settings {
    fn validate(&self) -> Result<(), ConfigIssue> {
        if self.count.limit == 0 {
            return Err(ConfigIssue::new("count.limit", "is 0, expected 1 or more")
                .with_hint("leave it out for 1000"));
        }
        Ok(())
    }
}

impl unit_kit::Tool for LineCounter {
    const NAME: &'static str = "line-counter";
    const ABOUT: &'static str = "Counts lines";
    type Command = Command;
    type Config = Settings;

    async fn run(ctx: Context<Settings>, command: Command) -> anyhow::Result<Outcome> {
        match command {
            Command::Count { expect, files, .. } => count(&ctx, expect, &files),
            Command::Numbers { count } => {
                for number in 0..count {
                    ctx.out.line(number)?;
                }
                Ok(Outcome::Done)
            }
            Command::Ping => {
                let address = ctx.config.loki.url.trim_start_matches("http://").to_owned();
                tokio::net::TcpStream::connect(&address)
                    .await
                    .map_err(|error| anyhow::Error::new(error).context(format!("connect to {address}")))
                    .or_unavailable()
                    .hint("is it running?")?;
                Ok(Outcome::Done)
            }
            Command::Serve => serve(&ctx).await,
        }
    }

    fn overrides(command: &Command) -> Vec<(&'static str, &'static str, String)> {
        match command {
            Command::Count { limit: Some(limit), .. } => vec![("--limit", "count.limit", limit.to_string())],
            _ => Vec::new(),
        }
    }
}

fn count(ctx: &Context<Settings>, expect: Option<u64>, files: &[PathBuf]) -> anyhow::Result<Outcome> {
    let _lock = ctx.lock()?;
    let metrics = ctx.metrics("line-counter");
    let counted = metrics.counter("line_counter_lines_total", "Lines counted", &["file"])?;
    if let Some(password) = ctx.secret("password", ctx.config.loki.password_file.as_deref())? {
        log::info!("have a password of {} bytes: {password:?}", password.expose().len());
    }
    let bar = ctx.progress.bar(files.len() as u64, "counting");
    let mut lines = 0;
    for file in files {
        let text = std::fs::read_to_string(file)
            .map_err(|error| anyhow::Error::new(error).context(format!("read {}", file.display())))?;
        let found = text.lines().count() as u64;
        anyhow::ensure!(
            found <= ctx.config.count.limit,
            "{}: more than {} lines",
            file.display(),
            ctx.config.count.limit
        );
        counted.add(&[&file.display().to_string()], found as f64);
        log::info!(file = file.display().to_string(), lines = found; "counted");
        lines += found;
        bar.inc(1);
    }
    drop(bar);
    ctx.set_rows(lines);
    if ctx.json {
        ctx.out.json(&serde_json::json!({ "lines": lines, "files": files.len() }))?;
    } else {
        ctx.out.summary(&Summary::new("counted").field("lines", lines).field("files", files.len()))?;
    }
    Ok(if expect.is_none_or(|expect| expect == lines) { Outcome::Done } else { Outcome::NeedsEyes })
}

async fn serve(ctx: &Context<Settings>) -> anyhow::Result<Outcome> {
    let _lock = ctx.lock()?;
    let stop = unit_kit::signals::stop_requested()?;
    tokio::pin!(stop);
    ctx.notify.ready();
    ctx.notify.status("serving");
    ctx.out.line("ready")?;
    let mut pause = tokio::time::interval(Duration::from_millis(5));
    let stopped = loop {
        tokio::select! {
            stopped = &mut stop => break stopped,
            _ = pause.tick() => ctx.notify.progress(),
        }
    };
    ctx.notify.stopping();
    ctx.out.line(format_args!("stopped by {stopped:?}"))?;
    Ok(Outcome::Done)
}

fn main() -> ExitCode {
    unit_kit::main::<LineCounter>()
}
