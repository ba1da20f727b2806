//! Copies Loki's lines to ClickHouse, provably complete.
