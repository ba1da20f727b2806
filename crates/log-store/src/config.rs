//! Where the server is.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The `[clickhouse]` section of every tool's configuration.
///
/// The database is always `logs`: dashboards and people query it by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClickHouseConfig {
    /// Base URL of the HTTP interface.
    pub url: String,
    /// User name.
    pub user: String,
    /// File that holds the password; without it the systemd credential of the tool, else none.
    pub password_file: Option<PathBuf>,
}

impl Default for ClickHouseConfig {
    fn default() -> Self {
        Self { url: "http://127.0.0.1:8123".to_owned(), user: "default".to_owned(), password_file: None }
    }
}

impl ClickHouseConfig {
    /// What is wrong with `url`, found without touching the network.
    pub fn url_problem(&self) -> Option<String> {
        let rest = self.url.strip_prefix("http://").or_else(|| self.url.strip_prefix("https://"));
        let Some(rest) = rest else {
            return Some(format!("{:?} must start with http:// or https://", self.url));
        };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.contains('@') {
            return Some("must not hold a user or password; use `user` and `password_file`".to_owned());
        }
        if host.is_empty()
            || host.starts_with(':')
            || rest.contains(['?', '#'])
            || rest.contains(char::is_whitespace)
        {
            return Some(format!("{:?} is no address, expected one like http://127.0.0.1:8123", self.url));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_work_is_told_without_a_server() {
        let problem =
            |url: &str| ClickHouseConfig { url: url.to_owned(), ..Default::default() }.url_problem();
        assert_eq!(ClickHouseConfig::default().url_problem(), None);
        assert_eq!(problem("https://h/prefix/"), None);
        assert_eq!(problem("http://[::1]:8123"), None);
        for wrong in
            ["", "h:8123", "ftp://h", "http://", "http://:8123", "http://h:8123?user=me", "http://h /x"]
        {
            assert!(problem(wrong).is_some(), "{wrong}");
        }
        let with_password = problem("http://me:secret@h:8123").unwrap();
        assert!(!with_password.contains("secret"), "{with_password}");
    }
}
