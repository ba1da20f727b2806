//! A Loki for tests and the demo: the real one where its binary is, else the fake.

use crate::fake_loki::{FakeLoki, Faults, Settings};
use crate::process::{Launch, Process, scratch};
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest start; it takes half a second on an idle machine.
const START_DEADLINE: Duration = Duration::from_mins(1);

/// Where the rules lie in the engine's directory.
const RULES: &str = "rules";

/// A Loki of one's own on 127.0.0.1, gone when dropped.
#[derive(Debug)]
pub struct Loki {
    /// Base address.
    pub url: String,
    /// Which engine answers there.
    pub kind: Kind,
    engine: Engine,
}

/// Which Loki it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The `loki` binary.
    Real,
    /// `testkit::fake_loki`.
    Fake,
}

#[derive(Debug)]
enum Engine {
    Real(Box<Process>),
    Fake(Box<FakeLoki>),
}

impl Kind {
    /// `loki` or `loki-fake`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Real => "loki",
            Self::Fake => "loki-fake",
        }
    }
}

impl Loki {
    /// The real one where its binary is, else an honest fake.
    pub async fn start() -> anyhow::Result<Self> {
        match Self::start_real().await? {
            Some(loki) => Ok(loki),
            None => Self::start_fake(Faults::default()),
        }
    }

    /// The real one; `None` where there is no binary.
    pub async fn start_real() -> anyhow::Result<Option<Self>> {
        Self::start_real_with(&Settings::default()).await
    }

    /// The real one with these limits.
    pub async fn start_real_with(settings: &Settings) -> anyhow::Result<Option<Self>> {
        let Some(program) = crate::servers::locate("loki") else { return Ok(None) };
        let dir = scratch("loki")?;
        let (http, grpc) = (crate::ports::free()?, crate::ports::free()?);
        let config = dir.path().join("loki.yaml");
        std::fs::create_dir_all(rules_tenant_dir(dir.path())).context("loki: make its rules directory")?;
        std::fs::write(&config, configuration(dir.path(), http, grpc, settings))
            .with_context(|| format!("loki: write {}", config.display()))?;
        let launch = Launch::new("loki", program).arg(format!("-config.file={}", config.display()));
        let mut process = launch.start(dir)?;
        let url = format!("http://127.0.0.1:{http}");
        process.wait_http(&format!("{url}/ready"), START_DEADLINE).await?;
        Ok(Some(Self { url, kind: Kind::Real, engine: Engine::Real(Box::new(process)) }))
    }

    /// The fake one, with faults.
    pub fn start_fake(faults: Faults) -> anyhow::Result<Self> {
        Self::start_fake_with(Settings::default(), faults)
    }

    /// The fake one, with limits and faults.
    pub fn start_fake_with(settings: Settings, faults: Faults) -> anyhow::Result<Self> {
        let fake = FakeLoki::with(settings, faults)?;
        Ok(Self { url: fake.url(), kind: Kind::Fake, engine: Engine::Fake(Box::new(fake)) })
    }

    /// The fake, to switch faults; `None` for a real Loki.
    pub fn fake(&self) -> Option<&FakeLoki> {
        match &self.engine {
            Engine::Fake(fake) => Some(fake),
            Engine::Real(_) => None,
        }
    }

    /// Where the ruler of a real Loki reads rule files (`*.yaml`) of its only tenant, `fake`, within
    /// seconds of a change.
    pub fn rules_dir(&self) -> Option<PathBuf> {
        match &self.engine {
            Engine::Real(process) => Some(rules_tenant_dir(process.dir())),
            Engine::Fake(_) => None,
        }
    }

    /// The process of a real one; `None` of the fake.
    pub fn process(&mut self) -> Option<&mut Process> {
        match &mut self.engine {
            Engine::Real(process) => Some(process),
            Engine::Fake(_) => None,
        }
    }

    /// Kills it as a crash would. What it acknowledged stays.
    pub fn kill9(&mut self) {
        match &mut self.engine {
            Engine::Real(process) => process.kill9(),
            Engine::Fake(fake) => fake.kill9(),
        }
    }

    /// Starts it again on the same port and data, and waits until it is ready.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        match &mut self.engine {
            Engine::Real(process) => {
                process.restart()?;
                process.wait_http(&format!("{}/ready", self.url), START_DEADLINE).await
            }
            Engine::Fake(fake) => fake.restart(),
        }
    }
}

/// Without authentication Loki's tenant is called `fake`, and local rules lie in a directory per tenant.
fn rules_tenant_dir(dir: &Path) -> PathBuf {
    dir.join(RULES).join("fake")
}

/// A single binary on the file system, ready in half a second, with which also late lines are stored and found.
///
/// The limits are the fake's too: one contract suite runs on both.
fn configuration(dir: &Path, http: u16, grpc: u16, settings: &Settings) -> String {
    let (rules, data) = (dir.join(RULES), dir.join("data"));
    let (rules, dir) = (rules.display(), data.display());
    let limits = settings.yaml();
    format!(
        r"auth_enabled: false
analytics:
  reporting_enabled: false
server:
  http_listen_address: 127.0.0.1
  http_listen_port: {http}
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: {grpc}
  log_level: warn
common:
  instance_addr: 127.0.0.1
  path_prefix: {dir}
  replication_factor: 1
  ring:
    instance_addr: 127.0.0.1
    kvstore:
      store: inmemory
  storage:
    filesystem:
      chunks_directory: {dir}/chunks
      rules_directory: {dir}/rules
schema_config:
  configs:
    - from: 2020-01-01
      store: tsdb
      object_store: filesystem
      schema: v13
      index:
        prefix: index_
        period: 24h
# Queriers that look for the scheduler in a ring find it after ten seconds; by its address, at once.
query_scheduler:
  use_scheduler_ring: false
frontend:
  scheduler_address: 127.0.0.1:{grpc}
frontend_worker:
  scheduler_address: 127.0.0.1:{grpc}
ruler:
  enable_api: true
  poll_interval: 2s
  storage:
    type: local
    local:
      directory: {rules}
  rule_path: {dir}/rules-temp
  ring:
    kvstore:
      store: inmemory
{limits}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test]
    async fn the_real_ones_ruler_reads_the_rules_directory() {
        let Some(loki) = Loki::start_real().await.unwrap() else {
            eprintln!(
                "skipped: the_real_ones_ruler_reads_the_rules_directory: no loki; run `cargo xtask servers`"
            );
            return;
        };
        let rules = "groups:\n  - name: g\n    rules:\n      - alert: NoisyTest\n        expr: sum(count_over_time({a=\"b\"}[5m])) > 1\n";
        std::fs::write(loki.rules_dir().unwrap().join("test.yaml"), rules).unwrap();
        let started = Instant::now();
        loop {
            let answer =
                crate::http().get(format!("{}/prometheus/api/v1/rules", loki.url)).send().await.unwrap();
            let text = answer.text().await.unwrap();
            if text.contains("NoisyTest") {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(30), "{text}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
