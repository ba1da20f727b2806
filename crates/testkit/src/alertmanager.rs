//! An Alertmanager of one's own, which sends what it gets to a webhook, or to nobody.

use crate::process::{Launch, Process, Signal, scratch};
use crate::{ports, servers};
use anyhow::Context as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Longest start; it takes half a second on an idle machine.
const START_DEADLINE: Duration = Duration::from_mins(1);

const CONFIG: &str = "alertmanager.yml";

/// An Alertmanager on 127.0.0.1, gone when dropped.
#[derive(Debug)]
pub struct Alertmanager {
    /// Base address.
    pub url: String,
    process: Process,
}

impl Alertmanager {
    /// Starts one that groups nothing, waits for nothing and sends everything to `webhook`; `None` where there is no
    /// Alertmanager of at least 0.33.
    pub async fn start(webhook: Option<&str>) -> anyhow::Result<Option<Self>> {
        Self::start_with(&configuration(webhook)).await
    }

    /// Starts one with that configuration.
    pub async fn start_with(configuration: &str) -> anyhow::Result<Option<Self>> {
        let Some(program) = servers::locate("alertmanager") else { return Ok(None) };
        let dir = scratch("alertmanager")?;
        fs::write(dir.path().join(CONFIG), configuration).context("alertmanager: write its configuration")?;
        let port = ports::free()?;
        let mut process = Launch::new("alertmanager", program)
            .arg(format!("--config.file={CONFIG}"))
            .arg("--storage.path=data")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            // Empty: no cluster, which would listen on all addresses.
            .args(["--cluster.listen-address=", "--log.level=warn"])
            .start(dir)?;
        let url = format!("http://127.0.0.1:{port}");
        process.wait_http(&format!("{url}/-/ready"), START_DEADLINE).await?;
        Ok(Some(Self { url, process }))
    }

    /// `host:port`, as Prometheus wants it.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Where its configuration lies.
    pub fn config_file(&self) -> PathBuf {
        self.process.dir().join(CONFIG)
    }

    /// Has it read its configuration again.
    pub fn reload(&mut self) -> anyhow::Result<()> {
        self.process.signal(Signal::Reload)
    }

    /// Its process, for faults.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Starts it again after a fault, with its silences and notification log.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.process.restart()?;
        self.process.wait_http(&format!("{}/-/ready", self.url), START_DEADLINE).await
    }
}

fn configuration(webhook: Option<&str>) -> String {
    let webhooks: Vec<_> =
        webhook.iter().map(|url| serde_json::json!({ "url": url, "send_resolved": true })).collect();
    // JSON is YAML, and quotes what needs quotes.
    serde_json::json!({
        "route": { "receiver": "all", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s" },
        "receivers": [{ "name": "all", "webhook_configs": webhooks }],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn takes_an_alert_and_lists_it() {
        let Some(alertmanager) = Alertmanager::start(None).await.unwrap() else {
            eprintln!("skipped: takes_an_alert_and_lists_it: no alertmanager, see `cargo xtask servers`");
            return;
        };
        let alerts = format!("{}/api/v2/alerts", alertmanager.url);
        let alert = serde_json::json!([{ "labels": { "alertname": "Yagura" } }]);
        crate::http().post(&alerts).json(&alert).send().await.unwrap().error_for_status().unwrap();
        let listed = crate::http().get(&alerts).send().await.unwrap().text().await.unwrap();
        assert!(listed.contains("\"alertname\":\"Yagura\""), "{listed}");
    }
}
