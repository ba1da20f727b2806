//! Engines, traffic and faults for tests and the demo.
//!
//! Every engine has a directory and a port of its own, listens on 127.0.0.1 only, keeps what it prints, and ends with
//! its owner, however that ends. Nothing here is shipped.

pub mod alertmanager;
pub mod chromium;
pub mod clickhouse;
pub mod fake_loki;
pub mod loki;
pub mod ports;
pub mod process;
pub mod prometheus;
pub mod s3;
pub mod servers;
pub mod traffic;

/// An HTTP client with the TLS provider that the workspace uses; no proxy, since engines are on the loopback.
///
/// Not shared: a client's connections belong to the runtime that opened them, and every test has its own.
pub fn http() -> reqwest::Client {
    install_tls();
    reqwest::Client::builder().no_proxy().build().unwrap_or_default()
}

/// Sets ring as the process's TLS provider, once; reqwest is built without one of its own.
pub fn install_tls() {
    // Fails when one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
