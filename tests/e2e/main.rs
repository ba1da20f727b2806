//! Tests that cross tools.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod demo;
mod loki_contract;
mod up;
