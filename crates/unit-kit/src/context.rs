//! What a tool's `run` is given.

use crate::config::UnitConfig;
use crate::fault::{config_error, unavailable, with_hint};
use crate::lock::{LockError, RunLock};
use crate::metrics::{self, Metrics, RunReport};
use crate::notify::Notify;
use crate::output::Output;
use crate::progress::ProgressFactory;
use crate::secret::Secret;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

/// Everything around a run: configuration, output, state directory, systemd, metrics.
#[derive(Debug)]
pub struct Context<C> {
    /// The tool's configuration, complete and checked.
    pub config: C,
    /// The section `[unit]`.
    pub unit: UnitConfig,
    /// The tool's name.
    pub tool: &'static str,
    /// Whether the output is one JSON document.
    pub json: bool,
    /// Whether only warnings and errors are wanted on stderr.
    pub quiet: bool,
    /// Where the tool keeps its state. May not exist yet: [`Context::lock`] makes it.
    pub state_dir: PathBuf,
    /// What systemd is told.
    pub notify: Notify,
    /// Progress bars.
    pub progress: ProgressFactory,
    /// Standard output.
    pub out: Output,
    pub(crate) credentials: Option<PathBuf>,
    pub(crate) run: RunMetrics,
}

/// The metrics that are written when the run ends.
#[derive(Debug, Clone)]
pub(crate) struct RunMetrics {
    started: Instant,
    armed: Arc<Mutex<Option<Armed>>>,
}

#[derive(Debug)]
struct Armed {
    name: String,
    metrics: Metrics,
    rows: Option<u64>,
}

impl<C> Context<C> {
    /// Takes the lock of the state directory. While another run holds it: an error that names the holder, exit code 75.
    pub fn lock(&self) -> anyhow::Result<RunLock> {
        RunLock::take(&self.state_dir).map_err(|error| match error {
            LockError::Held { .. } => unavailable(error),
            // No configuration makes room.
            LockError::Io { ref source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                error.into()
            }
            LockError::Io { .. } => {
                with_hint(config_error(error), "give a directory this user can write with --state-dir")
            }
        })
    }

    /// Finds a secret: `file` (the `*_file` key) if set, else the systemd credential `name`, else none.
    /// A secret that is named and cannot be read is an error of configuration.
    pub fn secret(&self, name: &str, file: Option<&Path>) -> anyhow::Result<Option<Secret>> {
        Secret::find(name, file, self.credentials.as_deref()).map_err(config_error)
    }

    /// The metrics of this run. From here on, `<name>.prom` is written atomically into `unit.metrics_dir` (if set)
    /// when the run ends, however it ends, with the common metrics of a run added: last success, last end, duration,
    /// rows. A command that only looks at things does not call this.
    pub fn metrics(&self, name: &str) -> Metrics {
        let mut armed = self.run.armed.lock().unwrap_or_else(PoisonError::into_inner);
        armed
            .get_or_insert_with(|| Armed { name: name.to_owned(), metrics: Metrics::default(), rows: None })
            .metrics
            .clone()
    }

    /// How many rows this run handled, for the common metrics. Means nothing before [`Context::metrics`].
    pub fn set_rows(&self, rows: u64) {
        if let Some(armed) = &mut *self.run.armed.lock().unwrap_or_else(PoisonError::into_inner) {
            armed.rows = Some(rows);
        }
    }

    /// Since when this run runs.
    pub fn started(&self) -> Instant {
        self.run.started
    }
}

impl RunMetrics {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), armed: Arc::default() }
    }

    /// Writes the metrics file at the end of a run. Metrics that cannot be written are no reason to fail.
    pub(crate) fn finish(&self, dir: Option<&Path>, success: bool) {
        let armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (Some(Armed { name, metrics, rows }), Some(dir)) = (armed, dir) else { return };
        let run = RunReport { success, ended: SystemTime::now(), took: self.started.elapsed(), rows };
        let previous = std::fs::read_to_string(dir.join(format!("{name}.prom"))).unwrap_or_default();
        if let Err(error) = metrics::set_common(&metrics, &name, run, &previous) {
            log::warn!("metrics: {error}");
        }
        if let Err(error) = metrics.write(dir, &name) {
            log::warn!("metrics: {error}");
        }
    }
}
