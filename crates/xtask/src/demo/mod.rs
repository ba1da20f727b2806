//! `cargo xtask demo`: the whole way of a line, from file to wall, on engines of its own.

mod check;
mod history;
mod report;
mod steps;
mod tools;

use crate::servers;
use anyhow::{Context as _, bail};
use check::{Comparison, Found};
use log_model::time::{self, DAY, SECOND, rfc3339};
use log_store::{ClickHouseConfig, Store};
use loki_client::{Client, LokiConfig};
use report::Report;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use steps::Steps;
use testkit::clickhouse::ClickHouse;
use testkit::loki::Loki;
use testkit::traffic::{self, Traffic};
use tools::{Tools, words};
use unit_kit::{Outcome, Output, signals};

/// Days of history before the live hour.
const DAYS: u32 = 21;

/// How long ago the live hour may end.
const OLDEST: i64 = 6 * DAY;

/// Makes three weeks of a home lab's logs and a live hour with incidents in it, ships the hour through Loki to
/// ClickHouse, finds the incidents, and draws the wall. Nothing stays behind but `target/demo/wall.html`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Ship these log files instead, moved into the last hour
    #[arg(long, value_name = "FILE", num_args = 1..)]
    from: Vec<PathBuf>,
    /// Leave the engines running until Ctrl-C and print their URLs
    #[arg(long)]
    keep: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Another seed makes other traffic
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "from")]
    seed: u64,
    /// Make the live hour end at this time, at most six days ago: with a seed, the same lines every time
    #[arg(long, value_name = "TIME", value_parser = at)]
    at: Option<i64>,
}

/// Where everything is while the demo runs.
struct Stage {
    clickhouse: ClickHouse,
    loki: Loki,
    store: Store,
    client: Client,
    tools: Tools,
    /// Goes away with ClickHouse's own directory, also when this process is killed.
    work: PathBuf,
    steps: Steps,
}

/// The hour that is shipped, whole windows.
#[derive(Debug, Clone, Copy)]
struct Hour {
    from: i64,
    to: i64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    // A file that cannot be read should not cost a build first.
    let files = args
        .from
        .iter()
        .map(|path| {
            std::fs::File::open(path)
                .and_then(|_| path.canonicalize())
                .with_context(|| format!("open {}", path.display()))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    servers::require_clickhouse()?;
    tokio::runtime::Runtime::new().context("start the runtime")?.block_on(async {
        let stop = signals::stop_requested().context("listen for signals")?;
        tokio::pin!(stop);
        let staged = async {
            tools::build().await?;
            let mut stage = Stage::set(args).await?;
            let outcome = stage.play(args, &files).await?;
            anyhow::Ok((stage, outcome))
        };
        // Whatever runs goes away with the unfinished future.
        let (mut stage, outcome) = tokio::select! {
            staged = staged => staged?,
            _ = &mut stop => bail!("stopped before the end; nothing is left running"),
        };
        if args.keep {
            crate::report::say("The engines run until Ctrl-C.");
            stop.await;
        }
        stage.clickhouse.stop().context("stop ClickHouse")?;
        Ok(outcome)
    })
}

impl Stage {
    async fn set(args: &Args) -> anyhow::Result<Self> {
        let mut steps = Steps::new(!args.json);
        let (mut clickhouse, loki) = steps
            .run("engines", async |_| {
                tokio::try_join!(async { ClickHouse::start().await.context("start ClickHouse") }, async {
                    Loki::start().await.context("start Loki")
                },)
            })
            .await?;
        let store = Store::new(
            &ClickHouseConfig { url: clickhouse.url.clone(), ..ClickHouseConfig::default() },
            None,
        )?;
        let client = Client::new(&LokiConfig { url: loki.url.clone(), ..LokiConfig::default() }, None)?;
        let work = clickhouse.process().dir().join("demo");
        let tools = Tools::new(&work, &clickhouse.url, &loki.url)?;
        Ok(Self { clickhouse, loki, store, client, tools, work, steps })
    }

    async fn play(&mut self, args: &Args, files: &[PathBuf]) -> anyhow::Result<Outcome> {
        let seed = args.seed;
        let now = args.at.map_or_else(now, Ok)?;
        let traffic = Traffic::new(traffic::Settings { seed, now, days: DAYS });
        let hour = Hour { from: traffic.live_from(), to: traffic.live_to() };
        let made = files.is_empty();

        self.tool("migrate", "loki2ch", &words(&["migrate"])).await?;
        let history = if made { Some(self.load(&traffic).await?) } else { None };
        let shipped =
            if made { self.ship_live(&traffic).await? } else { self.ship_files(files, hour).await? };
        let span = [rfc3339(hour.from), rfc3339(hour.to)];
        let span = ["--from", &span[0], "--to", &span[1]];
        self.tool("sync", "loki2ch", &[&["sync"], &span[..]].concat()).await?;
        let (client, store) = (&self.client, &self.store);
        let lines: Comparison =
            self.steps.run("compare", async |_| check::compare(client, store, hour, shipped).await).await?;
        self.tool("scan", "anomaly-scan", &[&["scan"], &span[..]].concat()).await?;
        let found: Found = check::judge(&self.store, hour, made.then_some(&traffic)).await?;

        let rules = self.work.join("rules.yaml").display().to_string();
        self.tool("rules", "alert-tuner", &words(&["generate", "--out", &rules])).await?;
        let archive = self.work.join("archive").display().to_string();
        let week = week_of(hour.from);
        let mut export = words(&["run", "--to", &archive]);
        if !made {
            // There is no closed week, so the open one is shown.
            export.extend(["--week", &week, "--force"]);
        }
        self.tool("parquet", "parquet-export", &export).await?;
        let wall = tools::target_dir()?.join("demo/wall.html");
        std::fs::create_dir_all(wall.parent().context("the wall is in a directory")?)?;
        let (start, path) = (rfc3339(hour.to - DAY), wall.display().to_string());
        let draw = words(&["wall", "--html", &path, "--from", &start, "--to", span[3]]);
        self.tool("wall", "anomaly-scan", &draw).await?;

        let report = Report {
            made,
            lines,
            found,
            history,
            engines: vec![
                ("clickhouse", self.clickhouse.kind.as_str(), self.clickhouse.url.clone()),
                ("loki", self.loki.kind.as_str(), self.loki.url.clone()),
            ],
            steps: self.steps.list(),
            wall,
            keep: args.keep,
        };
        report.print(&Output::stdout(), args.json)?;
        Ok(if report.is_good() { Outcome::Done } else { Outcome::NeedsEyes })
    }

    /// Runs a tool as a step of its own.
    async fn tool(&mut self, step: &'static str, tool: &str, args: &[&str]) -> anyhow::Result<Value> {
        let tools = &self.tools;
        self.steps.run(step, async |_| tools.run(tool, args).await).await
    }

    async fn load(&mut self, traffic: &Traffic) -> anyhow::Result<u64> {
        let store = &self.store;
        self.steps.run("history", async |progress| history::load(store, traffic, progress).await).await
    }

    /// Writes the live hour's files and ships them, host by host.
    async fn ship_live(&mut self, traffic: &Traffic) -> anyhow::Result<check::Ids> {
        let work = self.work.clone();
        let mut files: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
        for file in traffic.live() {
            let path = work.join(file.source.file_name());
            std::fs::write(&path, file.content()).with_context(|| format!("write {}", path.display()))?;
            let kind = (file.source.host(), file.source.format().to_string());
            files.entry(kind).or_default().push(path.display().to_string());
        }
        let tools = &self.tools;
        self.steps
            .run("ship", async |_| {
                let mut shipped = check::Ids::default();
                for ((host, format), files) in &files {
                    let mut args = vec!["run", "--once", "--host", host, "--format", format];
                    args.extend(files.iter().map(String::as_str));
                    shipped.add(&tools.run("log-shipper", &args).await?)?;
                }
                Ok(shipped)
            })
            .await
    }

    /// Ships a user's files, moved into the hour.
    async fn ship_files(&mut self, files: &[PathBuf], hour: Hour) -> anyhow::Result<check::Ids> {
        let newest = rfc3339(hour.to - SECOND);
        let within = format!("{}s", (hour.to - hour.from) / SECOND - 1);
        let mut args = vec!["run", "--once", "--timestamps", &newest, "--within", &within];
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        args.extend(names.iter().map(String::as_str));
        let report = self.tool("ship", "log-shipper", &args).await?;
        let mut shipped = check::Ids::default();
        shipped.add(&report)?;
        Ok(shipped)
    }
}

fn now() -> anyhow::Result<i64> {
    Ok(UNIX_EPOCH.elapsed().context("the clock is before 1970")?.as_nanos() as i64)
}

/// Reads `--at`. Loki takes nothing older than a week.
fn at(text: &str) -> Result<i64, String> {
    let at = time::parse(text).ok_or_else(|| format!("{text:?} is no time like 2026-11-22T10:00:00Z"))?;
    let now = now().map_err(|error| error.to_string())?;
    if at > now || at < now - OLDEST {
        return Err(format!("{text} is not within the last six days"));
    }
    Ok(at)
}

/// The ISO week, as parquet-export names it.
fn week_of(ts: i64) -> String {
    chrono::DateTime::from_timestamp_nanos(ts).format("%G-W%V").to_string()
}

/// A path as people want to see it: relative where that is shorter.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}
