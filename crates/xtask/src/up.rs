//! `cargo xtask up`: the engines, running until told to stop.

use crate::servers;
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::alertmanager::Alertmanager;
use testkit::clickhouse::ClickHouse;
use testkit::loki::Loki;
use testkit::process::Process;
use testkit::prometheus::{Options, Prometheus};
use testkit::s3::{self, S3};
use unit_kit::{Outcome, Output, Table, signals};

/// Every engine has data of its own, which goes away with it. Engines that are not installed are left out
/// (see `cargo xtask servers`); ClickHouse's library is downloaded when it is not there yet
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print the URLs as one line of JSON
    #[arg(long)]
    json: bool,
}

/// Pause between two looks at whether all engines still run.
const LOOK_EVERY: Duration = Duration::from_secs(1);

struct Engines {
    clickhouse: ClickHouse,
    loki: Loki,
    s3: S3,
    prometheus: Option<Prometheus>,
    alertmanager: Option<Alertmanager>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    servers::require_clickhouse()?;
    tokio::runtime::Runtime::new().context("start the runtime")?.block_on(serve(args))
}

async fn serve(args: &Args) -> anyhow::Result<Outcome> {
    let stop = signals::stop_requested().context("listen for signals")?;
    tokio::pin!(stop);
    let mut engines = tokio::select! {
        engines = Engines::start() => engines?,
        // What has started goes away with the unfinished future.
        _ = &mut stop => return Ok(Outcome::Done),
    };
    engines.print(args.json)?;
    loop {
        tokio::select! {
            _ = &mut stop => break,
            () = tokio::time::sleep(LOOK_EVERY) => engines.check()?,
        }
    }
    engines.clickhouse.stop().context("stop ClickHouse")?;
    Ok(Outcome::Done)
}

impl Engines {
    async fn start() -> anyhow::Result<Self> {
        let (clickhouse, loki, s3, alertmanager) = tokio::try_join!(
            async { ClickHouse::start().await.context("start ClickHouse") },
            async { Loki::start().await.context("start Loki") },
            async { S3::start().await.context("start S3") },
            async { Alertmanager::start(None).await.context("start Alertmanager") },
        )?;
        let options = Options {
            alertmanager: alertmanager.as_ref().map(|it| it.address().to_owned()),
            ..Options::default()
        };
        let prometheus = Prometheus::start(&options).await.context("start Prometheus")?;
        Ok(Self { clickhouse, loki, s3, prometheus, alertmanager })
    }

    /// Name, URL, kind and what else one needs to know.
    fn list(&self) -> Vec<(&'static str, Value)> {
        let mut s3 = json!({ "url": self.s3.url, "kind": self.s3.kind.as_str() });
        if self.s3.kind == s3::Kind::Minio {
            s3["bucket"] = s3::BUCKET.into();
            s3["access_key"] = s3::ACCESS_KEY.into();
            s3["secret_key"] = s3::SECRET_KEY.into();
        }
        let mut list = vec![
            ("clickhouse", json!({ "url": self.clickhouse.url, "kind": self.clickhouse.kind.as_str() })),
            ("loki", json!({ "url": self.loki.url, "kind": self.loki.kind.as_str() })),
            ("s3", s3),
        ];
        let prometheus = self.prometheus.as_ref().map(|it| ("prometheus", &it.url));
        let alertmanager = self.alertmanager.as_ref().map(|it| ("alertmanager", &it.url));
        for (name, url) in prometheus.into_iter().chain(alertmanager) {
            list.push((name, json!({ "url": url, "kind": name })));
        }
        list
    }

    fn print(&self, as_json: bool) -> anyhow::Result<()> {
        let out = Output::stdout();
        if as_json {
            let document: serde_json::Map<String, Value> =
                self.list().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            out.json(&document)?;
            return Ok(());
        }
        let mut table = Table::new(["engine", "kind", "url"]);
        for (name, value) in self.list() {
            let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
            table.row([name.to_owned(), text("kind"), text("url")]);
        }
        out.table(&table)?;
        if self.s3.kind == s3::Kind::Minio {
            let (bucket, access, secret) = (s3::BUCKET, s3::ACCESS_KEY, s3::SECRET_KEY);
            out.line(format_args!("S3: bucket {bucket}, access key {access}, secret key {secret}"))?;
        }
        out.line("Ctrl-C stops them and removes their data.")?;
        Ok(())
    }

    /// Fails when an engine has ended by itself.
    fn check(&mut self) -> anyhow::Result<()> {
        let processes: [(&str, Option<&mut Process>); 5] = [
            ("ClickHouse", Some(self.clickhouse.process())),
            ("Loki", self.loki.process()),
            ("S3", self.s3.process()),
            ("Prometheus", self.prometheus.as_mut().map(Prometheus::process)),
            ("Alertmanager", self.alertmanager.as_mut().map(Alertmanager::process)),
        ];
        for (name, process) in processes {
            let Some(process) = process else { continue };
            if let Some(status) = process.exited()? {
                bail!("{name} ended ({status})\n{}", process.log_tail());
            }
        }
        Ok(())
    }
}
