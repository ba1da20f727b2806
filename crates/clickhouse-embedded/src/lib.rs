//! ClickHouse's engine (libchdb) behind ClickHouse's HTTP interface, for tests and the demo.
//!
//! By hand:
//!
//! ```text
//! cargo xtask servers                      # fetches libchdb.so into the user's cache, once
//! cargo run -p clickhouse-embedded -- --path /tmp/ch --listen 127.0.0.1:8123
//! curl 'http://127.0.0.1:8123/?query=SELECT+version()'
//! ```
//!
//! It prints its URL when it is ready and ends in good order on SIGTERM or Ctrl-C; the data stays in `--path`.
//! What it cannot do is in `docs/engines.md`.
//!
//! A request's way: [`server`] takes it and checks who asks, [`request`] reads URL, headers and form, and [`mod@run`] takes
//! it to the [`engine`] on a thread of its own. Rows of an INSERT go through a file and results through a pipe, for the
//! reasons told there; [`answer`] sends them.

pub mod answer;
pub mod compression;
pub mod engine;
pub mod exception;
pub mod ffi;
pub mod formats;
pub mod native;
pub mod request;
pub mod run;
pub mod server;
pub mod sql;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::engine::Engine;
use crate::request::Credentials;
use crate::server::App;

/// The version of the npm package `@chdb/lib-linux-x64-gnu` that the tests are written for (ClickHouse 26.7).
pub const LIBCHDB_VERSION: &str = "26.7.3-stable.1";

/// ClickHouse's engine behind its HTTP interface, for tests and the demo
#[derive(Debug, clap::Parser)]
#[command(name = "clickhouse-embedded", version)]
pub struct Args {
    /// Path of libchdb.so [default: the user's cache, where `cargo xtask servers` puts it]
    #[arg(long, env = "YAGURA_LIBCHDB", value_name = "FILE")]
    pub lib: Option<PathBuf>,
    /// Directory of the data; without it, one that goes away at the end
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,
    /// Loopback address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// File to write the port to, once ready
    #[arg(long, value_name = "FILE")]
    pub port_file: Option<PathBuf>,
    /// The one user that may ask
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub user: String,
    /// File with the user's password; without it, the password is empty
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// How much to log to stderr
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: log::LevelFilter,
}

/// The whole program: 0 after an orderly end, 75 where libchdb is not there, 1 for anything else.
pub fn main() -> ExitCode {
    /// `EX_TEMPFAIL`: a dependency is away.
    const UNAVAILABLE: u8 = 75;
    let args = Args::parse();
    if log::set_logger(&StderrLog).is_ok() {
        log::set_max_level(args.log_level);
    }
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With stderr gone there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "clickhouse-embedded: {error:#}");
            let away = error.chain().any(<dyn std::error::Error>::is::<ffi::LoadError>);
            if away { ExitCode::from(UNAVAILABLE) } else { ExitCode::FAILURE }
        }
    }
}

/// Starts the engine, serves until SIGTERM or SIGINT, closes the engine.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let library = args.lib.clone().map_or_else(cached_library, Ok)?;
    let temporary = match args.path {
        Some(_) => None,
        None => Some(
            tempfile::Builder::new()
                .prefix("clickhouse-embedded-")
                .tempdir()
                .context("no temporary directory")?,
        ),
    };
    let data = match (&args.path, &temporary) {
        (Some(path), _) => path.clone(),
        (None, Some(directory)) => directory.path().to_owned(),
        (None, None) => anyhow::bail!("no data directory"),
    };
    std::fs::create_dir_all(&data).with_context(|| format!("cannot create {}", data.display()))?;
    let data = data.canonicalize().with_context(|| format!("cannot open {}", data.display()))?;
    let password = match &args.password_file {
        Some(file) => {
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
        }
        None => String::new(),
    };
    let credentials =
        Credentials { user: args.user.clone(), password: password.trim_end_matches('\n').to_owned() };

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // The engine runs on these threads, too, and its parsers recurse.
        .thread_stack_size(16 << 20)
        .build()
        .context("cannot start the runtime")?;
    let listener = runtime.block_on(server::bind(args.listen))?;
    let address = listener.local_addr().context("no address")?;
    let app = Arc::new(App { engine: Engine::start(&library, &data)?, credentials });
    log::info!("ClickHouse {} with data in {}", app.engine.version, data.display());

    let result = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        if let Some(file) = &args.port_file {
            write_port(file, address.port()).with_context(|| format!("cannot write {}", file.display()))?;
        }
        let mut stdout = std::io::stdout();
        writeln!(stdout, "http://{address}")
            .and_then(|()| stdout.flush())
            .context("cannot write to stdout")?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        server::serve(Arc::clone(&app), listener, stop).await
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    app.engine.stop();
    log::info!("stopped");
    result
}

/// Where `cargo xtask servers` puts the library.
fn cached_library() -> anyhow::Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let servers = variable("YAGURA_SERVERS")
        .or_else(|| {
            let cache =
                variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")))?;
            Some(cache.join("yagura/servers"))
        })
        .context("neither XDG_CACHE_HOME nor HOME is set\nhint: name the library with --lib")?;
    Ok(servers.join(format!("libchdb-{LIBCHDB_VERSION}")).join("libchdb.so"))
}

fn write_port(file: &std::path::Path, port: u16) -> std::io::Result<()> {
    let directory =
        file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
    writeln!(temporary, "{port}")?;
    temporary.persist(file)?;
    Ok(())
}

/// Plain lines on stderr.
struct StderrLog;

impl log::Log for StderrLog {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("clickhouse_embedded")
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            // With stderr gone there is nobody to tell.
            let _ =
                writeln!(std::io::stderr(), "{}: {}", record.level().as_str().to_lowercase(), record.args());
        }
    }

    fn flush(&self) {}
}
