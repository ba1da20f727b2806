//! The HTTP side: routes, authentication, bodies in and out, the orderly end.

use std::future::Future;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt as _;
use futures_util::StreamExt as _;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::answer::Reply;
use crate::engine::Engine;
use crate::exception::Exception;
use crate::request::{Credentials, Request};
use crate::run;

/// Running queries may end by themselves this long after the signal to stop; then they are killed.
const PATIENCE: Duration = Duration::from_secs(3);
/// After that the server stops in any case.
const LAST_PATIENCE: Duration = Duration::from_secs(5);
/// Pieces of a request's body on their way to the engine's thread.
const PIECES_IN_FLIGHT: usize = 8;

/// What every request needs.
pub struct App {
    /// The engine.
    pub engine: Engine,
    /// Who may ask.
    pub credentials: Credentials,
}

/// Serves until `stop` is done and the requests under way have ended.
pub async fn serve(
    app: Arc<App>,
    listener: tokio::net::TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let router = axum::Router::new().fallback(handle).with_state(Arc::clone(&app));
    let stopping = Arc::new(Notify::new());
    let notify = Arc::clone(&stopping);
    // Answers end with a small write of their own, which must not wait for the client's acknowledgement.
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            log::debug!("no TCP_NODELAY: {error}");
        }
    });
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move {
        stop.await;
        log::info!("stopping");
        notify.notify_one();
    });
    let out_of_patience = async {
        stopping.notified().await;
        tokio::time::sleep(PATIENCE).await;
        log::info!("killing the queries that still run");
        let app = Arc::clone(&app);
        let _ = tokio::task::spawn_blocking(move || app.engine.kill("")).await;
        tokio::time::sleep(LAST_PATIENCE).await;
    };
    tokio::select! {
        result = serving => result.context("the server failed"),
        () = out_of_patience => Ok(()),
    }
}

/// Binds to a loopback address; others are refused, because the engine is for tests.
pub async fn bind(address: SocketAddr) -> anyhow::Result<tokio::net::TcpListener> {
    anyhow::ensure!(
        address.ip().is_loopback(),
        "cannot listen on {address}: the embedded engine serves this machine only\nhint: use 127.0.0.1:{}",
        address.port()
    );
    tokio::net::TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

async fn handle(State(app): State<Arc<App>>, http: axum::extract::Request) -> Response {
    let (parts, body) = http.into_parts();
    match (&parts.method, parts.uri.path()) {
        (&Method::GET | &Method::HEAD, "/ping" | "/replicas_status") => return "Ok.\n".into_response(),
        (&Method::GET | &Method::HEAD, "/") if parts.uri.query().is_none() => return "Ok.\n".into_response(),
        (&Method::GET | &Method::HEAD | &Method::POST, "/") => {}
        (&Method::GET | &Method::HEAD | &Method::POST, path) => {
            let text = format!(
                "There is no handle {path}\n\nUse / or /ping for health checks.\nOr /replicas_status for more \
                 sophisticated health checks.\n\nSend queries from your program with POST method or GET \
                 /?query=...\n\n"
            );
            return (StatusCode::NOT_FOUND, text).into_response();
        }
        _ => return StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
    let request = match Request::new(&parts.method, &parts.uri, &parts.headers).and_then(|request| {
        authenticate(&app.credentials, &request)?;
        Ok(request)
    }) {
        Ok(request) => request,
        Err(exception) => return refusal(&app.engine, &exception),
    };
    let (sender, receiver) = mpsc::channel(PIECES_IN_FLIGHT);
    tokio::spawn(pump(body, sender));
    let body = BodyReader { receiver, piece: Bytes::new() };
    let (reply, answer) = oneshot::channel();
    tokio::task::spawn_blocking(move || run::execute(&app.engine, request, Box::new(body), reply));
    match answer.await {
        Ok(reply) => response(reply),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the request was dropped\n").into_response(),
    }
}

fn authenticate(expected: &Credentials, request: &Request) -> Result<(), Exception> {
    if request.credentials == *expected {
        return Ok(());
    }
    Err(Exception::new(
        516,
        "AUTHENTICATION_FAILED",
        format!(
            "{}: Authentication failed: password is incorrect, or there is no user with such name",
            request.credentials.user
        ),
    ))
}

fn refusal(engine: &Engine, exception: &Exception) -> Response {
    let headers = [
        ("content-type", "text/plain; charset=UTF-8".to_owned()),
        ("x-clickhouse-exception-code", exception.code.to_string()),
        ("x-clickhouse-server-display-name", engine.display_name.clone()),
    ];
    (exception.status(), headers, exception.text(&engine.version)).into_response()
}

fn response(reply: Reply) -> Response {
    let body = futures_util::stream::unfold(reply.body, |mut body| async move {
        let piece = body.recv().await?;
        if piece.is_err() {
            // What was sent before the break must leave first.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some((piece, body))
    });
    let mut response = Response::new(Body::from_stream(body));
    *response.status_mut() = reply.status;
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Moves the body to the thread that reads it. Where that has lost interest (an early error), the rest is read and
/// dropped, so that the client gets to read the answer.
async fn pump(body: Body, sender: mpsc::Sender<io::Result<Bytes>>) {
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let failed = piece.is_err();
        let _ = sender.send(piece.map_err(io::Error::other)).await;
        if failed {
            return;
        }
    }
}

/// The blocking end of a request's body.
struct BodyReader {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.piece.len());
        buffer[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}
