//! What systemd is told: ready, status, alive, stopping.
//!
//! Best effort and never fatal: without `NOTIFY_SOCKET` (on a terminal, in a container) nothing happens, and a message
//! that cannot be sent is a debug line.

use sd_notify::NotifyState;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The link to the service manager. Clones share it.
#[derive(Debug, Clone)]
pub struct Notify {
    shared: Arc<Mutex<Shared>>,
    watchdog: Option<Duration>,
}

#[derive(Debug, Default)]
struct Shared {
    status: String,
    fed: Option<Instant>,
}

impl Notify {
    /// Takes `NOTIFY_SOCKET` and `WATCHDOG_USEC` from the environment.
    pub fn from_env() -> Self {
        Self { shared: Arc::default(), watchdog: sd_notify::watchdog_enabled() }
    }

    /// READY=1: say it when work is truly flowing, after the first successful contact.
    pub fn ready(&self) {
        send(&NotifyState::Ready);
    }

    /// STATUS=: what the tool is doing, in plain words. Repeating the same text sends nothing.
    pub fn status(&self, text: impl AsRef<str>) {
        let text = text.as_ref().replace('\n', " ");
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.status != text {
            send(&NotifyState::Status(&text));
            shared.status = text;
        }
    }

    /// WATCHDOG=1: call this wherever progress was made (a batch went out, a window was finished), as often as you
    /// like; it sends at most four times per deadline. Never call it from a timer: a stuck tool must look stuck.
    pub fn progress(&self) {
        let Some(deadline) = self.watchdog else { return };
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.fed.is_none_or(|fed| fed.elapsed() >= deadline / 4) {
            send(&NotifyState::Watchdog);
            shared.fed = Some(Instant::now());
        }
    }

    /// The deadline systemd set with `WatchdogSec=`. A tool with nothing to do for longer than half of it should
    /// check its parts and call [`Notify::progress`].
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// STOPPING=1: the orderly end has begun.
    pub fn stopping(&self) {
        send(&NotifyState::Stopping);
    }
}

fn send(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        log::debug!("systemd was not notified of {state}: {error}");
    }
}
