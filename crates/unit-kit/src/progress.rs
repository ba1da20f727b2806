//! Progress bars for people: on a terminal only, on stderr, silent with `--quiet` and `--json`.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt;
use std::io::{IsTerminal as _, stderr};
use std::sync::OnceLock;
use std::time::Duration;

/// Makes progress bars, or things that behave like them and show nothing.
#[derive(Clone)]
pub struct ProgressFactory {
    bars: Option<MultiProgress>,
}

/// One bar. Vanishes when dropped: what remains of a run is its summary line.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

/// The bars on this process's terminal, for the logger: a log line must be written above them, not through them.
static ON_TERMINAL: OnceLock<MultiProgress> = OnceLock::new();

impl ProgressFactory {
    /// Bars if `wanted` and stderr is a terminal; silence otherwise.
    pub fn new(wanted: bool) -> Self {
        if !wanted || !stderr().is_terminal() {
            return Self::silent();
        }
        let bars = ON_TERMINAL.get_or_init(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        Self { bars: Some(bars.clone()) }
    }

    /// Never shows anything.
    pub fn silent() -> Self {
        Self { bars: None }
    }

    /// Whether bars are visible.
    pub fn is_visible(&self) -> bool {
        self.bars.is_some()
    }

    /// A bar that counts up to `total` things.
    pub fn bar(&self, total: u64, label: impl Into<String>) -> Progress {
        self.make(Some(total), "{prefix} [{bar:30}] {human_pos}/{human_len} {eta} {msg}", label.into())
    }

    /// A bar that counts up to `total` bytes.
    pub fn bytes(&self, total: u64, label: impl Into<String>) -> Progress {
        let template =
            "{prefix} [{bar:30}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} {msg}";
        self.make(Some(total), template, label.into())
    }

    /// A spinner, for work whose end is not known.
    pub fn spinner(&self, label: impl Into<String>) -> Progress {
        let progress = self.make(None, "{spinner} {prefix} {human_pos} {msg} {elapsed}", label.into());
        if let Some(bar) = &progress.bar {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        progress
    }

    fn make(&self, total: Option<u64>, template: &str, label: String) -> Progress {
        let Some(bars) = &self.bars else { return Progress { bar: None } };
        let bar = bars.add(ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden()));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(label);
        Progress { bar: Some(bar) }
    }
}

impl Progress {
    /// So much more is done.
    pub fn inc(&self, delta: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(delta);
        }
    }

    /// So much is done in all.
    pub fn set(&self, position: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        }
    }

    /// There is more (or less) to do than was thought.
    pub fn set_total(&self, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
        }
    }

    /// Words behind the bar: the window, the file.
    pub fn message(&self, text: impl Into<String>) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.into());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl fmt::Debug for ProgressFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProgressFactory").field("visible", &self.is_visible()).finish()
    }
}

/// Runs `write` with the bars out of the way.
pub(crate) fn above_bars<R>(write: impl FnOnce() -> R) -> R {
    match ON_TERMINAL.get() {
        Some(bars) => bars.suspend(write),
        None => write(),
    }
}
