//! The signals that ask a tool to stop.

use std::io;
use tokio::signal::unix::{SignalKind, signal};

/// A signal that asks for an orderly end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM: systemd stops the unit.
    Terminate,
    /// SIGINT: someone pressed Ctrl-C.
    Interrupt,
}

/// Starts to listen for SIGTERM and SIGINT and completes at the first of them.
///
/// From the moment this returns (not from the first poll) those signals no longer end the process by themselves.
/// Must be called inside the tokio runtime.
pub fn stop_requested() -> io::Result<impl Future<Output = Stop> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => Stop::Terminate,
            _ = interrupt.recv() => Stop::Interrupt,
        }
    })
}
