//! What a request asks for: URL, headers and form fields read into one [`Request`].

use axum::http::{HeaderMap, Method, Uri, header};

use crate::compression::Encoding;
use crate::exception::Exception;

/// User and password as sent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// `default` where none is given.
    pub user: String,
    /// Empty where none is given.
    pub password: String,
}

/// Everything but the body.
#[derive(Clone)]
pub struct Request {
    /// Who asks.
    pub credentials: Credentials,
    /// The `query` of URL or form.
    pub query: String,
    /// Query parameters without `param_`.
    pub params: Vec<(String, String)>,
    /// Settings for this query, in the order sent.
    pub settings: Vec<(String, String)>,
    /// The database to use.
    pub database: Option<String>,
    /// The format where the query names none.
    pub default_format: String,
    /// As sent, or made up.
    pub query_id: String,
    /// The session to run in.
    pub session: Option<SessionRequest>,
    /// Roles to be set.
    pub roles: Vec<String>,
    /// Hold the answer back until the query is done.
    pub wait_end_of_query: bool,
    /// How much of an answer to hold back anyway, in bytes.
    pub buffer_size: u64,
    /// The protocol whose Native format the client reads; 0 is the plain one.
    pub client_protocol_version: u64,
    /// `decompress=1`: the body is in ClickHouse's own blocks.
    pub decompress: bool,
    /// `Content-Encoding` of the body, in lower case.
    pub content_encoding: String,
    /// How to encode the answer.
    pub encoding: Encoding,
    /// GET and HEAD may not change anything.
    pub read_only: bool,
    /// The boundary of a multipart body.
    pub boundary: Option<String>,
}

/// `session_id` and what belongs to it.
#[derive(Clone)]
pub struct SessionRequest {
    /// The name.
    pub id: String,
    /// Seconds without a request after which it ends.
    pub timeout_s: u64,
    /// The session must exist already.
    pub check: bool,
}

/// ClickHouse's output buffer: errors until here get a status of their own.
const DEFAULT_BUFFER: u64 = 1 << 20;

impl Request {
    /// Reads URL and headers.
    pub fn new(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Self, Exception> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut request = Self {
            credentials: credentials(headers)?,
            query: String::new(),
            params: Vec::new(),
            settings: Vec::new(),
            database: Some(text("x-clickhouse-database").to_owned()).filter(|name| !name.is_empty()),
            default_format: Some(text("x-clickhouse-format"))
                .filter(|name| !name.is_empty())
                .unwrap_or("TabSeparated")
                .to_owned(),
            query_id: String::new(),
            session: None,
            roles: Vec::new(),
            wait_end_of_query: false,
            buffer_size: DEFAULT_BUFFER,
            client_protocol_version: 0,
            decompress: false,
            content_encoding: text("content-encoding").trim().to_ascii_lowercase(),
            encoding: Encoding::accepted(text("accept-encoding")),
            read_only: matches!(*method, Method::GET | Method::HEAD),
            boundary: boundary(text("content-type")),
        };
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|error| {
            Exception::new(36, "BAD_ARGUMENTS", format!("cannot read the URL's parameters: {error}"))
        })?;
        for (key, value) in pairs.0 {
            request.apply(key, value)?;
        }
        if request.query_id.is_empty() {
            request.query_id = random_id();
        }
        Ok(request)
    }

    /// Takes one parameter of the URL or field of a form.
    pub fn apply(&mut self, key: String, value: String) -> Result<(), Exception> {
        if let Some(name) = key.strip_prefix("param_") {
            self.params.push((name.to_owned(), value));
            return Ok(());
        }
        match key.as_str() {
            "query" => self.query.push_str(&value),
            "database" => self.database = Some(value).filter(|name| !name.is_empty()),
            "default_format" => self.default_format = value,
            "query_id" => self.query_id = value,
            "user" => self.credentials.user = value,
            "password" => self.credentials.password = value,
            "session_id" if !value.is_empty() => self.session_mut().id = value,
            "session_timeout" => {
                let invalid = || {
                    Exception::new(
                        374,
                        "INVALID_SESSION_TIMEOUT",
                        format!("Invalid session timeout: '{value}'"),
                    )
                };
                self.session_mut().timeout_s =
                    value.parse().ok().filter(|seconds| *seconds <= 3600).ok_or_else(invalid)?;
            }
            "session_check" => self.session_mut().check = is_on(&value),
            "role" => self.roles.push(value),
            "wait_end_of_query" => self.wait_end_of_query = is_on(&value),
            "buffer_size" => self.buffer_size = value.parse().unwrap_or(DEFAULT_BUFFER),
            "client_protocol_version" => self.client_protocol_version = value.parse().unwrap_or(0),
            "decompress" => self.decompress = is_on(&value),
            "compress" if is_on(&value) => self.encoding = Encoding::Native,
            "enable_http_compression" if !is_on(&value) && self.encoding != Encoding::Native => {
                self.encoding = Encoding::Plain;
            }
            // Known to the HTTP handler only, or without a meaning here.
            "compress"
            | "enable_http_compression"
            | "quota_key"
            | "stacktrace"
            | "close_session"
            | "http_write_exception_in_output_format"
            | "session_id" => {}
            _ => self.settings.push((key, value)),
        }
        Ok(())
    }

    fn session_mut(&mut self) -> &mut SessionRequest {
        self.session.get_or_insert(SessionRequest { id: String::new(), timeout_s: 60, check: false })
    }

    /// The session to run in, if a name was given.
    pub fn session(&self) -> Option<&SessionRequest> {
        self.session.as_ref().filter(|session| !session.id.is_empty())
    }

    /// Takes the fields of a multipart body.
    pub fn apply_form(&mut self, body: &[u8], boundary: &str) -> Result<(), Exception> {
        for (name, value) in form_fields(body, boundary)? {
            self.apply(name, value)?;
        }
        Ok(())
    }
}

fn is_on(value: &str) -> bool {
    !matches!(value, "" | "0" | "false")
}

/// A version 4 UUID from the kernel.
pub fn random_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/uuid").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// Basic authentication, else ClickHouse's own headers; URL parameters come later and win.
fn credentials(headers: &HeaderMap) -> Result<Credentials, Exception> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let failed = |what: &str| Exception::new(516, "AUTHENTICATION_FAILED", what);
    let own = (text("x-clickhouse-user"), text("x-clickhouse-key"));
    if let Some(authorization) = text(header::AUTHORIZATION.as_str()) {
        let encoded = authorization
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .map(|(_, encoded)| encoded.trim())
            .ok_or_else(|| {
                failed("Invalid authentication: only 'Basic' HTTP Authorization scheme is supported")
            })?;
        let decoded = decode_base64(encoded)
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| failed("Invalid authentication: not base64"))?;
        let (user, password) = decoded.split_once(':').unwrap_or((&decoded, ""));
        return Ok(Credentials { user: user.to_owned(), password: password.to_owned() });
    }
    Ok(Credentials {
        user: own.0.unwrap_or_else(|| "default".to_owned()),
        password: own.1.unwrap_or_default(),
    })
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for c in text.trim_end_matches('=').bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

/// The boundary in `multipart/form-data; boundary=X`.
fn boundary(content_type: &str) -> Option<String> {
    let (kind, rest) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    rest.split(';')
        .find_map(|part| part.trim().strip_prefix("boundary="))
        .map(|text| text.trim_matches('"').to_owned())
}

/// Names and values of a form's fields.
fn form_fields(body: &[u8], boundary: &str) -> Result<Vec<(String, String)>, Exception> {
    let bad =
        |what: &str| Exception::new(36, "BAD_ARGUMENTS", format!("cannot read the multipart body: {what}"));
    let find = |from: usize, needle: &[u8]| {
        body[from..].windows(needle.len()).position(|window| window == needle).map(|at| from + at)
    };
    let delimiter = format!("\r\n--{boundary}");
    let mut fields = Vec::new();
    let mut at = find(0, &delimiter.as_bytes()[2..]).ok_or_else(|| bad("no boundary"))? + delimiter.len() - 2;
    while !body[at..].starts_with(b"--") {
        let head_end = find(at, b"\r\n\r\n").ok_or_else(|| bad("a part without a header"))?;
        let head = String::from_utf8_lossy(&body[at..head_end]);
        if head.contains("filename=") {
            return Err(Exception::new(
                48,
                "NOT_IMPLEMENTED",
                "external tables are not available in the embedded engine",
            ));
        }
        let name = head
            .split_once("name=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(name, _)| name.to_owned())
            .ok_or_else(|| bad("a part without a name"))?;
        let end = find(head_end + 4, delimiter.as_bytes()).ok_or_else(|| bad("a part without an end"))?;
        fields.push((name, String::from_utf8_lossy(&body[head_end + 4..end]).into_owned()));
        at = end + delimiter.len();
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_fields_keep_their_bytes() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT 1\r\n\r\n--b\r\n\
                     Content-Disposition: form-data; name=\"param_x\"\r\n\r\n\r\n--b--\r\n";
        let fields = form_fields(body, "b").unwrap();
        assert_eq!(fields, [("query".into(), "SELECT 1\r\n".into()), ("param_x".into(), String::new())]);
        assert!(form_fields(b"--b\r\nno end", "b").is_err());
    }

    #[test]
    fn basic_authentication_is_read() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Basic bWU6c8OpOmNyZXQ=".parse().unwrap());
        let credentials = credentials(&headers).unwrap_or_default();
        assert_eq!((credentials.user.as_str(), credentials.password.as_str()), ("me", "sé:cret"));
        headers.insert("authorization", "Bearer x".parse().unwrap());
        assert!(super::credentials(&headers).is_err());
    }

    #[test]
    fn unknown_keys_are_settings_and_known_ones_are_not() {
        let uri = "/?query=SELECT+1&max_threads=2&param_a=x%26y&database=d&compress=1&session_id=s"
            .parse()
            .unwrap();
        let request =
            Request::new(&Method::POST, &uri, &HeaderMap::new()).unwrap_or_else(|_| panic!("refused"));
        assert_eq!(request.query, "SELECT 1");
        assert_eq!(request.settings, [("max_threads".to_owned(), "2".to_owned())]);
        assert_eq!(request.params, [("a".to_owned(), "x&y".to_owned())]);
        assert_eq!(request.database.as_deref(), Some("d"));
        assert_eq!(request.encoding, Encoding::Native);
        assert_eq!(request.session().map(|session| session.timeout_s), Some(60));
        assert_eq!(request.query_id.len(), 36);
    }
}
