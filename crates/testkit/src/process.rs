//! A child process that is an engine: its own directory, its output kept, gone when its owner is gone.
//!
//! The kernel's parent-death signal is of no use here: it fires when the *thread* that started the child ends, and
//! test threads end. Instead the child starts as a small shell which leaves a guard behind and then becomes the engine
//! (so the process id is the engine's own). The guard reads a pipe that only this process holds: at its end, however it
//! comes, the guard kills the engine and removes its directory. The same pipe carries signals, which is why none of
//! this needs `unsafe`.

use anyhow::{Context as _, bail};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How much of its output is shown when an engine fails.
const TAIL_LINES: usize = 30;
/// No more than this is read from the end of the output to find those lines.
const TAIL_BYTES: u64 = 64 * 1024;
/// Pause between two looks at something that is not ready yet.
const POLL: Duration = Duration::from_millis(50);

/// `$1` is the directory to remove when the owner has died, the rest is the engine's command line.
const GUARD: &str = r#"
exec 3<&0 </dev/null
dir=$1
shift
(
    while read -r signal <&3; do
        test "$signal" = release && exit
        kill -s "$signal" $$
    done
    kill -s KILL $$
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        rm -rf -- "$dir" && test ! -e "$dir" && exit
        sleep 0.2
    done
) >/dev/null 2>&1 &
exec 3<&-
exec "$@"
"#;

/// What to start.
#[derive(Debug, Clone)]
pub struct Launch {
    name: String,
    program: PathBuf,
    args: Vec<OsString>,
    envs: Vec<(OsString, OsString)>,
}

/// An engine that runs, or ran. Dropping it kills it and removes its directory.
#[derive(Debug)]
pub struct Process {
    launch: Launch,
    running: Option<Running>,
    /// How the last run ended.
    ended: Option<ExitStatus>,
    dir: TempDir,
}

/// A signal an engine can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: end in good order.
    Terminate,
    /// SIGINT: what Ctrl-C sends.
    Interrupt,
    /// SIGHUP: many engines read their configuration again.
    Reload,
    /// SIGSTOP: the engine hangs, connections stay open and nothing answers.
    Pause,
    /// SIGCONT: ends a [`Signal::Pause`].
    Resume,
}

#[derive(Debug)]
struct Running {
    child: Child,
    guard: ChildStdin,
}

impl Launch {
    /// `name` is what messages call the engine; `program` a path, or a name to look up on PATH.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        Self { name: name.into(), program: program.into(), args: Vec::new(), envs: Vec::new() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Adds an environment variable to the inherited ones.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Starts the engine with `dir` (see [`scratch`]) as its working directory; its output goes to `NAME.log` there.
    pub fn start(self, dir: TempDir) -> anyhow::Result<Process> {
        let mut process = Process { launch: self, running: None, ended: None, dir };
        process.spawn()?;
        Ok(process)
    }
}

/// A new directory of an engine's own. Goes away with it.
pub fn scratch(name: &str) -> anyhow::Result<TempDir> {
    tempfile::Builder::new()
        .prefix(&format!("yagura-{name}-"))
        .tempdir()
        .with_context(|| format!("{name}: make a directory in {}", std::env::temp_dir().display()))
}

impl Process {
    /// The engine's directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The file that holds everything the engine wrote to stdout and stderr.
    pub fn log_file(&self) -> PathBuf {
        self.dir.path().join(format!("{}.log", self.launch.name))
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.child.id())
    }

    /// Whether it has ended by itself or been stopped, and how; `None` while it runs.
    pub fn exited(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        let Some(running) = &mut self.running else { return Ok(self.ended) };
        let status = running.child.try_wait().with_context(|| format!("wait for {}", self.launch.name))?;
        if status.is_some() {
            running.release();
            self.running = None;
            self.ended = status;
        }
        Ok(status)
    }

    /// Waits until `probe` succeeds. Fails at once when the engine ends, and when `deadline` has passed; the error
    /// shows the last reason and the end of the engine's output.
    pub async fn wait_ready<F, Fut>(&mut self, deadline: Duration, probe: F) -> anyhow::Result<()>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = anyhow::Result<()>>,
    {
        let started = Instant::now();
        loop {
            if let Some(status) = self.exited()? {
                bail!("{} ended before it was ready ({status})\n{}", self.launch.name, self.log_tail());
            }
            let left = deadline.saturating_sub(started.elapsed());
            let reason = match tokio::time::timeout(left, probe()).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(reason)) => format!("{reason:#}"),
                Err(_) => "no answer".to_owned(),
            };
            if started.elapsed() >= deadline {
                bail!(
                    "{} was not ready after {:.0} s: {reason}\n{}",
                    self.launch.name,
                    deadline.as_secs_f64(),
                    self.log_tail()
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until a GET of `url` answers with success.
    pub async fn wait_http(&mut self, url: &str, deadline: Duration) -> anyhow::Result<()> {
        let http = crate::http();
        self.wait_ready(deadline, || async {
            http.get(url).timeout(Duration::from_secs(2)).send().await?.error_for_status()?;
            Ok(())
        })
        .await
    }

    /// Sends a signal.
    pub fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        let Some(running) = &mut self.running else { bail!("{} is not running", self.launch.name) };
        running
            .tell(signal.name())
            .with_context(|| format!("send SIG{} to {}", signal.name(), self.launch.name))
    }

    /// Kills it as a crash would: SIGKILL, no goodbye. Its directory stays for [`Process::restart`].
    pub fn kill9(&mut self) {
        if let Some(mut running) = self.running.take() {
            self.ended = running.kill().ok();
        }
    }

    /// Asks it to end (SIGTERM) and waits; kills it when that takes longer than `patience`.
    /// Returns whether it ended by itself.
    pub fn stop(&mut self, patience: Duration) -> anyhow::Result<bool> {
        if self.running.is_none() {
            return Ok(true);
        }
        self.signal(Signal::Terminate)?;
        let started = Instant::now();
        while started.elapsed() < patience {
            if self.exited()?.is_some() {
                return Ok(true);
            }
            std::thread::sleep(POLL);
        }
        self.kill9();
        Ok(false)
    }

    /// Starts it again after [`Process::kill9`] or [`Process::stop`], with the same arguments and directory.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.kill9();
        self.spawn()
    }

    /// The last lines of the engine's output.
    pub fn log_tail(&self) -> String {
        match tail(&self.log_file()) {
            Ok(text) if text.is_empty() => format!("({} wrote nothing)", self.launch.name),
            Ok(text) => format!("the end of {}'s output:\n{text}", self.launch.name),
            Err(error) => format!("(the output of {} can't be read: {error})", self.launch.name),
        }
    }

    fn spawn(&mut self) -> anyhow::Result<()> {
        let Launch { name, program, args, envs } = &self.launch;
        let program =
            resolve(program).with_context(|| format!("start {name}: no program `{}`", program.display()))?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())
            .with_context(|| format!("start {name}: open {}", self.log_file().display()))?;
        let mut child = Command::new("/bin/sh")
            .args(["-c", GUARD, "sh"])
            .arg(self.dir.path())
            .arg(&program)
            .args(args)
            .envs(envs.iter().map(|(k, v)| (k, v)))
            .current_dir(self.dir.path())
            // Ctrl-C on the terminal is for the owner, who stops its engines in its own order.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {name}: run {}", program.display()))?;
        let guard = child.stdin.take().context("a piped stdin is there")?;
        self.running = Some(Running { child, guard });
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
    }
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "TERM",
            Self::Interrupt => "INT",
            Self::Reload => "HUP",
            Self::Pause => "STOP",
            Self::Resume => "CONT",
        }
    }
}

impl Running {
    fn tell(&mut self, word: &str) -> std::io::Result<()> {
        self.guard.write_all(format!("{word}\n").as_bytes())
    }

    /// The guard must not outlive the process id that it would kill.
    fn release(&mut self) {
        // A guard that is gone already needs no release.
        let _ = self.tell("release");
    }

    fn kill(&mut self) -> std::io::Result<ExitStatus> {
        // Fails only when the process has ended.
        let _ = self.child.kill();
        self.release();
        self.child.wait()
    }
}

/// The path of a program: as given when it has a slash, else the first on PATH.
pub fn resolve(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return is_executable(program).then(|| program.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        Launch::new("engine", "sh").args(["-c", script]).start(scratch("engine").unwrap()).unwrap()
    }

    fn eventually(what: &str, check: impl Fn() -> bool) {
        let started = Instant::now();
        while !check() {
            assert!(started.elapsed() < Duration::from_secs(10), "{what} did not happen");
            std::thread::sleep(POLL);
        }
    }

    fn alive(pid: u32) -> bool {
        // A zombie is dead, it just has not been told yet.
        fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    async fn ready_file(process: &mut Process) {
        let file = process.dir().join("ready");
        process
            .wait_ready(Duration::from_secs(10), || async {
                fs::metadata(&file)?;
                Ok(())
            })
            .await
            .unwrap();
    }

    #[test]
    fn dropping_kills_the_engine_and_removes_its_directory() {
        let process = shell("exec sleep 60");
        let (pid, dir) = (process.pid().unwrap(), process.dir().to_owned());
        eventually("the start", || alive(pid));
        drop(process);
        assert!(!alive(pid));
        assert!(!dir.exists());
    }

    #[test]
    fn the_engine_dies_with_an_owner_that_was_killed() {
        // What an owner's death looks like from the guard's side: the pipe closes without a word.
        let mut process = shell("exec sleep 60");
        let (pid, dir) = (process.pid().unwrap(), process.dir().to_owned());
        let mut running = process.running.take().unwrap();
        drop(running.guard);
        running.child.wait().unwrap();
        assert!(!alive(pid));
        eventually("the clean-up", || !dir.exists());
    }

    #[test]
    fn the_engine_survives_the_thread_that_started_it() {
        let mut process = std::thread::spawn(|| shell("exec sleep 60")).join().unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert!(process.exited().unwrap().is_none());
    }

    #[tokio::test]
    async fn a_failed_start_shows_what_the_engine_said() {
        let mut process = shell("echo bad flag >&2; exit 7");
        let error = process
            .wait_ready(Duration::from_secs(10), || async { bail!("not yet") })
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("exit status: 7"), "{error}");
        assert!(error.contains("bad flag"), "{error}");
    }

    #[tokio::test]
    async fn an_engine_that_never_gets_ready_names_the_last_reason() {
        let mut process = shell("exec sleep 60");
        let error = process
            .wait_ready(Duration::from_millis(200), || async { bail!("port closed") })
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("not ready") && error.contains("port closed"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let launch = Launch::new("engine", "/nonexistent/engine");
        let error = launch.start(scratch("engine").unwrap()).unwrap_err().to_string();
        assert_eq!(error, "start engine: no program `/nonexistent/engine`");
    }

    #[tokio::test]
    async fn stopping_lets_the_engine_end_in_good_order() {
        let mut process = shell("trap 'echo bye; exit 0' TERM; touch ready; while :; do sleep 0.05; done");
        ready_file(&mut process).await;
        assert!(process.stop(Duration::from_secs(10)).unwrap());
        assert!(process.log_tail().contains("bye"));
    }

    #[tokio::test]
    async fn a_stubborn_engine_is_killed() {
        let mut process = shell("trap '' TERM; touch ready; while :; do sleep 0.05; done");
        ready_file(&mut process).await;
        assert!(!process.stop(Duration::from_millis(300)).unwrap());
        assert!(process.pid().is_none());
    }

    #[tokio::test]
    async fn after_a_crash_it_starts_again_in_the_same_directory() {
        let mut process = shell("echo start >>starts; touch ready; exec sleep 60");
        ready_file(&mut process).await;
        process.kill9();
        fs::remove_file(process.dir().join("ready")).unwrap();
        process.restart().unwrap();
        ready_file(&mut process).await;
        assert_eq!(fs::read_to_string(process.dir().join("starts")).unwrap(), "start\nstart\n");
    }
}
