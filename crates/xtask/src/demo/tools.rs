//! The real binaries, run as processes.

use anyhow::{Context as _, bail};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{ChildStdin, Command};

/// Exit code of a run that is done, but wants eyes: a refused line, say. The demo's own comparison judges that.
const NEEDS_EYES: i32 = 3;

/// Kills the tool when the pipe on its standard input ends before a line came through it: then this process is gone.
const GUARD: &str = r#"
exec 3<&0 </dev/null
(read -r _ <&3 || kill -s KILL $$) >/dev/null 2>&1 &
exec 3<&-
exec "$@"
"#;

/// Tools that know this demo's engines and nothing of the machine's own configuration.
pub(super) struct Tools {
    bin: PathBuf,
    work: PathBuf,
    config: PathBuf,
    env: Vec<(&'static str, String)>,
}

impl Tools {
    pub(super) fn new(work: &Path, clickhouse: &str, loki: &str) -> anyhow::Result<Self> {
        std::fs::create_dir_all(work).with_context(|| format!("create {}", work.display()))?;
        let config = work.join("empty.toml");
        std::fs::write(&config, "").with_context(|| format!("write {}", config.display()))?;
        let offset = testkit::traffic::UTC_OFFSET_MINUTES;
        let env = vec![
            ("LOKI_URL", loki.to_owned()),
            ("CLICKHOUSE_URL", clickhouse.to_owned()),
            // The live hour is over, and nothing of it is still on its way.
            ("YAGURA_LOKI2CH_SYNC_GRACE_S", "0".to_owned()),
            ("YAGURA_ANOMALY_SCAN_DETECT_UTC_OFFSET_MINUTES", offset.to_string()),
        ];
        Ok(Self { bin: bin_dir()?, work: work.to_owned(), config, env })
    }

    /// Runs a tool to its end and returns the JSON document that it prints.
    pub(super) async fn run(&self, tool: &str, args: &[&str]) -> anyhow::Result<Value> {
        let mut child = guarded(self.bin.join(tool))
            .arg("--config")
            .arg(&self.config)
            .arg("--state-dir")
            .arg(self.work.join("state").join(tool))
            .arg("--json")
            .args(args)
            .env_clear()
            .envs(
                ["PATH", "HOME", "LANG", "TMPDIR"]
                    .iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("run {tool}"))?;
        let mut guard = child.stdin.take().context("a piped stdin is there")?;
        let output = child.wait_with_output().await.with_context(|| format!("run {tool}"))?;
        release(&mut guard).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        if !matches!(output.status.code(), Some(0 | NEEDS_EYES)) {
            bail!("`{tool} {}` failed ({})\n{}", args.join(" "), output.status, stderr.trim_end());
        }
        if output.stdout.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&output.stdout).with_context(|| format!("read what `{tool}` printed"))
    }
}

/// Builds what is not built yet; cargo shows how far it is.
pub(super) async fn build() -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = guarded(cargo);
    // The whole workspace, as the tests do: other features would make other artifacts of the same dependencies.
    command.args(["build", "--workspace", "--bins", "--locked"]);
    if bin_dir()?.ends_with("release") {
        command.arg("--release");
    }
    command.arg("--target-dir").arg(target_dir()?).current_dir(env!("CARGO_MANIFEST_DIR"));
    let mut child = command.spawn().context("build the tools: run cargo")?;
    let mut guard = child.stdin.take().context("a piped stdin is there")?;
    let status = child.wait().await.context("build the tools: wait for cargo")?;
    release(&mut guard).await;
    if !status.success() {
        bail!("build the tools: cargo failed ({status})");
    }
    Ok(())
}

/// A command that ends when this process does, however that ends.
fn guarded(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", GUARD, "sh"]).arg(program).stdin(Stdio::piped()).kill_on_drop(true);
    command
}

/// Tells the guard that its program has ended by itself.
async fn release(guard: &mut ChildStdin) {
    // Fails only when the guard is gone already, which is as good.
    let _ = guard.write_all(b"done\n").await;
}

/// Where this program and the tools lie.
fn bin_dir() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("find the running program")?;
    Ok(program.parent().context("the running program is in no directory")?.to_owned())
}

/// cargo's target directory.
pub(super) fn target_dir() -> anyhow::Result<PathBuf> {
    let bin = bin_dir()?;
    Ok(bin.parent().with_context(|| format!("{} is in no directory", bin.display()))?.to_owned())
}

/// Arguments as a list that can grow.
pub(super) fn words<'a>(args: &[&'a str]) -> Vec<&'a str> {
    args.to_vec()
}
