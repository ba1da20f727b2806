//! Runs one request against the engine, on a thread that may block.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::TryLockError;

use tokio::sync::oneshot;

use crate::answer::{Answer, Reply, Stop};
use crate::compression::NativeReader;
use crate::engine::{Engine, quoted};
use crate::exception::Exception;
use crate::ffi::{Connection, Output};
use crate::request::Request;
use crate::sql::{self, InsertData, Select, Statement};

/// A statement must show what it is within its first bytes (ClickHouse's `max_query_size`).
const HEAD: u64 = 256 << 10;
/// Statements larger than this are refused.
const MAX_STATEMENT: u64 = 64 << 20;
/// The engine checks its stack by the thread's size; parsers recurse.
const STACK: usize = 16 << 20;
/// What the engine calls a text that it cannot parse.
const SYNTAX_ERROR: u32 = 62;
/// Read from the pipe at once.
const PIECE: usize = 1 << 18;

/// Runs the request and answers it.
pub fn execute(
    engine: &Engine,
    mut request: Request,
    body: Box<dyn Read + Send>,
    reply: oneshot::Sender<Reply>,
) {
    let mut body = decoded(body, &request);
    if let Some(boundary) = request.boundary.clone() {
        let mut form = Vec::new();
        let read = (&mut body).take(MAX_STATEMENT).read_to_end(&mut form).map_err(|error| unreadable(&error));
        if let Err(exception) = read.and_then(|_| request.apply_form(&form, &boundary)) {
            return Answer::new(engine, &request, reply).fail(&exception);
        }
        body = Box::new(io::empty());
    }
    let mut answer = Answer::new(engine, &request, reply);
    match run(engine, &request, &mut *body, &mut answer) {
        Ok((output, has_result)) => answer.finish(&output, has_result),
        Err(exception) => answer.fail(&exception),
    }
}

/// The body without its compressions.
fn decoded(body: Box<dyn Read + Send>, request: &Request) -> Box<dyn Read + Send> {
    let body: Box<dyn Read + Send> = match request.content_encoding.as_str() {
        "gzip" | "x-gzip" => Box::new(flate2::read::MultiGzDecoder::new(body)),
        "deflate" => Box::new(flate2::read::ZlibDecoder::new(body)),
        "lz4" => Box::new(lz4_flex::frame::FrameDecoder::new(body)),
        _ => body,
    };
    if request.decompress { Box::new(NativeReader::new(body)) } else { body }
}

fn unreadable(error: &io::Error) -> Exception {
    if error.kind() == io::ErrorKind::InvalidData {
        Exception::new(271, "CANNOT_DECOMPRESS", format!("cannot decompress the body: {error}"))
    } else {
        Exception::new(1000, "POCO_EXCEPTION", format!("cannot read the body: {error}"))
    }
}

/// Gives what was done and whether the statement is one that has a result.
fn run(
    engine: &Engine,
    request: &Request,
    body: &mut dyn Read,
    answer: &mut Answer,
) -> Result<(Output, bool), Exception> {
    let mut text = request.query.trim_end().as_bytes().to_vec();
    if !text.is_empty() {
        text.push(b'\n');
    }
    let mut head = Vec::new();
    body.take(HEAD).read_to_end(&mut head).map_err(|error| unreadable(&error))?;
    text.append(&mut head);
    let statement = sql::statement(&text)?;
    let data = match &statement {
        Statement::InsertData(insert) => Some(spool(engine, &text[insert.data_offset..], body)?),
        _ => None,
    };
    if data.is_none() {
        body.take(MAX_STATEMENT).read_to_end(&mut text).map_err(|error| unreadable(&error))?;
        if text.len() as u64 >= MAX_STATEMENT {
            return Err(Exception::new(229, "QUERY_IS_TOO_LARGE", "the statement is larger than 64 MiB"));
        }
        if sql::first_word(&text).is_empty() {
            return Err(Exception::new(
                62,
                "SYNTAX_ERROR",
                "Syntax error: failed at position 1 (end of query): Empty query",
            ));
        }
        if let Some(format) = sql::output_format(&text) {
            answer.set_format(format);
        }
    }
    with_connection(engine, request, |connection| {
        if request.read_only
            && !connection.is_read_only(&text)
            && !matches!(sql::first_word(&text).as_str(), "SET" | "USE")
        {
            return Err(Exception::new(
                164,
                "READONLY",
                "default: Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. \
                 You should use method POST for modifying queries",
            ));
        }
        match &statement {
            Statement::InsertData(insert) => {
                let path = data.as_ref().map(|file| file.path().display().to_string()).unwrap_or_default();
                run_insert(connection, request, insert, &path).map(|output| (output, false))
            }
            Statement::Select(_) => {
                // Again, because the text may have been longer than its head.
                let Statement::Select(select) = sql::statement(&text)? else {
                    return Err(Exception::new(62, "SYNTAX_ERROR", "Syntax error"));
                };
                run_select(engine, connection, request, &text, &select, answer).map(|output| (output, true))
            }
            Statement::Other => {
                let output = connection
                    .query(&text, &request.default_format, &request.params)
                    .map_err(|error| Exception::from_engine(&error))?;
                let has_result = !output.data.is_empty();
                write_all(answer, &output)?;
                Ok((output, has_result))
            }
        }
    })
}

/// Rows go through a file: behind `FORMAT`, the engine's parser would end them at the first blank line.
fn spool(engine: &Engine, begin: &[u8], rest: &mut dyn Read) -> Result<tempfile::NamedTempFile, Exception> {
    let cannot = |error: &io::Error| {
        Exception::new(
            76,
            "CANNOT_OPEN_FILE",
            format!("cannot spool the body to {}: {error}", engine.spool().display()),
        )
    };
    let mut file = tempfile::NamedTempFile::new_in(engine.spool()).map_err(|error| cannot(&error))?;
    file.write_all(begin).map_err(|error| cannot(&error))?;
    let mut piece = vec![0; PIECE];
    loop {
        match rest.read(&mut piece).map_err(|error| unreadable(&error))? {
            0 => return Ok(file),
            count => file.write_all(&piece[..count]).map_err(|error| cannot(&error))?,
        }
    }
}

fn run_insert(
    connection: &mut Connection,
    request: &Request,
    insert: &InsertData,
    path: &str,
) -> Result<Output, Exception> {
    let InsertData { before, settings, format, .. } = insert;
    let sql = format!("{before} FROM INFILE {} COMPRESSION 'none' {settings} FORMAT {format}", quoted(path));
    connection.query(sql.as_bytes(), &request.default_format, &request.params).map_err(|error| {
        let mut exception = Exception::from_engine(&error);
        exception.message = exception.message.replace(&format!(": (in file/uri {path})"), "").replace(
            "While executing File: data for INSERT was parsed from file",
            "data for INSERT was parsed from query",
        );
        exception
    })
}

/// Results come through a pipe: the engine formats them as one document, whatever their size, and waits for the
/// client. (chdb's own streaming makes a document of every block: JSON with many roots, CSV with many headers.)
fn run_select(
    engine: &Engine,
    connection: &mut Connection,
    request: &Request,
    text: &[u8],
    select: &Select,
    answer: &mut Answer,
) -> Result<Output, Exception> {
    let cannot = |error: io::Error| {
        Exception::new(1002, "UNKNOWN_EXCEPTION", format!("cannot start the query: {error}"))
    };
    let (mut reader, writer) = io::pipe().map_err(cannot)?;
    let clause = format!("INTO OUTFILE '/proc/self/fd/{}' APPEND", writer.as_raw_fd());
    let mut sql = text[..select.outfile_at].to_vec();
    sql.extend_from_slice(format!("\n{clause}\n").as_bytes());
    sql.extend_from_slice(&text[select.outfile_at..]);
    let result = std::thread::scope(|scope| {
        let query = std::thread::Builder::new()
            .name("query".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, || {
                // Dropped at the end, so that the reader sees one.
                let _writer = writer;
                connection.query(&sql, &request.default_format, &request.params)
            })
            .map_err(cannot)?;
        let mut piece = vec![0; PIECE];
        let mut stopped = None;
        loop {
            match reader.read(&mut piece) {
                Ok(0) => break,
                Ok(_) if stopped.is_some() => {}
                Ok(count) => {
                    if let Err(stop) = answer.write(&piece[..count]) {
                        stopped = Some(stop);
                        engine.kill(&clause);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(cannot(error)),
            }
        }
        if let Some(Stop::Failed(exception)) = stopped {
            return Err(exception);
        }
        query.join().map_err(|_| Exception::new(1002, "UNKNOWN_EXCEPTION", "the query's thread panicked"))
    })?;
    result.or_else(|error| {
        let mut exception = Exception::from_engine(&error);
        if exception.code == SYNTAX_ERROR && !answer.has_started() {
            // The engine shall judge, and quote, the text that the client sent.
            let output = connection
                .query(text, &request.default_format, &request.params)
                .map_err(|error| Exception::from_engine(&error))?;
            write_all(answer, &output)?;
            return Ok(output);
        }
        exception.message = exception.message.replace(&format!("\n{clause}\n"), "");
        Err(exception)
    })
}

fn write_all(answer: &mut Answer, output: &Output) -> Result<(), Exception> {
    match answer.write(&output.data) {
        // A client that has gone away does not undo the statement.
        Ok(()) | Err(Stop::Gone) => Ok(()),
        Err(Stop::Failed(exception)) => Err(exception),
    }
}

/// Gives `work` the session's connection, or a fresh one, with database, roles and settings of the request.
fn with_connection<T>(
    engine: &Engine,
    request: &Request,
    work: impl FnOnce(&mut Connection) -> Result<T, Exception>,
) -> Result<T, Exception> {
    let Some(session) = request.session() else {
        let mut connection = engine.connect()?;
        prepare(&mut connection, request)?;
        return work(&mut connection);
    };
    let shared = engine.session(session)?;
    let mut connection = match shared.try_lock() {
        Ok(connection) => connection,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => {
            return Err(Exception::new(
                373,
                "SESSION_IS_LOCKED",
                format!("Session {} is locked by a concurrent client", session.id),
            ));
        }
    };
    // What comes by URL is for this query only, what the session's own SET and USE did stays.
    let restore = remember(&mut connection, request)?;
    let result = prepare(&mut connection, request).and_then(|()| work(&mut connection));
    for statement in restore {
        run_quietly(&mut connection, &statement)?;
    }
    result
}

fn run_quietly(connection: &mut Connection, sql: &str) -> Result<Output, Exception> {
    connection.query(sql.as_bytes(), "TSV", &[]).map_err(|error| Exception::from_engine(&error))
}

fn prepare(connection: &mut Connection, request: &Request) -> Result<(), Exception> {
    if let Some(database) = &request.database {
        run_quietly(connection, &format!("USE {}", identifier(database)))?;
    }
    if !request.roles.is_empty() {
        let roles: Vec<String> = request.roles.iter().map(|role| identifier(role)).collect();
        run_quietly(connection, &format!("SET ROLE {}", roles.join(", ")))?;
    }
    let mut list = Vec::new();
    if request.client_protocol_version > 0 {
        // What `native` can find the end of.
        list.push("output_format_native_write_json_as_string = 1".to_owned());
    }
    for (name, value) in &request.settings {
        if name.is_empty() || !name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'.') {
            return Err(Exception::new(115, "UNKNOWN_SETTING", format!("Unknown setting '{name}'")));
        }
        list.push(format!("{name} = {}", quoted(value)));
    }
    if !list.is_empty() {
        run_quietly(connection, &format!("SET {}", list.join(", ")))?;
    }
    Ok(())
}

/// The statements that undo [`prepare`].
fn remember(connection: &mut Connection, request: &Request) -> Result<Vec<String>, Exception> {
    let mut restore = Vec::new();
    if request.database.is_some() {
        let current = run_quietly(connection, "SELECT currentDatabase() FORMAT TSVRaw")?.data;
        restore.push(format!("USE {}", identifier(String::from_utf8_lossy(&current).trim_end_matches('\n'))));
    }
    if request.client_protocol_version > 0 {
        restore.push("SET output_format_native_write_json_as_string = DEFAULT".to_owned());
    }
    if !request.settings.is_empty() {
        let names: Vec<String> = request.settings.iter().map(|(name, _)| quoted(name)).collect();
        let sql = format!(
            "SELECT name, value FROM system.settings WHERE changed AND name IN ({})",
            names.join(", ")
        );
        let changed = String::from_utf8_lossy(&run_quietly(connection, &sql)?.data).into_owned();
        for (name, _) in &request.settings {
            let old = changed.lines().find_map(|line| line.split_once('\t').filter(|(key, _)| key == name));
            // The value is escaped as in a string literal already.
            restore.push(match old {
                Some((_, value)) => format!("SET {name} = '{value}'"),
                None => format!("SET {name} = DEFAULT"),
            });
        }
    }
    Ok(restore)
}

fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}
