//! A Loki in process: the push and query API of Loki 3.7, its limits and its oddities, and faults to switch on.
//!
//! Without faults it behaves as a single-binary Loki with the settings of `testkit::loki` does, down to the error of
//! an earlier stream that a later one overwrites; one contract suite runs on both and proves them equal. It keeps
//! everything in memory and understands the part of LogQL that Yagura's tools and Grafana's Explore use for lines:
//! stream selectors, line filters, label filters, `count_over_time` under `sum`.
//!
//! Deliberately absent: parsers (`| json`), matrix queries, tail, rules, several tenants, retention.

mod answer;
mod faults;
mod filter;
mod ingest;
mod logql;
mod request;
mod server;
mod settings;
mod store;

pub use faults::Faults;
pub use settings::Settings;

use anyhow::Context as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::Store;
use tokio::runtime::Runtime;

/// A fake Loki that listens on 127.0.0.1 until it is dropped.
///
/// It runs on threads of its own, so it works in synchronous tests too and goes on while a test blocks.
#[derive(Debug)]
pub struct FakeLoki {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// `None` while killed.
    runtime: Option<Runtime>,
}

/// What the handlers share.
#[derive(Debug)]
struct Shared {
    settings: Settings,
    faults: Mutex<Faults>,
    store: Mutex<Store>,
}

impl FakeLoki {
    /// Starts an honest one on a free port.
    pub fn start() -> anyhow::Result<Self> {
        Self::with(Settings::default(), Faults::default())
    }

    /// Starts one with these settings and faults on a free port.
    pub fn with(settings: Settings, faults: Faults) -> anyhow::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, crate::ports::free()?));
        let shared =
            Arc::new(Shared { settings, faults: Mutex::new(faults), store: Mutex::new(Store::default()) });
        let mut fake = Self { address, shared, runtime: None };
        fake.restart()?;
        Ok(fake)
    }

    /// Base address, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes the faults from now on: `fake.faults(|f| f.lying = 1)`.
    pub fn faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.shared.faults());
    }

    /// Number of entries stored, visible or not.
    pub fn stored(&self) -> usize {
        self.shared.store().len()
    }

    /// Number of push requests that arrived since the start, whatever became of them.
    pub fn pushes(&self) -> u64 {
        self.shared.store().pushes
    }

    /// Makes late lines visible that [`Faults::invisible_late`] hides, as a flush of the ingester does.
    pub fn flush(&self) {
        self.shared.store().flush(now());
    }

    /// Drops all connections and stops listening. What was acknowledged stays, as Loki's write-ahead log keeps it.
    pub fn kill9(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Listens again after [`FakeLoki::kill9`], on the same port.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.kill9();
        let listener =
            bind(self.address).with_context(|| format!("loki-fake: listen on {}", self.address))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("loki-fake")
            .enable_all()
            .build()
            .context("loki-fake: start its threads")?;
        let shared = Arc::clone(&self.shared);
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, server::router(shared)).await
        });
        self.runtime = Some(runtime);
        Ok(())
    }
}

impl Drop for FakeLoki {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// Connections of a killed server may still be closing on their own thread.
fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let mut attempts = 0;
    loop {
        match TcpListener::bind(address) {
            Err(_) if attempts < 40 => {
                attempts += 1;
                std::thread::sleep(std::time::Duration::from_millis(25));
            }
            Err(error) => return Err(error),
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                return Ok(listener);
            }
        }
    }
}

impl Shared {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wall clock, nanoseconds since the epoch.
fn now() -> i64 {
    chrono::Utc::now().timestamp_nanos_opt().unwrap_or(i64::MAX)
}
