//! Loki's HTTP API: push with rejects told apart, counted reads.
