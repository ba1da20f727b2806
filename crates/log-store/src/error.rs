//! What can go wrong, sorted by what a caller should do about it.

use std::fmt;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the store; each names what was being done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server cannot be reached, or says that it cannot work now. Nothing is known about the
    /// outcome of the request.
    #[error(
        "{what}: clickhouse at {url} is away: {reason}\n\
         hint: clickhouse.url in the configuration, or CLICKHOUSE_URL, says where clickhouse is"
    )]
    Unavailable {
        /// What was being done.
        what: String,
        /// Base URL that was asked.
        url: String,
        /// What the connection or the server said.
        reason: String,
    },
    /// The server refused the user or the password.
    #[error(
        "{what}: clickhouse refused the login: {reason}\nhint: set clickhouse.user and clickhouse.password_file"
    )]
    Login {
        /// What was being done.
        what: String,
        /// The server's words.
        reason: String,
    },
    /// The server answered with an exception.
    #[error("{what}: {message}")]
    Server {
        /// What was being done.
        what: String,
        /// `ClickHouse` error code.
        code: u32,
        /// The server's words.
        message: String,
    },
    /// The reply is not what the query asks for.
    #[error("{what}: unexpected reply from clickhouse: {reason}")]
    Reply {
        /// What was being done.
        what: String,
        /// What was wrong with it.
        reason: String,
    },
    /// The database or the settings do not fit this version of the program; a person has to decide.
    #[error("{problem}\nhint: {hint}")]
    Schema {
        /// What was found, and what was expected.
        problem: String,
        /// What to do.
        hint: String,
    },
}

impl Error {
    /// Whether trying again later can help without anybody changing anything.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// Whether configuration (or a decision about the database) has to change first.
    pub fn is_config(&self) -> bool {
        matches!(self, Self::Login { .. } | Self::Schema { .. })
    }

    /// The server's error code, if it is the server that complained.
    pub fn code(&self) -> Option<u32> {
        if let Self::Server { code, .. } = self { Some(*code) } else { None }
    }

    /// Whether the server could not take the data as it is: it would not the next time either.
    pub fn is_bad_data(&self) -> bool {
        // CANNOT_PARSE_TEXT, CANNOT_PARSE_INPUT_ASSERTION_FAILED, CANNOT_READ_ALL_DATA, TYPE_MISMATCH,
        // INCORRECT_DATA
        matches!(self.code(), Some(6 | 27 | 33 | 53 | 117))
    }

    /// Sorts an error of the client crate.
    pub(crate) fn from_client(what: impl fmt::Display, url: &str, error: &clickhouse::error::Error) -> Self {
        use clickhouse::error::Error as E;
        let what = what.to_string();
        let away = |what| Self::Unavailable { what, url: url.to_owned(), reason: chain(error) };
        match error {
            E::BadResponse(message) => Self::from_response(what, url, message),
            E::Network(_) | E::TimedOut | E::Decompression(_) => away(what),
            E::Other(source) => match source.downcast_ref::<std::io::Error>() {
                Some(_) => away(what),
                None => Self::Reply { what, reason: chain(error) },
            },
            _ => Self::Reply { what, reason: chain(error) },
        }
    }

    fn from_response(what: String, url: &str, message: &str) -> Self {
        let message = message.trim();
        let away = |what| Self::Unavailable { what, url: url.to_owned(), reason: shorten(message) };
        match exception_code(message) {
            Some(code) if is_transient(code) => away(what),
            Some(192..=194 | 516) => Self::Login { what, reason: shorten(message) },
            Some(code) => Self::Server { what, code, message: shorten(message) },
            // No exception of ClickHouse's: a proxy in between, or a server on its way up or down.
            None => away(what),
        }
    }
}

/// `Code: 60. DB::Exception: …` → 60
fn exception_code(message: &str) -> Option<u32> {
    let digits = message.split_once("Code: ")?.1;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// Codes that speak of the server's state, not of the request (names: `errorCodeToName`).
fn is_transient(code: u32) -> bool {
    matches!(
        code,
        159 // TIMEOUT_EXCEEDED
        | 202 // TOO_MANY_SIMULTANEOUS_QUERIES
        | 203 // NO_FREE_CONNECTION
        | 209 // SOCKET_TIMEOUT
        | 210 // NETWORK_ERROR
        | 216 // QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING
        | 225 // NO_ZOOKEEPER
        | 236 // ABORTED: the server is shutting down
        | 241 // MEMORY_LIMIT_EXCEEDED
        | 242 // TABLE_IS_READ_ONLY
        | 243 // NOT_ENOUGH_SPACE
        | 252 // TOO_MANY_PARTS
        | 285 // TOO_FEW_LIVE_REPLICAS
        | 319 // UNKNOWN_STATUS_OF_INSERT
        | 394 // QUERY_WAS_CANCELLED
        | 439 // CANNOT_SCHEDULE_TASK
        | 473 // DEADLOCK_AVOIDED
        | 499 // S3_ERROR
        | 999 // KEEPER_EXCEPTION
    )
}

/// The server repeats the whole query in some messages.
fn shorten(message: &str) -> String {
    const LIMIT: usize = 600;
    match message.char_indices().nth(LIMIT) {
        Some((cut, _)) => format!("{}…", &message[..cut]),
        None => message.to_owned(),
    }
}

/// The error with its causes; the client's own text often holds only the outermost.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    shorten(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(message: &str) -> Error {
        let error = clickhouse::error::Error::BadResponse(message.to_owned());
        Error::from_client("count", "http://h:8123", &error)
    }

    #[test]
    fn a_busy_server_is_away_and_a_wrong_query_is_not() {
        assert!(sorted("Code: 252. DB::Exception: Too many parts").is_unavailable());
        assert!(sorted("Code: 159").is_unavailable());
        assert!(sorted("502 Bad Gateway").is_unavailable());
        let unknown = sorted("Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)");
        assert!(!unknown.is_unavailable());
        assert_eq!(unknown.code(), Some(60));
        assert_eq!(unknown.to_string(), "count: Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)");
    }

    #[test]
    fn who_is_away_and_where_that_is_set_is_said() {
        let text = sorted("404 page not found").to_string();
        assert!(
            text.starts_with("count: clickhouse at http://h:8123 is away: 404 page not found\nhint: "),
            "{text}"
        );
        assert!(text.contains("CLICKHOUSE_URL"), "{text}");
    }

    #[test]
    fn a_refused_login_asks_for_configuration() {
        let error = sorted("Code: 516. DB::Exception: default: Authentication failed");
        assert!(error.is_config() && !error.is_unavailable());
    }
}
