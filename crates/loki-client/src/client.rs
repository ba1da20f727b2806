//! One Loki: address, credentials, and the plumbing below every call.

use crate::backoff::Backoff;
use crate::error::{chain, clip};
use crate::track::Tracker;
use crate::{Error, Limits, LokiConfig, Result};
use log_model::{StreamLabels, is_loki_addition};
use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, RETRY_AFTER};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How long to wait for a connection; on a LAN it is there at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A Loki. Cheap to share by reference; all calls take `&self`.
pub struct Client {
    http: reqwest::Client,
    url: String,
    tenant: Option<String>,
    login: Option<(String, Option<String>)>,
    limits: OnceLock<Limits>,
    tracker: Mutex<Tracker>,
}

/// Answer of `/loki/api/v1/status/buildinfo`. Empty for a Loki that was built without version stamps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct BuildInfo {
    /// For example `3.7.8`.
    pub version: String,
    /// Commit.
    pub revision: String,
}

/// An answer before its body means anything.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: bytes::Bytes,
}

impl Answer {
    /// The body as trimmed text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }
}

#[derive(Deserialize)]
struct Envelope<T> {
    /// Loki leaves it out when there is nothing to tell.
    data: Option<T>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl Client {
    /// Sets up a client; nothing is sent yet.
    pub fn new(config: &LokiConfig, password: Option<&str>) -> Result<Self> {
        config.validate()?;
        // An error means that the process has chosen a provider already: as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("yagura/", env!("CARGO_PKG_VERSION")))
            // Loki is on this machine or its network; a proxy of the environment is for the world outside.
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(Duration::from_secs(config.timeout_s));
        if config.url.starts_with("http://") {
            // Without this a machine without CA certificates (a build sandbox) could not even speak plain HTTP.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| Error::Setup(chain(&error)))?;
        Ok(Self {
            http,
            url: config.url.trim_end_matches('/').to_owned(),
            tenant: config.tenant.clone(),
            login: config.user.clone().map(|user| (user, password.map(str::to_owned))),
            limits: OnceLock::new(),
            tracker: Mutex::new(Tracker::default()),
        })
    }

    /// Base address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `Ok` when Loki says that it is ready, [`Error::Unavailable`] with its words when not yet.
    pub async fn ready(&self) -> Result<()> {
        let answer = self.send(self.get("/ready")).await.map_err(|cause| self.unavailable("ready", cause))?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(self.unavailable("ready", format!("{}: {}", answer.status.as_u16(), clip(answer.text()))))
    }

    /// Version of this Loki.
    pub async fn buildinfo(&self) -> Result<BuildInfo> {
        let answer = self.ask("buildinfo", self.get("/loki/api/v1/status/buildinfo")).await?;
        self.decode("buildinfo", &answer)
    }

    /// The limits in force, from `GET /config`, asked for once. Where a gateway hides that page: Loki's
    /// defaults.
    pub async fn limits(&self) -> Result<Limits> {
        if let Some(known) = self.limits.get() {
            return Ok(known.clone());
        }
        let limits = match self.ask("config", self.get("/config")).await {
            Ok(answer) => Limits::from_config(&String::from_utf8_lossy(&answer.body)),
            Err(Error::Api { status: 401 | 403 | 404 | 405, .. } | Error::Rejected { .. }) => {
                log::warn!("{}/config is not readable: assuming the defaults of loki 3.7", self.url);
                Limits::default()
            }
            Err(error) => return Err(error),
        };
        Ok(self.limits.get_or_init(|| limits).clone())
    }

    /// Names of all labels, without those that Loki adds by itself.
    pub async fn labels(&self) -> Result<Vec<String>> {
        let names: Vec<String> = self.ask_data("labels", self.get("/loki/api/v1/labels")).await?;
        Ok(names.into_iter().filter(|name| !is_loki_addition(name)).collect())
    }

    /// Values of one label within Loki's default range (the last six hours).
    pub async fn label_values(&self, name: &str) -> Result<Vec<String>> {
        self.ask_data("label values", self.get(&format!("/loki/api/v1/label/{name}/values"))).await
    }

    /// The streams that have lines in `[from, to)`, without the labels that Loki adds by itself.
    pub async fn series(&self, selector: &str, from: i64, to: i64) -> Result<Vec<StreamLabels>> {
        let request = self.get("/loki/api/v1/series").query(&[
            ("match[]", selector),
            ("start", &from.to_string()),
            ("end", &to.to_string()),
        ]);
        let series: Vec<BTreeMap<String, String>> = self.ask_data("series", request).await?;
        let plain: BTreeSet<StreamLabels> = series.into_iter().map(without_additions).collect();
        Ok(plain.into_iter().collect())
    }

    /// `loki_discarded_samples_total` by reason, since Loki's start and over all tenants: a rise during our
    /// own push says that something was not stored, whatever the answer was.
    pub async fn discarded(&self) -> Result<BTreeMap<String, u64>> {
        let answer = self.ask("metrics", self.get("/metrics")).await?;
        Ok(discarded_by_reason(&String::from_utf8_lossy(&answer.body)))
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.dress(self.http.get(format!("{}{path}", self.url))).header(CACHE_CONTROL, "no-cache")
    }

    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.dress(self.http.post(format!("{}{path}", self.url)))
    }

    fn dress(&self, mut request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        if let Some(tenant) = &self.tenant {
            request = request.header("X-Scope-OrgID", tenant);
        }
        if let Some((user, password)) = &self.login {
            request = request.basic_auth(user, password.as_deref());
        }
        request
    }

    /// One exchange; the error is the network's, in words.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> std::result::Result<Answer, String> {
        let words = |error: reqwest::Error| {
            if error.is_timeout() { "timed out".to_owned() } else { chain(&error.without_url()) }
        };
        let response = request.send().await.map_err(words)?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let body = response.bytes().await.map_err(words)?;
        Ok(Answer { status, retry_after, body })
    }

    /// Asks until there is an answer to the question, with a bounded patience.
    pub(crate) async fn ask(&self, what: &str, request: reqwest::RequestBuilder) -> Result<Answer> {
        let mut backoff = Backoff::default();
        loop {
            let again = request.try_clone().expect("requests without a streamed body can be repeated");
            let (cause, retry_after) = match self.send(again).await {
                Ok(answer) if answer.status.is_success() => return Ok(answer),
                Ok(answer) => {
                    let status = answer.status.as_u16();
                    let body = clip(answer.text());
                    let error = match status {
                        401 | 403 => return Err(Error::Rejected { what: what.to_owned(), status, body }),
                        429 | 500..=599 => Error::Unavailable {
                            what: what.to_owned(),
                            url: self.url.clone(),
                            cause: format!("{status}: {body}"),
                        },
                        _ => return Err(Error::Api { what: what.to_owned(), status, body }),
                    };
                    if error.wants_smaller() {
                        return Err(error);
                    }
                    (format!("{status}: {body}"), answer.retry_after)
                }
                Err(cause) => (cause, None),
            };
            match backoff.next(retry_after) {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(self.unavailable(what, cause)),
            }
        }
    }

    /// [`Self::ask`], and the `data` of the JSON answer.
    pub(crate) async fn ask_data<T: DeserializeOwned + Default>(
        &self,
        what: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<T> {
        let answer = self.ask(what, request).await?;
        let envelope: Envelope<T> = self.decode(what, &answer)?;
        Ok(envelope.data.unwrap_or_default())
    }

    fn decode<T: DeserializeOwned>(&self, what: &str, answer: &Answer) -> Result<T> {
        serde_json::from_slice(&answer.body).map_err(|error| self.malformed(what, error.to_string()))
    }

    pub(crate) fn malformed(&self, what: &str, problem: String) -> Error {
        Error::Malformed { what: what.to_owned(), url: self.url.clone(), problem }
    }

    pub(crate) fn unavailable(&self, what: &str, cause: String) -> Error {
        Error::Unavailable { what: what.to_owned(), url: self.url.clone(), cause }
    }

    /// The limits as far as known; pushing does not wait for `/config`.
    pub(crate) fn known_limits(&self) -> Limits {
        self.limits.get().cloned().unwrap_or_default()
    }

    pub(crate) fn tracker(&self) -> std::sync::MutexGuard<'_, Tracker> {
        self.tracker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The labels that were pushed.
pub(crate) fn without_additions(labels: BTreeMap<String, String>) -> StreamLabels {
    labels.into_iter().filter(|(name, _)| !is_loki_addition(name)).collect()
}

fn discarded_by_reason(metrics: &str) -> BTreeMap<String, u64> {
    let mut reasons = BTreeMap::new();
    for line in metrics.lines() {
        let Some(rest) = line.strip_prefix("loki_discarded_samples_total{") else { continue };
        let Some((labels, value)) = rest.rsplit_once('}') else { continue };
        let reason = labels.split("reason=\"").nth(1).and_then(|tail| tail.split('"').next());
        if let (Some(reason), Ok(value)) = (reason, value.trim().parse::<f64>()) {
            *reasons.entry(reason.to_owned()).or_default() += value as u64;
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discards_are_summed_by_reason() {
        let metrics = "# HELP x\nloki_discarded_samples_total{policy=\"\",reason=\"too_far_behind\",tenant=\"a\"} 3\n\
                       loki_discarded_samples_total{reason=\"too_far_behind\",tenant=\"b\"} 1e+01\n\
                       loki_discarded_bytes_total{reason=\"too_far_behind\"} 99\n";
        assert_eq!(discarded_by_reason(metrics), BTreeMap::from([("too_far_behind".to_owned(), 13)]));
    }

    #[test]
    fn the_password_is_in_no_debug_output() {
        let config = LokiConfig { user: Some("me".to_owned()), ..LokiConfig::default() };
        let client = Client::new(&config, Some("hunter2")).unwrap();
        assert!(!format!("{client:?}").contains("hunter2"));
    }
}
