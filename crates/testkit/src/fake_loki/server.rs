//! The HTTP interface.

use super::answer::{self, RangeQuery};
use super::faults::take;
use super::store::Store;
use super::{Faults, Shared, ingest, now, request};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use log_model::time::{HOUR, SECOND};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

/// Largest body, as Loki's `distributor.max_recv_msg_size`.
const MAX_BODY: usize = 100 << 20;

type Params = Vec<(String, String)>;
type Loki = State<Arc<Shared>>;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let queries = Router::new()
        .route("/loki/api/v1/query_range", get(query_range))
        .route("/loki/api/v1/query", get(query))
        .route("/loki/api/v1/series", get(series))
        .route("/loki/api/v1/labels", get(labels))
        .route("/loki/api/v1/label/{name}/values", get(label_values))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), failing_queries));
    Router::new()
        .route("/loki/api/v1/push", post(push))
        .merge(queries)
        .route("/loki/api/v1/status/buildinfo", get(buildinfo))
        .route("/config", get(config))
        .route("/ready", get(async || "ready\n"))
        .route("/metrics", get(metrics))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), slow))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(shared)
}

async fn slow(State(shared): Loki, request: axum::extract::Request, next: Next) -> Response {
    let delay = shared.faults().slow;
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
    next.run(request).await
}

async fn failing_queries(State(shared): Loki, request: axum::extract::Request, next: Next) -> Response {
    if take(&mut shared.faults().failing_queries) {
        return words(500, "loki-fake: switched to fail");
    }
    next.run(request).await
}

/// What becomes of one push.
enum Fate {
    Honest,
    Refuse(u16, &'static str),
    LieAndDrop,
    StoreAndFail,
    StoreAndHangUp,
}

fn fate(faults: &mut Faults) -> Fate {
    if faults.blocked {
        let until = "ingestion blocked for user 'fake' until '2099-01-01T00:00:00Z' with status code '260'";
        Fate::Refuse(260, until)
    } else if take(&mut faults.rate_limited) {
        Fate::Refuse(429, "ingestion rate limit exceeded for user fake (limit: 0 bytes/sec)")
    } else if take(&mut faults.failing) {
        Fate::Refuse(500, "loki-fake: switched to fail")
    } else if take(&mut faults.lying) {
        Fate::LieAndDrop
    } else if take(&mut faults.failing_after_store) {
        Fate::StoreAndFail
    } else if take(&mut faults.dropped_connections) {
        Fate::StoreAndHangUp
    } else {
        Fate::Honest
    }
}

async fn push(State(shared): Loki, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let decoded = request::decode(header(header::CONTENT_TYPE), header(header::CONTENT_ENCODING), &body);
    let mut store = shared.store();
    store.pushes += 1;
    let streams = match decoded {
        Ok(streams) => streams,
        Err(problem) => return words(400, &problem),
    };
    let (fate, faults) = {
        let mut faults = shared.faults();
        (fate(&mut faults), faults.clone())
    };
    let accept = |store: &mut Store| ingest::push(store, &shared.settings, &faults, streams, now());
    match fate {
        Fate::Refuse(status, text) => words(status, text),
        Fate::LieAndDrop => StatusCode::NO_CONTENT.into_response(),
        Fate::Honest => {
            let (status, text) = accept(&mut store);
            words(status, &text)
        }
        Fate::StoreAndFail => {
            accept(&mut store);
            words(500, "loki-fake: switched to fail after storing")
        }
        Fate::StoreAndHangUp => {
            accept(&mut store);
            drop(store);
            // Unwinding the connection's task closes it without an answer; the panic hook stays silent.
            std::panic::resume_unwind(Box::new("loki-fake hangs up"))
        }
    }
}

async fn query_range(State(shared): Loki, Query(params): Query<Params>, headers: HeaderMap) -> Response {
    let categorize = headers
        .get("X-Loki-Response-Encoding-Flags")
        .is_some_and(|flags| flags.as_bytes().windows(17).any(|flag| flag == b"categorize-labels"));
    let answer = || {
        let to = time(&params, "end", now())?;
        let request = RangeQuery {
            query: one(&params, "query").unwrap_or_default(),
            from: time(&params, "start", to - HOUR)?,
            to,
            limit: one(&params, "limit").unwrap_or("100").parse().map_err(|_| "invalid limit".to_owned())?,
            forward: one(&params, "direction").is_some_and(|d| d.eq_ignore_ascii_case("forward")),
            categorize,
        };
        answer::query_range(&shared, &request)
    };
    respond(answer())
}

async fn query(State(shared): Loki, Query(params): Query<Params>) -> Response {
    let answer =
        || answer::query(&shared, one(&params, "query").unwrap_or_default(), time(&params, "time", now())?);
    respond(answer())
}

async fn series(State(shared): Loki, Query(params): Query<Params>) -> Response {
    let selectors = || {
        let wanted = params.iter().filter(|(name, _)| name == "match[]" || name == "match");
        wanted.map(|(_, selector)| selector.clone()).collect::<Vec<_>>()
    };
    let answer = || {
        let (from, to) = index_range(&params)?;
        let series = answer::series(&shared, &selectors(), from, to)?;
        Ok(answer::list(&series.into_iter().map(|labels| json!(labels)).collect::<Vec<_>>()))
    };
    respond(answer())
}

async fn labels(State(shared): Loki, Query(params): Query<Params>) -> Response {
    respond(from_index(&shared, &params, |labels| labels.0.into_keys().collect()))
}

async fn label_values(
    State(shared): Loki,
    Path(name): Path<String>,
    Query(params): Query<Params>,
) -> Response {
    respond(from_index(&shared, &params, |mut labels| labels.0.remove(&name).into_iter().collect()))
}

/// Distinct, sorted items of the streams in range.
fn from_index(
    shared: &Shared,
    params: &Params,
    items: impl Fn(log_model::StreamLabels) -> Vec<String>,
) -> Result<Value, String> {
    let selectors: Vec<String> = one(params, "query").map(str::to_owned).into_iter().collect();
    let (from, to) = index_range(params)?;
    let series = answer::series(shared, &selectors, from, to)?;
    let items: BTreeSet<String> = series.into_iter().flat_map(items).collect();
    Ok(answer::list(&items.into_iter().map(Value::from).collect::<Vec<_>>()))
}

async fn buildinfo() -> Response {
    respond(Ok(json!({"version": "3.7.8", "revision": "loki-fake", "branch": "", "goVersion": ""})))
}

async fn config(State(shared): Loki) -> String {
    shared.settings.yaml()
}

async fn metrics(State(shared): Loki) -> String {
    let mut text = "# TYPE loki_discarded_samples_total counter\n".to_owned();
    for (reason, count) in shared.store().discarded() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "loki_discarded_samples_total{{reason=\"{reason}\",tenant=\"fake\"}} {count}");
    }
    text
}

fn one<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    params.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

/// Range of index queries: the last six hours by default.
fn index_range(params: &Params) -> Result<(i64, i64), String> {
    let to = time(params, "end", now())?;
    Ok((time(params, "start", to - 6 * HOUR)?, to))
}

/// Nanoseconds (more than ten digits), seconds (also with a fraction, rounded to milliseconds), or RFC 3339.
fn time(params: &Params, name: &str, default: i64) -> Result<i64, String> {
    let Some(text) = one(params, name) else { return Ok(default) };
    if let Ok(number) = text.parse::<i64>() {
        return Ok(if text.len() <= 10 { number * SECOND } else { number });
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok((seconds * 1000.0).round() as i64 * 1_000_000);
    }
    chrono::DateTime::parse_from_rfc3339(text)
        .ok()
        .and_then(|time| time.timestamp_nanos_opt())
        .ok_or_else(|| format!("cannot parse {text:?} to a valid timestamp"))
}

fn respond(answer: Result<Value, String>) -> Response {
    match answer {
        Ok(value) => ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response(),
        Err(problem) => words(400, &problem),
    }
}

fn words(status: u16, text: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status == StatusCode::NO_CONTENT {
        return status.into_response();
    }
    (status, format!("{text}\n")).into_response()
}
