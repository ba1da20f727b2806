//! Starts the binary and speaks HTTP to it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response};

/// A running `clickhouse-embedded`, killed when dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
    child: Child,
    data: tempfile::TempDir,
    extra: Vec<String>,
}

/// What a request was answered with.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

#[allow(clippy::print_stderr)] // it is the announcement's place
/// The library, or `None` after the test's name was printed as skipped.
pub(crate) fn library(test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("YAGURA_LIBCHDB").map(PathBuf::from).or_else(|| {
        let servers = std::env::var_os("YAGURA_SERVERS").map(PathBuf::from).or_else(|| {
            let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
            Some(cache.join("yagura/servers"))
        })?;
        let version = clickhouse_embedded::LIBCHDB_VERSION;
        Some(servers.join(format!("libchdb-{version}/libchdb.so")))
    })?;
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: {test}: {} is not there; run `cargo xtask servers`", path.display());
    None
}

/// Starts a server, or returns from the test where libchdb is not there.
macro_rules! server {
    ($test:literal) => {
        server!($test, [])
    };
    ($test:literal, $arguments:expr) => {
        match crate::harness::library($test) {
            Some(library) => crate::harness::Server::start(&library, &$arguments),
            None => return,
        }
    };
}
pub(crate) use server;

impl Server {
    pub(crate) fn start(library: &Path, extra: &[&str]) -> Self {
        // Fails when another test has installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let data = tempfile::tempdir().unwrap();
        let mut arguments = vec!["--lib".to_owned(), library.display().to_string()];
        arguments.extend(extra.iter().map(|argument| (*argument).to_owned()));
        let extra = arguments;
        let (child, url) = spawn(data.path(), "127.0.0.1:0", &extra);
        let http = http();
        Self { url, http, child, data, extra }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.data.path().join("data")
    }

    pub(crate) fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end and says how it did.
    pub(crate) fn terminate(&mut self) -> std::process::ExitStatus {
        assert!(Command::new("kill").arg(self.pid().to_string()).status().unwrap().success());
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("still running after SIGTERM:\n{}", self.log());
    }

    /// Starts it again on the same data and address.
    pub(crate) fn start_again(&mut self) {
        let address = self.url.strip_prefix("http://").unwrap().to_owned();
        (self.child, self.url) = spawn(self.data.path(), &address, &self.extra);
        // The old one may hold connections to the process that is gone.
        self.http = http();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.data.path().join("stderr")).unwrap_or_default()
    }

    /// POST with the given URL parameters.
    pub(crate) fn post(&self, parameters: &[(&str, &str)]) -> RequestBuilder {
        self.http.post(&self.url).query(parameters)
    }

    pub(crate) async fn answer(&self, request: RequestBuilder) -> Answer {
        let response: Response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    /// Runs a statement that must succeed.
    pub(crate) async fn sql(&self, sql: &str) -> String {
        let answer = self.answer(self.post(&[]).body(sql.to_owned())).await;
        assert_eq!(answer.status, 200, "{sql}: {}\n{}", answer.text, self.log());
        answer.text
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().no_gzip().build().unwrap()
}

fn spawn(data: &Path, listen: &str, extra: &[String]) -> (Child, String) {
    let stderr = File::options().create(true).append(true).open(data.join("stderr")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_clickhouse-embedded"))
        .arg("--path")
        .arg(data.join("data"))
        .args(["--listen", listen])
        .args(extra)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let log = || std::fs::read_to_string(data.join("stderr")).unwrap_or_default();
    assert!(url.starts_with("http://127.0.0.1:"), "not started: {url}\n{}", log());
    (child, url.trim_end().to_owned())
}
