//! Errors as ClickHouse writes them: `Code: 60. DB::Exception: … (UNKNOWN_TABLE) (version …)`.

use axum::http::StatusCode;

/// A ClickHouse error: its number and its text without `Code: N. DB::Exception: ` and without the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The number, e.g. 60.
    pub code: u32,
    /// The text with the name in brackets at its end.
    pub message: String,
}

impl Exception {
    /// An error of the front itself; `name` is the one ClickHouse gives the code.
    pub fn new(code: u32, name: &str, message: impl AsRef<str>) -> Self {
        Self { code, message: format!("{}. ({name})", message.as_ref()) }
    }

    /// Reads the text that libchdb gives, which repeats the prefix and the version where an error was wrapped.
    pub fn from_engine(text: &str) -> Self {
        let mut code = 1002;
        let mut rest = text.trim();
        while let Some((found, after)) = strip_prefix(rest) {
            code = found;
            rest = after;
        }
        let message = match rest.find(" (version ") {
            Some(end) => &rest[..end],
            None => rest,
        };
        Self { code, message: message.to_owned() }
    }

    /// The line sent to clients.
    pub fn text(&self, version: &str) -> String {
        format!("Code: {}. DB::Exception: {} (version {version} (official build))\n", self.code, self.message)
    }

    /// The HTTP status that ClickHouse answers with.
    pub fn status(&self) -> StatusCode {
        match self.code {
            194 => StatusCode::UNAUTHORIZED,
            192 | 193 | 497 | 512 | 516 => StatusCode::FORBIDDEN,
            6 | 8 | 15 | 25 | 26 | 27 | 36 | 37 | 38 | 41 | 44 | 53 | 62 | 72 | 117 | 123 | 167 | 168
            | 223 | 321 | 376 | 427 | 441 | 675 | 676 => StatusCode::BAD_REQUEST,
            46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 152 | 336 | 511 => StatusCode::NOT_FOUND,
            159 => StatusCode::REQUEST_TIMEOUT,
            381 => StatusCode::LENGTH_REQUIRED,
            229 => StatusCode::PAYLOAD_TOO_LARGE,
            779 => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            48 => StatusCode::NOT_IMPLEMENTED,
            76 | 209 | 439 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Splits `Code: 60. DB::Exception: rest` (also `DB::NetException` and other kinds).
fn strip_prefix(text: &str) -> Option<(u32, &str)> {
    let (number, rest) = text.strip_prefix("Code: ")?.split_once(". DB::")?;
    let (_, rest) = rest.split_once("Exception: ")?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_error_is_told_once() {
        let text = "Code: 108. DB::Exception: Code: 108. DB::Exception: No data to insert. (NO_DATA_TO_INSERT) \
                    (version 26.7.2.1). (NO_DATA_TO_INSERT)";
        let exception = Exception::from_engine(text);
        assert_eq!(
            exception,
            Exception { code: 108, message: "No data to insert. (NO_DATA_TO_INSERT)".to_owned() }
        );
        assert_eq!(
            exception.text("26.7.2.1"),
            "Code: 108. DB::Exception: No data to insert. (NO_DATA_TO_INSERT) (version 26.7.2.1 (official build))\n"
        );
    }

    #[test]
    fn text_without_a_code_is_an_unknown_exception() {
        assert_eq!(Exception::from_engine("Error: boom").code, 1002);
    }

    #[test]
    fn statuses_are_those_of_clickhouse() {
        for (code, status) in [(60, 404), (81, 404), (62, 400), (516, 403), (194, 401), (395, 500), (27, 400)]
        {
            assert_eq!(Exception::new(code, "X", "x").status().as_u16(), status, "{code}");
        }
    }
}
