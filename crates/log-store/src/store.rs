//! The connection.

use crate::config::ClickHouseConfig;
use crate::error::{Error, Result};
use clickhouse::insert::Insert;
use clickhouse::query::Query;
use clickhouse::{Client, Row, RowOwned, RowRead, RowWrite};
use hyper_util::client::legacy::{Client as HttpClient, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// The database of all tables.
pub const DATABASE: &str = "logs";

/// A host that is switched off does not answer at all; five seconds are plenty on a LAN.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The server closes idle connections after three seconds by default; ours must go first.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for a reply to start, or for the next row of it.
const REPLY_TIMEOUT: Duration = Duration::from_mins(3);
/// Longest wait for the socket to take another chunk of an insert.
const SEND_TIMEOUT: Duration = Duration::from_mins(1);

/// Settings of every request: what the defaults would be is nobody's promise. A text inside of JSON stays the
/// text it was (`infer`), also if it looks like a date or a number.
const SETTINGS: [(&str, &str); 8] = [
    ("async_insert", "0"),
    ("input_format_json_try_infer_numbers_from_strings", "0"),
    ("input_format_try_infer_dates", "0"),
    ("input_format_try_infer_datetimes", "0"),
    ("output_format_binary_write_json_as_string", "1"),
    ("input_format_binary_read_json_as_string", "1"),
    ("json_type_escape_dots_in_keys", "1"),
    ("max_execution_time", "170"),
];

/// A `ClickHouse` server with (or, before `migrate`, without) the database `logs`.
///
/// Cheap to clone; connections are pooled.
#[derive(Clone)]
pub struct Store {
    client: Client,
    url: String,
    has_deduplicate_insert: Arc<OnceCell<bool>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Store {
    /// A store at the configured place; nothing is sent yet.
    pub fn new(config: &ClickHouseConfig, password: Option<&str>) -> Result<Self> {
        if let Some(problem) = config.url_problem() {
            return Err(Error::Schema {
                problem: format!("clickhouse.url {problem}"),
                hint: "give the HTTP interface, like http://127.0.0.1:8123".to_owned(),
            });
        }
        let client = if config.url.starts_with("http://") {
            let mut connector = HttpConnector::new();
            connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
            connector.set_nodelay(true);
            let http = HttpClient::builder(TokioExecutor::new())
                .pool_idle_timeout(POOL_IDLE_TIMEOUT)
                .build(connector);
            Client::with_http_client(http)
        } else {
            Client::default()
        };
        let mut client = client.with_url(&config.url).with_user(&config.user);
        if let Some(password) = password {
            client = client.with_password(password);
        }
        for (name, value) in SETTINGS {
            client = client.with_setting(name, value);
        }
        Ok(Self { client, url: config.url.clone(), has_deduplicate_insert: Arc::default() })
    }

    /// Where the server is, for messages.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks the server for a sign of life that includes the login.
    pub async fn ping(&self) -> Result<()> {
        self.one::<u8>("ask for a sign of life", self.query("SELECT toUInt8(1)")).await.map(|_| ())
    }

    /// The server's version: `26.7.2.1`.
    pub async fn version(&self) -> Result<String> {
        self.one("ask for the version", self.query("SELECT version()")).await
    }

    /// When the server started, in seconds since the epoch, give or take one: it tells one life of
    /// the server from the next.
    pub async fn started_at(&self) -> Result<i64> {
        let query = self.query("SELECT toInt64(toUnixTimestamp(now())) - toInt64(uptime())");
        self.one("ask for the uptime", query).await
    }

    /// Whether the server knows the setting that newer releases put above `insert_deduplicate`; an
    /// unknown setting is an error.
    pub(crate) async fn has_deduplicate_insert(&self) -> Result<bool> {
        let ask = || async {
            let query =
                self.query("SELECT count() > 0 FROM system.settings WHERE name = 'deduplicate_insert'");
            self.one("ask for a setting", query).await
        };
        self.has_deduplicate_insert.get_or_try_init(ask).await.copied()
    }

    pub(crate) fn query(&self, sql: &str) -> Query {
        self.client.query(sql)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Runs a statement that returns nothing.
    pub(crate) async fn run(&self, what: impl fmt::Display, query: Query) -> Result<()> {
        let query = query.with_setting("wait_end_of_query", "1");
        timely(&what, &self.url, query.execute()).await
    }

    /// Runs a statement without looking for placeholders in it.
    pub(crate) async fn run_raw(&self, what: impl fmt::Display, sql: &str) -> Result<()> {
        self.run(what, self.client.query_raw(sql)).await
    }

    /// The one row of a query.
    pub(crate) async fn one<T: RowOwned + RowRead>(
        &self,
        what: impl fmt::Display,
        query: Query,
    ) -> Result<T> {
        timely(&what, &self.url, query.fetch_one()).await
    }

    /// The first row of a query, if it has one.
    pub(crate) async fn optional<T: RowOwned + RowRead>(
        &self,
        what: impl fmt::Display,
        query: Query,
    ) -> Result<Option<T>> {
        timely(&what, &self.url, query.fetch_optional()).await
    }

    /// All rows of a query.
    pub(crate) async fn all<T: RowOwned + RowRead>(
        &self,
        what: impl fmt::Display,
        query: Query,
    ) -> Result<Vec<T>> {
        timely(&what, &self.url, query.fetch_all()).await
    }

    /// Inserts a few rows in one block. Tables written this way replace rows by key, so that a
    /// repeated insert changes nothing.
    pub(crate) async fn insert_rows<T>(&self, table: &str, rows: &[T]) -> Result<()>
    where
        T: RowWrite + for<'a> Row<Value<'a> = T>,
    {
        if rows.is_empty() {
            return Ok(());
        }
        let what = format!("insert {} rows into {DATABASE}.{table}", rows.len());
        let client = self.client.clone().with_database(DATABASE);
        let insert = timely(&what, &self.url, client.insert::<T>(table)).await?;
        let mut insert: Insert<T> = insert
            .with_timeouts(Some(SEND_TIMEOUT), Some(REPLY_TIMEOUT))
            .with_setting("wait_end_of_query", "1");
        let sent = async {
            for row in rows {
                insert.write(row).await?;
            }
            insert.end().await
        };
        sent.await.map_err(|e| Error::from_client(&what, &self.url, &e))
    }
}

/// Bounds the wait and names what was being done.
pub(crate) async fn timely<T>(
    what: &impl fmt::Display,
    url: &str,
    reply: impl Future<Output = clickhouse::error::Result<T>>,
) -> Result<T> {
    match tokio::time::timeout(REPLY_TIMEOUT, reply).await {
        Ok(outcome) => outcome.map_err(|e| Error::from_client(what, url, &e)),
        Err(_) => Err(Error::Unavailable {
            what: what.to_string(),
            url: url.to_owned(),
            reason: format!("no reply within {} s", REPLY_TIMEOUT.as_secs()),
        }),
    }
}

pub(crate) const fn insert_timeouts() -> (Option<Duration>, Option<Duration>) {
    (Some(SEND_TIMEOUT), Some(REPLY_TIMEOUT))
}
