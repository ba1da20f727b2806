//! A private ClickHouse: a real server where a new enough one is on PATH, else `clickhouse-embedded`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::process::{self, Launch, Process};
use crate::{ports, servers};

/// Older servers lack what the schema uses.
const OLDEST_SERVER: (u32, u32) = (26, 3);
/// How long the engine may take until it answers.
const START: Duration = Duration::from_mins(1);
/// How long it may take to end in good order.
const STOP: Duration = Duration::from_secs(20);

/// Which ClickHouse it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `clickhouse server` of the machine.
    Server,
    /// libchdb behind the HTTP interface.
    Embedded,
}

impl Kind {
    /// The name shown to people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "clickhouse-server",
            Self::Embedded => "clickhouse-embedded",
        }
    }
}

/// A running ClickHouse of one's own, gone when dropped.
#[derive(Debug)]
pub struct ClickHouse {
    /// Its HTTP interface, e.g. `http://127.0.0.1:14023`; user `default` without a password.
    pub url: String,
    /// Which one it is.
    pub kind: Kind,
    process: Process,
}

impl ClickHouse {
    /// Starts one and waits until it answers.
    pub async fn start() -> anyhow::Result<Self> {
        match server_on_path() {
            Some(program) => Self::start_kind(Kind::Server, program).await,
            None => Self::start_embedded().await,
        }
    }

    /// Starts the embedded one, whatever is on PATH.
    pub async fn start_embedded() -> anyhow::Result<Self> {
        let program = tokio::task::spawn_blocking(embedded_binary).await??;
        Self::start_kind(Kind::Embedded, program).await
    }

    async fn start_kind(kind: Kind, program: PathBuf) -> anyhow::Result<Self> {
        let port = ports::free()?;
        let dir = process::scratch("clickhouse")?;
        let data = dir.path().join("data");
        std::fs::create_dir(&data).with_context(|| format!("create {}", data.display()))?;
        let launch = match kind {
            Kind::Server => {
                let config = dir.path().join("config.xml");
                std::fs::write(&config, server_config(port, &data))
                    .with_context(|| format!("write {}", config.display()))?;
                Launch::new(kind.as_str(), program).arg("server").arg("--config-file").arg(config)
            }
            Kind::Embedded => Launch::new(kind.as_str(), program)
                .arg("--path")
                .arg(&data)
                .arg("--listen")
                .arg(format!("127.0.0.1:{port}")),
        };
        let mut clickhouse =
            Self { url: format!("http://127.0.0.1:{port}"), kind, process: launch.start(dir)? };
        clickhouse.wait().await?;
        Ok(clickhouse)
    }

    /// Runs a statement and gives what it answers, as tab-separated text.
    pub async fn query(&self, sql: &str) -> anyhow::Result<String> {
        let response = crate::http().post(&self.url).body(sql.to_owned()).send().await?;
        let (status, text) = (response.status(), response.text().await?);
        if !status.is_success() {
            bail!("{} answers {status}: {}", self.kind.as_str(), text.trim_end());
        }
        Ok(text)
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// The end of what it wrote to stdout and stderr.
    pub fn log_tail(&self) -> String {
        self.process.log_tail()
    }

    /// The process, for faults that have no method here (signals, a pause).
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Kills it as a crash would. The data stays for [`ClickHouse::restart`].
    pub fn kill9(&mut self) {
        self.process.kill9();
    }

    /// Asks it to end and waits for that; returns whether it ended by itself.
    pub fn stop(&mut self) -> anyhow::Result<bool> {
        self.process.stop(STOP)
    }

    /// Starts it again on the same data and port (in good order where it still runs) and waits until it answers.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        self.process.restart()?;
        self.wait().await
    }

    async fn wait(&mut self) -> anyhow::Result<()> {
        self.process.wait_http(&format!("{}/ping", self.url), START).await
    }
}

/// Why no ClickHouse can be started here, or `None` where one can.
pub fn missing() -> Option<String> {
    if server_on_path().is_some() {
        return None;
    }
    let Some(library) = std::env::var_os("YAGURA_LIBCHDB").map(PathBuf::from) else {
        let there = servers::locate(servers::LIBCHDB).is_some();
        return (!there).then(|| "libchdb is not installed; run `cargo xtask servers`".to_owned());
    };
    (!library.is_file()).then(|| format!("{} (YAGURA_LIBCHDB) is not there", library.display()))
}

/// `clickhouse` on PATH, if it is new enough.
fn server_on_path() -> Option<PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            let program = process::resolve(Path::new("clickhouse"))?;
            let output = Command::new(&program).args(["server", "--version"]).output().ok()?;
            let version = server_version(&String::from_utf8_lossy(&output.stdout))?;
            (version >= OLDEST_SERVER).then_some(program)
        })
        .clone()
}

/// Year and month of `ClickHouse server version 26.3.1.1 (official build).`
fn server_version(text: &str) -> Option<(u32, u32)> {
    let (_, rest) = text.split_once("version ")?;
    let mut parts = rest.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

/// The binary beside the running one; built where it is not there yet.
fn embedded_binary() -> anyhow::Result<PathBuf> {
    /// One build for all tests of this process.
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT
        .get_or_init(|| find_or_build().map_err(|error| format!("{error:#}")))
        .clone()
        .map_err(anyhow::Error::msg)
}

fn find_or_build() -> anyhow::Result<PathBuf> {
    const NAME: &str = "clickhouse-embedded";
    let current = std::env::current_exe().context("find the running program")?;
    // A test runs in target/PROFILE/deps, a program in target/PROFILE.
    let mut directory = current.parent().context("the running program is in no directory")?;
    if directory.ends_with("deps") {
        directory = directory.parent().context("`deps` is in no directory")?;
    }
    let binary = directory.join(NAME);
    if binary.is_file() {
        return Ok(binary);
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "-p", NAME]).current_dir(&workspace);
    if directory.ends_with("release") {
        build.arg("--release");
    }
    if let Some(target) = directory.parent() {
        build.arg("--target-dir").arg(target);
    }
    let output = build.output().with_context(|| format!("build {NAME}: run cargo"))?;
    if !output.status.success() {
        bail!("build {NAME}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    if !binary.is_file() {
        bail!("build {NAME}: cargo left no {}", binary.display());
    }
    Ok(binary)
}

/// A server with nothing but what the tests need: HTTP on the loopback, one user without a password.
fn server_config(port: u16, data: &Path) -> String {
    let data = data.display();
    format!(
        "<clickhouse>
    <logger><level>warning</level><console>true</console></logger>
    <listen_host>127.0.0.1</listen_host>
    <http_port>{port}</http_port>
    <path>{data}/</path>
    <tmp_path>{data}/tmp/</tmp_path>
    <user_files_path>{data}/user_files/</user_files_path>
    <timezone>UTC</timezone>
    <mark_cache_size>268435456</mark_cache_size>
    <profiles><default/></profiles>
    <quotas><default/></quotas>
    <users><default>
        <password></password>
        <networks><ip>127.0.0.1</ip></networks>
        <profile>default</profile>
        <quota>default</quota>
        <access_management>1</access_management>
    </default></users>
</clickhouse>
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_server_prints_them() {
        assert_eq!(server_version("ClickHouse server version 26.3.1.1 (official build).\n"), Some((26, 3)));
        assert_eq!(server_version("ClickHouse server version 18.16.1."), Some((18, 16)));
        assert_eq!(server_version("clickhouse: not found"), None);
    }

    #[tokio::test]
    async fn data_survives_a_crash_and_a_restart() {
        if let Some(reason) = missing() {
            eprintln!("skipped: data_survives_a_crash_and_a_restart: {reason}");
            return;
        }
        let mut clickhouse = ClickHouse::start().await.unwrap();
        clickhouse.query("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a").await.unwrap();
        clickhouse.query("INSERT INTO t VALUES (1)").await.unwrap();
        clickhouse.kill9();
        clickhouse.restart().await.unwrap();
        clickhouse.query("INSERT INTO t VALUES (2)").await.unwrap();
        clickhouse.restart().await.unwrap();
        assert_eq!(clickhouse.query("SELECT a FROM t ORDER BY a").await.unwrap(), "1\n2\n");
        assert!(
            clickhouse.query("SELECT nope").await.unwrap_err().to_string().contains("UNKNOWN_IDENTIFIER")
        );
    }
}
