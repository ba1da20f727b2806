//! Engines, lines, and the program as a user runs it.

use log_model::time::{MINUTE, SECOND, rfc3339};
use log_model::{EventId, Level, LogRecord, Window, wire};
use loki_client::{Client, LokiConfig};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use testkit::clickhouse::{self, ClickHouse};
use testkit::loki::Loki;

/// Both engines, a configuration, and a state directory.
pub(crate) struct Way {
    pub(crate) clickhouse: ClickHouse,
    pub(crate) loki: Loki,
    /// The first window with lines.
    pub(crate) first: Window,
    dir: TempDir,
}

/// What a run of the program gave.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Way {
    /// Everything running and migrated; announces the test as skipped where there is no engine.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        if let Some(reason) = clickhouse::missing() {
            eprintln!("skipped: {test}: {reason}");
            return None;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64;
        let way = Self {
            clickhouse: ClickHouse::start().await.unwrap(),
            loki: Loki::start().await.unwrap(),
            first: Window::containing(now - 55 * MINUTE),
            dir: tempfile::tempdir().unwrap(),
        };
        way.configure(&way.clickhouse.url);
        assert_eq!(way.run(["migrate"]).code, Some(0));
        Some(way)
    }

    /// Lets the program meet ClickHouse at this address.
    pub(crate) fn configure(&self, clickhouse_url: &str) {
        let text = format!(
            "[loki]\nurl = \"{}\"\n[clickhouse]\nurl = \"{clickhouse_url}\"\n[sync]\nstart = \"{}\"\n\
             [unit]\nmetrics_dir = \"{}\"\n",
            self.loki.url,
            rfc3339(self.first.start()),
            self.dir.path().display()
        );
        std::fs::write(self.dir.path().join("loki2ch.toml"), text).unwrap();
    }

    /// The n-th window.
    pub(crate) fn window(&self, n: i64) -> Window {
        Window::containing(self.first.start() + n * 5 * MINUTE)
    }

    /// A time at which the windows before the n-th are over.
    pub(crate) fn after(&self, n: i64) -> String {
        rfc3339(self.window(n).start() + 3 * MINUTE)
    }

    /// Sends lines to Loki, all of which it must take.
    pub(crate) async fn push(&self, records: &[LogRecord]) {
        let config = LokiConfig { url: self.loki.url.clone(), ..LokiConfig::default() };
        let client = Client::new(&config, None).unwrap();
        let mut streams = std::collections::BTreeMap::<_, Vec<_>>::new();
        for record in records {
            let (labels, entry) = wire::to_loki(record);
            streams.entry(labels).or_default().push(entry);
        }
        let streams: Vec<_> = streams.into_iter().collect();
        let report = client.push(&streams).await.unwrap();
        assert_eq!((report.delivered, report.rejected.len()), (records.len(), 0));
    }

    /// The program, ready to run.
    pub(crate) fn command<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loki2ch"));
        command.arg("--config").arg(self.dir.path().join("loki2ch.toml"));
        command.arg("--state-dir").arg(self.state_dir()).args(args);
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// What the last run left for Prometheus.
    pub(crate) fn metrics(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("loki2ch.prom")).unwrap()
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// One value of one row.
    pub(crate) async fn ask(&self, sql: &str) -> String {
        self.clickhouse.query(sql).await.unwrap().trim().to_owned()
    }

    /// Asserts that Loki and ClickHouse are equal by event id, and the aggregate equal to the lines.
    pub(crate) fn assert_equal(&self, windows: i64) {
        let (from, to) = (rfc3339(self.first.start()), rfc3339(self.window(windows).start()));
        let lines = self.run(["verify", "--from", &from, "--to", &to]);
        assert_eq!(lines.code, Some(0), "{}{}", lines.stdout, lines.stderr);
        let aggregate = self.run(["verify", "--aggregate", "--from", &from, "--to", &to]);
        assert_eq!(aggregate.code, Some(0), "{}{}", aggregate.stdout, aggregate.stderr);
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// The document of a run with `--json`.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", self.stdout, self.stderr))
    }
}

/// Lines of a window: two services, every tenth an error, some equal but for their id.
pub(crate) fn lines(window: Window, count: u32) -> Vec<LogRecord> {
    let line = |n: u32| {
        let ts = window.start() + i64::from(n) * (299 * SECOND / i64::from(count));
        let service = if n.is_multiple_of(2) { "nginx" } else { "app" };
        let mut record = LogRecord::new(ts, "gate", service, format!("GET /{} done", n / 4));
        record.unit = format!("{service}.service");
        record.level = if n.is_multiple_of(10) { Level::Error } else { Level::Info };
        record.status = if n.is_multiple_of(20) { 502 } else { 200 };
        record.latency_ms = n.is_multiple_of(3).then_some(n as f32 / 7.0);
        record.attrs.insert("request.id".to_owned(), n.to_string());
        record.event_id = EventId::from_source("gate", &window.to_string(), u64::from(n), 0);
        record
    };
    (0..count).map(line).collect()
}
