//! A Prometheus of one's own, which accepts remote writes (from Loki's ruler, say) and evaluates given rules.

use crate::process::{Launch, Process, Signal, scratch};
use crate::{ports, servers};
use anyhow::Context as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Longest start; it takes half a second on an idle machine.
const START_DEADLINE: Duration = Duration::from_mins(1);

/// What it is started with.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// Addresses (`host:port`) whose `/metrics` is scraped every second.
    pub scrape: Vec<String>,
    /// Address (`host:port`) of an Alertmanager to send alerts to.
    pub alertmanager: Option<String>,
    /// A rule file's content.
    pub rules: Option<String>,
}

/// A Prometheus on 127.0.0.1, gone when dropped.
#[derive(Debug)]
pub struct Prometheus {
    /// Base address.
    pub url: String,
    process: Process,
}

impl Prometheus {
    /// Starts one; `None` where it is not.
    pub async fn start(options: &Options) -> anyhow::Result<Option<Self>> {
        let Some(program) = servers::locate("prometheus") else { return Ok(None) };
        let dir = scratch("prometheus")?;
        let config = dir.path().join("prometheus.yml");
        fs::write(&config, configuration(options)).context("prometheus: write its configuration")?;
        let rules = options.rules.as_deref().unwrap_or("groups: []\n");
        fs::write(dir.path().join(RULES), rules).context("prometheus: write its rules")?;
        let port = ports::free()?;
        let mut process = Launch::new("prometheus", program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--web.enable-remote-write-receiver", "--storage.tsdb.no-lockfile", "--log.level=warn"])
            .start(dir)?;
        let url = format!("http://127.0.0.1:{port}");
        process.wait_http(&format!("{url}/-/ready"), START_DEADLINE).await?;
        Ok(Some(Self { url, process }))
    }

    /// Replaces its rules and has it read them.
    pub fn set_rules(&mut self, rules: &str) -> anyhow::Result<()> {
        fs::write(self.rules_file(), rules).context("prometheus: write its rules")?;
        self.process.signal(Signal::Reload)
    }

    /// Where its rules lie.
    pub fn rules_file(&self) -> PathBuf {
        self.process.dir().join(RULES)
    }

    /// Its process, for faults.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Starts it again after a fault, with its data.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.process.restart()?;
        self.process.wait_http(&format!("{}/-/ready", self.url), START_DEADLINE).await
    }
}

const RULES: &str = "rules.yml";

fn configuration(options: &Options) -> String {
    // JSON is YAML, and quotes what needs quotes.
    let targets = |addresses: &[String]| serde_json::json!([{ "targets": addresses }]);
    let alertmanagers: Vec<String> = options.alertmanager.iter().cloned().collect();
    serde_json::json!({
        "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
        "rule_files": [RULES],
        "scrape_configs": [{ "job_name": "yagura", "static_configs": targets(&options.scrape) }],
        "alerting": { "alertmanagers": [{ "static_configs": targets(&alertmanagers) }] },
        "storage": { "tsdb": { "out_of_order_time_window": "1h" } },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn evaluates_given_rules_and_keeps_them_over_a_crash() {
        let rules = "groups: [{name: g, rules: [{record: yagura_one, expr: vector(1)}]}]\n";
        let options = Options { rules: Some(rules.to_owned()), ..Options::default() };
        let Some(mut prometheus) = Prometheus::start(&options).await.unwrap() else {
            eprintln!(
                "skipped: evaluates_given_rules_and_keeps_them_over_a_crash: no prometheus, see `cargo xtask servers`"
            );
            return;
        };
        prometheus.process().kill9();
        prometheus.restart().await.unwrap();
        let rules = crate::http().get(format!("{}/api/v1/rules", prometheus.url)).send().await.unwrap();
        assert!(rules.text().await.unwrap().contains("yagura_one"));
    }
}
