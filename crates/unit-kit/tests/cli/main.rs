//! What a user of any tool sees: runs the example `line-counter` and looks at streams and exit codes.

#![allow(
    clippy::unwrap_used,
    clippy::format_push_string,
    reason = "a test may panic, and is read more often than it runs"
)]

mod config;
mod harness;
mod logging;
mod running;
mod usage;
