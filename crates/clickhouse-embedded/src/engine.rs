//! The engine: one data directory, any number of connections, sessions that pin one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::exception::Exception;
use crate::ffi::{Api, Connection};
use crate::request::SessionRequest;

/// Settings that chdb changes from a server's defaults, set back.
const SERVER_DEFAULTS: [&str; 5] = [
    "--implicit_select=0",
    "--allow_introspection_functions=0",
    "--serialize_query_plan=0",
    "--storage_file_read_method=pread",
    "--output_format_arrow_use_native_writer=1",
];

/// A running engine.
pub struct Engine {
    api: Arc<Api>,
    arguments: Vec<String>,
    /// Keeps the engine alive between requests, and kills queries.
    anchor: Mutex<Option<Connection>>,
    sessions: Mutex<HashMap<String, Session>>,
    spool: PathBuf,
    /// ClickHouse's version, e.g. `26.7.2.1`.
    pub version: String,
    /// The server's time zone.
    pub timezone: String,
    /// The host's name.
    pub display_name: String,
}

struct Session {
    connection: Arc<Mutex<Connection>>,
    timeout: Duration,
    last_used: Instant,
}

impl Engine {
    /// Loads the library and opens the data directory, which belongs to this process from then on.
    pub fn start(library: &Path, data: &Path) -> anyhow::Result<Self> {
        let spool = data.join("http-spool");
        if spool.exists() {
            std::fs::remove_dir_all(&spool).with_context(|| format!("cannot clear {}", spool.display()))?;
        }
        std::fs::create_dir_all(&spool).with_context(|| format!("cannot create {}", spool.display()))?;
        let api = Api::load(library)?;
        let mut arguments = vec![format!("--path={}", data.display())];
        arguments.extend(SERVER_DEFAULTS.map(str::to_owned));
        let mut anchor = api.connect(&arguments).with_context(|| {
            format!(
                "the engine cannot open {}\nhint: one process at a time can own a data directory",
                data.display()
            )
        })?;
        let facts = anchor
            .query(b"SELECT version(), timezone(), displayName()", "TSV", &[])
            .map_err(|error| anyhow::anyhow!("the engine does not answer: {error}"))?;
        let facts = String::from_utf8_lossy(&facts.data).trim_end().to_owned();
        let mut facts = facts.split('\t').map(str::to_owned);
        let mut fact = || facts.next().unwrap_or_default();
        Ok(Self {
            version: fact(),
            timezone: fact(),
            display_name: fact(),
            api,
            arguments,
            anchor: Mutex::new(Some(anchor)),
            sessions: Mutex::default(),
            spool,
        })
    }

    /// Where bodies of INSERTs wait for the engine.
    pub fn spool(&self) -> &Path {
        &self.spool
    }

    /// A fresh connection. It takes 0.1 ms, so that each request without a session has one of its own and no setting,
    /// database or temporary table can leak into another.
    pub fn connect(&self) -> Result<Connection, Exception> {
        self.api.connect(&self.arguments).ok_or_else(|| {
            Exception::new(210, "NETWORK_ERROR", "the engine refused a connection, it may be stopping")
        })
    }

    /// The connection of a session, made when it is new.
    pub fn session(&self, request: &SessionRequest) -> Result<Arc<Mutex<Connection>>, Exception> {
        let mut sessions = lock(&self.sessions);
        let now = Instant::now();
        sessions.retain(|_, session| {
            Arc::strong_count(&session.connection) > 1
                || now.duration_since(session.last_used) < session.timeout
        });
        if let Some(session) = sessions.get_mut(&request.id) {
            session.last_used = now;
            session.timeout = Duration::from_secs(request.timeout_s);
            return Ok(Arc::clone(&session.connection));
        }
        if request.check {
            return Err(Exception::new(
                372,
                "SESSION_NOT_FOUND",
                format!("Session {} not found", request.id),
            ));
        }
        let connection = Arc::new(Mutex::new(self.connect()?));
        let timeout = Duration::from_secs(request.timeout_s);
        sessions.insert(
            request.id.clone(),
            Session { connection: Arc::clone(&connection), timeout, last_used: now },
        );
        Ok(connection)
    }

    /// Stops queries whose text contains `part`; all of them when it is empty.
    pub fn kill(&self, part: &str) {
        let Some(ref mut anchor) = *lock(&self.anchor) else { return };
        let part = quoted(part);
        let sql = format!("KILL QUERY WHERE position(query, {part}) > 0 AND query NOT LIKE 'KILL %' ASYNC");
        if let Err(error) = anchor.query(sql.as_bytes(), "TSV", &[]) {
            log::warn!("cannot kill a query: {error}");
        }
    }

    /// Closes sessions and, with the last connection, the engine. Requests must be done.
    pub fn stop(&self) {
        lock(&self.sessions).clear();
        drop(lock(&self.anchor).take());
    }
}

/// Locks; a panic in another request is no reason to refuse this one.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A string literal.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
