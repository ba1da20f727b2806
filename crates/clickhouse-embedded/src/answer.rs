//! The way of an answer from the engine's thread to the client.

use std::io::{self, Read, Seek, Write};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::StatusCode;
use tokio::sync::{mpsc, oneshot};

use crate::compression::{Encoder, Encoding};
use crate::engine::Engine;
use crate::exception::Exception;
use crate::ffi::Output;
use crate::formats::content_type;
use crate::native::Reframer;
use crate::request::{Request, random_id};

/// Status, headers and the pieces of the body to come.
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// Headers, those of ClickHouse included.
    pub headers: Vec<(&'static str, String)>,
    /// The body; an error in it breaks the connection, as ClickHouse does after a late exception.
    pub body: mpsc::Receiver<io::Result<Bytes>>,
}

/// Pieces of a body on their way at the same time.
const PIECES_IN_FLIGHT: usize = 4;
/// Held-back results larger than this wait in a file.
const HELD_IN_MEMORY: usize = 8 << 20;
/// The size of a piece that is read back.
const PIECE: usize = 1 << 18;

/// Builds a [`Reply`]: holds the beginning back, so that early errors have a status of their own.
pub struct Answer {
    reply: Option<oneshot::Sender<Reply>>,
    body: Option<mpsc::Sender<io::Result<Bytes>>>,
    encoder: Option<Encoder>,
    held: tempfile::SpooledTempFile,
    held_size: u64,
    hold: u64,
    encoding: Encoding,
    format: String,
    client_protocol_version: u64,
    reframer: Option<Reframer>,
    query_id: String,
    tag: String,
    version: String,
    display_name: String,
    timezone: String,
    started: Instant,
}

/// The client has gone away.
pub struct Gone;

/// Why no more of a result can be taken.
pub enum Stop {
    /// Nobody reads it.
    Gone,
    /// It cannot be sent as the client asks.
    Failed(Exception),
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl Answer {
    /// An answer to `request` that goes through `reply`.
    pub fn new(engine: &Engine, request: &Request, reply: oneshot::Sender<Reply>) -> Self {
        Self {
            reply: Some(reply),
            body: None,
            encoder: None,
            held: tempfile::SpooledTempFile::new(HELD_IN_MEMORY),
            held_size: 0,
            hold: if request.wait_end_of_query { u64::MAX } else { request.buffer_size },
            encoding: request.encoding,
            format: request.default_format.clone(),
            client_protocol_version: request.client_protocol_version,
            reframer: None,
            query_id: request.query_id.clone(),
            tag: exception_tag(),
            version: engine.version.clone(),
            display_name: engine.display_name.clone(),
            timezone: engine.timezone.clone(),
            started: Instant::now(),
        }
    }

    /// The format of the body, where the query says another than the default.
    pub fn set_format(&mut self, format: String) {
        self.format = format;
    }

    /// Whether anything has been held or sent.
    pub fn has_started(&self) -> bool {
        self.body.is_some() || self.held_size > 0
    }

    /// Takes a piece of the result.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), Stop> {
        if self.client_protocol_version == 0 || !self.format.eq_ignore_ascii_case("Native") {
            return Ok(self.take(piece)?);
        }
        let revision = self.client_protocol_version;
        let blocks = self
            .reframer
            .get_or_insert_with(|| Reframer::new(revision))
            .write(piece)
            .map_err(Stop::Failed)?;
        Ok(self.take(&blocks)?)
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Gone> {
        if self.body.is_some() {
            return self.send(piece);
        }
        self.held_size += piece.len() as u64;
        self.held.write_all(piece).map_err(|error| {
            log::error!("cannot hold a result back: {error}");
            Gone
        })?;
        if self.held_size > self.hold {
            let type_ = content_type(&self.format);
            self.start(StatusCode::OK, type_, &Output::default(), None)?;
            self.send_held()?;
        }
        Ok(())
    }

    /// Ends the answer well.
    pub fn finish(mut self, output: &Output, has_result: bool) {
        if let Some(mut reframer) = self.reframer.take() {
            match reframer.finish() {
                Ok(blocks) => {
                    if self.take(&blocks).is_err() {
                        return;
                    }
                }
                Err(exception) => return self.fail(&exception),
            }
        }
        let type_ = if has_result { content_type(&self.format) } else { "text/plain; charset=UTF-8" };
        if self.body.is_none()
            && (self.start(StatusCode::OK, type_, output, None).is_err() || self.send_held().is_err())
        {
            return;
        }
        self.send_rest();
    }

    /// Ends the answer with an error: with a status of its own, or behind the data where some has been sent.
    pub fn fail(mut self, exception: &Exception) {
        let text = exception.text(&self.version);
        log::debug!("{}", text.trim_end());
        if self.body.is_none() {
            let type_ = "text/plain; charset=UTF-8";
            if self.start(exception.status(), type_, &Output::default(), Some(exception.code)).is_ok()
                && self.send(text.as_bytes()).is_ok()
            {
                self.send_rest();
            }
            return;
        }
        let (tag, length) = (&self.tag, text.len());
        let trailer = format!("\r\n__exception__\r\n{tag}\r\n{text}{length} {tag}\r\n__exception__\r\n");
        // Clients look for the trailer at the end of one piece: it must not share a compressed block with data.
        let flushed = self.encoder.as_mut().map(Encoder::flush).and_then(Result::ok).unwrap_or_default();
        if self.push(flushed).is_ok() && self.send(trailer.as_bytes()).is_ok() {
            let body = self.body.clone();
            self.send_rest();
            if let Some(body) = body {
                let _ = body.blocking_send(Err(io::Error::other("the query failed after data was sent")));
            }
        }
    }

    fn start(
        &mut self,
        status: StatusCode,
        content_type: &str,
        output: &Output,
        exception: Option<u32>,
    ) -> Result<(), Gone> {
        let mut headers = vec![
            ("content-type", content_type.to_owned()),
            ("x-clickhouse-query-id", self.query_id.clone()),
            ("x-clickhouse-server-display-name", self.display_name.clone()),
            ("x-clickhouse-timezone", self.timezone.clone()),
            ("x-clickhouse-exception-tag", self.tag.clone()),
            ("x-clickhouse-summary", summary(output, self.started.elapsed())),
        ];
        match exception {
            Some(code) => headers.push(("x-clickhouse-exception-code", code.to_string())),
            None => headers.push(("x-clickhouse-format", self.format.clone())),
        }
        if let Some(name) = self.encoding.header() {
            headers.push(("content-encoding", name.to_owned()));
        }
        let (sender, receiver) = mpsc::channel(PIECES_IN_FLIGHT);
        self.body = Some(sender);
        self.encoder = Some(Encoder::new(self.encoding));
        let reply = self.reply.take().ok_or(Gone)?;
        reply.send(Reply { status, headers, body: receiver }).map_err(|_| Gone)
    }

    fn send_held(&mut self) -> Result<(), Gone> {
        let mut held = std::mem::replace(&mut self.held, tempfile::SpooledTempFile::new(0));
        held.rewind().map_err(|_| Gone)?;
        let mut piece = vec![0; PIECE.min(self.held_size as usize)];
        loop {
            match held.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => self.send(&piece[..count])?,
                Err(_) => return Err(Gone),
            }
        }
    }

    fn send(&mut self, piece: &[u8]) -> Result<(), Gone> {
        let encoded = self.encoder.as_mut().ok_or(Gone)?.write(piece).map_err(|_| Gone)?;
        self.push(encoded)
    }

    fn send_rest(mut self) {
        if let Some(encoder) = self.encoder.take()
            && let Ok(rest) = encoder.finish()
        {
            // A client that has gone needs nothing more.
            let _ = self.push(rest);
        }
    }

    fn push(&self, encoded: Vec<u8>) -> Result<(), Gone> {
        if encoded.is_empty() {
            return Ok(());
        }
        self.body.as_ref().ok_or(Gone)?.blocking_send(Ok(encoded.into())).map_err(|_| Gone)
    }
}

/// `X-ClickHouse-Summary`: a JSON object of strings.
fn summary(output: &Output, elapsed: Duration) -> String {
    format!(
        "{{\"read_rows\":\"{}\",\"read_bytes\":\"{}\",\"written_rows\":\"{}\",\"written_bytes\":\"{}\",\
         \"total_rows_to_read\":\"0\",\"result_rows\":\"{}\",\"result_bytes\":\"{}\",\"elapsed_ns\":\"{}\"}}",
        output.read_rows,
        output.read_bytes,
        output.written_rows,
        output.written_bytes,
        output.result_rows,
        output.result_bytes,
        elapsed.as_nanos()
    )
}

/// Sixteen random letters that a client finds a late exception by.
fn exception_tag() -> String {
    random_id().bytes().filter(u8::is_ascii_hexdigit).take(16).map(|c| char::from(b'a' + c % 26)).collect()
}
