//! What can go wrong between us and Loki.

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why Loki did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers, or only with "later" (429, 5xx), also after some patience. Try again another time.
    #[error("{what}: loki at {url} is not available: {cause}")]
    Unavailable {
        /// The operation, for example `push`.
        what: String,
        /// Base address.
        url: String,
        /// Last answer, or the network error.
        cause: String,
    },
    /// Loki refuses the whole request on purpose (ingestion blocked, no access): nothing was stored and
    /// no line is at fault.
    #[error("{what}: loki refused with {status}: {body}")]
    Rejected {
        /// The operation.
        what: String,
        /// HTTP status, 260 for blocked ingestion by default.
        status: u16,
        /// Loki's words.
        body: String,
    },
    /// Loki answers, but not to this question: a bad query, a limit exceeded, an endpoint switched off.
    #[error("{what}: loki answered {status}: {body}")]
    Api {
        /// The operation.
        what: String,
        /// HTTP status.
        status: u16,
        /// Loki's words.
        body: String,
    },
    /// An answer of an unexpected shape: probably not Loki.
    #[error("{what}: cannot read the answer of {url}: {problem}")]
    Malformed {
        /// The operation.
        what: String,
        /// Base address.
        url: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// The configuration cannot work.
    #[error("loki.{0}")]
    Config(#[from] crate::ConfigProblem),
    /// The HTTP client cannot be set up, for example without any CA certificate.
    #[error("cannot set up the http client for loki: {0}")]
    Setup(String),
}

impl Error {
    /// Whether trying again later, unchanged, can succeed.
    ///
    /// Blocked ingestion counts: it ends by itself, and until then the lines must wait.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Rejected { body, .. } => body.contains("ingestion blocked"),
            Self::Api { .. } | Self::Malformed { .. } | Self::Config(_) | Self::Setup(_) => false,
        }
    }

    /// Whether somebody has to change the configuration (or Loki's) before trying again can succeed.
    pub fn is_config(&self) -> bool {
        match self {
            Self::Rejected { .. } => !self.is_unavailable(),
            Self::Malformed { .. } | Self::Config(_) | Self::Setup(_) => true,
            Self::Unavailable { .. } | Self::Api { .. } => false,
        }
    }

    /// Whether a smaller range could succeed: the answer was too large for one of Loki's hops, or too slow.
    pub(crate) fn wants_smaller(&self) -> bool {
        match self {
            Self::Unavailable { cause, .. } | Self::Api { body: cause, .. } => {
                ["larger than max", "ResourceExhausted", "context deadline exceeded", "timed out"]
                    .iter()
                    .any(|sign| cause.contains(sign))
                    || cause.starts_with("504")
            }
            _ => false,
        }
    }
}

/// The error with all its causes on one line; reqwest hides the interesting part in the chain.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

/// Cuts Loki's words where they get long: some answers repeat the same for every line.
pub(crate) fn clip(mut text: String) -> String {
    const SHOWN: usize = 2000;
    if let Some((cut, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_login_is_a_matter_of_configuration_and_blocked_ingestion_of_waiting() {
        let refused =
            |body: &str| Error::Rejected { what: "push".to_owned(), status: 401, body: body.to_owned() };
        let login = refused("no org id");
        assert!(login.is_config() && !login.is_unavailable());
        let blocked = refused("ingestion blocked for user 'x' until 't'");
        assert!(blocked.is_unavailable() && !blocked.is_config());
    }
}
