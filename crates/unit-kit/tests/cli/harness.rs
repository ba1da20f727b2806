//! Runs `line-counter` in a directory of its own, with an environment of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::SystemTime;

/// A directory to run in, removed in the end.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
    env: Vec<(String, String)>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), env: Vec::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn env(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// The tool, ready to be started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(args)
            .current_dir(self.dir.path())
            .env_clear()
            .env("HOME", self.dir.path())
            .env("LANG", "C.UTF-8")
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Exit code and both streams in one text, with what differs between runs named.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        self.describe(&self.output(args))
    }

    pub(crate) fn describe(&self, output: &Output) -> String {
        let mut text = format!("exit {}\n", output.status.code().unwrap_or(-1));
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !bytes.is_empty() {
                let content =
                    String::from_utf8_lossy(bytes).replace(&*self.dir.path().to_string_lossy(), "[DIR]");
                text.push_str(&format!("--- {name}\n{content}"));
            }
        }
        text
    }

    /// Runs with this configuration file.
    pub(crate) fn run_config(&self, config: &str, args: &[&str]) -> String {
        self.write("tool.toml", config);
        let mut all = vec!["--config", "tool.toml"];
        all.extend_from_slice(args);
        self.run(&all)
    }
}

/// The example, which `cargo test` builds with the tests (but `cargo test --test cli` does not).
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let here = std::env::current_exe().unwrap();
        let binary = here.parent().and_then(Path::parent).unwrap().join("examples/line-counter");
        let built = fs::metadata(&binary).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let changed = newest(&package.join("src")).max(newest(&package.join("examples")));
        assert!(
            built >= changed,
            "{} is not up to date, build it with `cargo build --examples`",
            binary.display()
        );
        binary
    })
}

/// When the newest file below a directory was changed.
fn newest(dir: &Path) -> SystemTime {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let changed = |path: PathBuf| {
        if path.is_dir() { newest(&path) } else { path.metadata().and_then(|meta| meta.modified()).unwrap() }
    };
    files.map(changed).max().unwrap_or(SystemTime::UNIX_EPOCH)
}
