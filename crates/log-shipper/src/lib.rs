//! Collects log lines and ships them to Loki.
