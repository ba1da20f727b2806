//! The `[loki]` section of every tool's configuration.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where Loki is and how to speak to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LokiConfig {
    /// Base address, without `/loki/api`. Environment: `LOKI_URL`.
    pub url: String,
    /// Sent as `X-Scope-OrgID`; needed when Loki runs with `auth_enabled: true`.
    pub tenant: Option<String>,
    /// User of HTTP basic authentication, for a proxy before Loki.
    pub user: Option<String>,
    /// File that holds the password of `user`.
    pub password_file: Option<PathBuf>,
    /// Seconds that one request may take.
    pub timeout_s: u64,
}

impl Default for LokiConfig {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:3100".to_owned(),
            tenant: None,
            user: None,
            password_file: None,
            // Loki itself gives up writing an answer after 30 s (`server.http_server_write_timeout`).
            timeout_s: 35,
        }
    }
}

/// A value that cannot work, found without touching the network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct ConfigProblem {
    /// Key within the section, for example `url`.
    pub key: &'static str,
    /// What was found and what was expected.
    pub problem: String,
}

impl LokiConfig {
    /// Checks every value; the first problem is the error.
    pub fn validate(&self) -> std::result::Result<(), ConfigProblem> {
        let problem = |key, problem: String| Err(ConfigProblem { key, problem });
        match reqwest::Url::parse(&self.url) {
            Err(error) => return problem("url", format!("{:?} is no address: {error}", self.url)),
            Ok(url) if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() => {
                return problem("url", format!("{:?} must start with http:// or https://", self.url));
            }
            Ok(url) if url.path().contains("/loki/api") => {
                return problem("url", format!("{:?} must end before /loki/api", self.url));
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                return problem(
                    "url",
                    "must not hold a user or password; use `user` and `password_file`".to_owned(),
                );
            }
            Ok(_) => {}
        }
        if self.timeout_s == 0 {
            return problem("timeout_s", "0 s would fail every request; expected at least 1".to_owned());
        }
        if self.password_file.is_some() && self.user.is_none() {
            return problem("user", "missing, though `password_file` is set".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_works_and_wrong_values_name_their_key() {
        assert_eq!(LokiConfig::default().validate(), Ok(()));
        let with = |url: &str| LokiConfig { url: url.to_owned(), ..LokiConfig::default() };
        for bad in ["", "localhost:3100", "ftp://h", "http://h/loki/api/v1/push", "http://me:pw@h"] {
            assert_eq!(with(bad).validate().unwrap_err().key, "url", "{bad}");
        }
        assert_eq!(with("https://h/prefix/").validate(), Ok(()));
        let no_time = LokiConfig { timeout_s: 0, ..LokiConfig::default() };
        assert_eq!(no_time.validate().unwrap_err().key, "timeout_s");
        let no_user = LokiConfig { password_file: Some("/x".into()), ..LokiConfig::default() };
        assert_eq!(no_user.validate().unwrap_err().key, "user");
    }
}
