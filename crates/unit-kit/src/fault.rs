//! How a tool ends: outcomes, the kinds of failure that have an exit code of their own, and the hints that go with an
//! error.
//!
//! A mark is invisible in the text of an error. It wraps an [`anyhow::Error`] without adding a line to its chain, so
//! the message reads as before and only the exit code changes.

use std::error::Error as StdError;
use std::fmt;
use std::io;

/// How a run that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All done, or nothing to do: exit code 0.
    Done,
    /// Done, but something needs eyes (a suspect window, findings, a failed verification): exit code 3.
    NeedsEyes,
}

/// A kind of failure that has an exit code of its own; every other failure exits 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The command line is wrong: exit code 2.
    Usage,
    /// Something this tool depends on is away, or another run holds the lock: exit code 75, try again later.
    Unavailable,
    /// The configuration is wrong: exit code 78, trying again does not help.
    Config,
}

impl Outcome {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::NeedsEyes => 3,
        }
    }
}

impl Fault {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Unavailable => 75,
            Self::Config => 78,
        }
    }
}

/// Marks an error as "a dependency is away, try later" (exit code 75).
pub fn unavailable(error: impl Into<anyhow::Error>) -> anyhow::Error {
    mark(error.into(), Some(Fault::Unavailable), None)
}

/// Marks an error as one of configuration (exit code 78).
pub fn config_error(error: impl Into<anyhow::Error>) -> anyhow::Error {
    mark(error.into(), Some(Fault::Config), None)
}

/// Marks an error as one of usage (exit code 2).
pub fn usage_error(error: impl Into<anyhow::Error>) -> anyhow::Error {
    mark(error.into(), Some(Fault::Usage), None)
}

/// Adds a hint: what the user can do, printed on a `hint:` line of its own.
pub fn with_hint(error: impl Into<anyhow::Error>, hint: impl Into<String>) -> anyhow::Error {
    mark(error.into(), None, Some(hint.into()))
}

/// The same marks as methods of a `Result`.
pub trait ResultExt<T> {
    /// See [`unavailable`].
    fn or_unavailable(self) -> anyhow::Result<T>;
    /// See [`config_error`].
    fn or_config_error(self) -> anyhow::Result<T>;
    /// See [`with_hint`].
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> ResultExt<T> for Result<T, E> {
    fn or_unavailable(self) -> anyhow::Result<T> {
        self.map_err(unavailable)
    }

    fn or_config_error(self) -> anyhow::Result<T> {
        self.map_err(config_error)
    }

    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| with_hint(error, hint))
    }
}

/// The kind of a failure: the outermost mark in its chain.
pub fn fault_of(error: &anyhow::Error) -> Option<Fault> {
    marks(error).find_map(|mark| mark.fault)
}

/// The exit code that a failure ends the process with.
pub fn exit_code_of(error: &anyhow::Error) -> u8 {
    fault_of(error).map_or(1, Fault::exit_code)
}

/// Writes an error as users see it: one line `tool: what: why: why`, then one `hint:` line for each hint.
///
/// Hints come from [`with_hint`], and from lines starting with `hint: ` inside the message of a library's error.
pub fn render(tool: &str, error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut hints: Vec<String> = marks(error).filter_map(|mark| mark.hint.clone()).collect();
    for cause in error.chain() {
        let text = cause.to_string();
        let mut message = Vec::new();
        for line in text.lines() {
            match line.strip_prefix("hint: ") {
                Some(hint) => hints.push(hint.to_owned()),
                None => message.push(line),
            }
        }
        let message = message.join("\n");
        // Some libraries repeat their source in their own message.
        if !message.is_empty() && !parts.last().is_some_and(|last| last.ends_with(&message)) {
            parts.push(message);
        }
    }
    let mut out = format!("{tool}: {}\n", parts.join(": "));
    for (i, hint) in hints.iter().enumerate() {
        if !hints[..i].contains(hint) {
            out.push_str("hint: ");
            out.push_str(hint);
            out.push('\n');
        }
    }
    out
}

/// Whoever read our standard output has closed it (`tool list | head`). That ends a run, but it is no failure.
#[derive(Debug)]
pub(crate) struct StdoutClosed;

impl fmt::Display for StdoutClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output was closed by its reader")
    }
}

impl StdError for StdoutClosed {}

/// Whether the chain holds [`StdoutClosed`]. A broken pipe of a socket is something else and stays a failure.
pub(crate) fn is_stdout_closed(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .is_some_and(<dyn StdError + Send + Sync>::is::<StdoutClosed>)
    })
}

struct Marked {
    inner: anyhow::Error,
    fault: Option<Fault>,
    hint: Option<String>,
}

impl fmt::Display for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

impl fmt::Debug for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.inner, f)
    }
}

impl StdError for Marked {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source()
    }
}

fn mark(inner: anyhow::Error, fault: Option<Fault>, hint: Option<String>) -> anyhow::Error {
    anyhow::Error::new(Marked { inner, fault, hint })
}

/// All marks of an error, outermost first. A mark hides the top of what it wraps from the chain, and that top can be
/// a mark too.
fn marks(error: &anyhow::Error) -> impl Iterator<Item = &Marked> {
    error.chain().flat_map(|cause| {
        std::iter::successors(cause.downcast_ref::<Marked>(), |mark| mark.inner.downcast_ref::<Marked>())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    fn text(error: &anyhow::Error) -> String {
        render("tool", error)
    }

    #[test]
    fn marks_change_the_exit_code_and_not_the_message() {
        let error = unavailable(anyhow::anyhow!("connection refused").context("query loki")).context("sync");
        assert_eq!(exit_code_of(&error), 75);
        assert_eq!(text(&error), "tool: sync: query loki: connection refused\n");
    }

    #[test]
    fn the_outermost_fault_wins_and_a_hint_between_does_not_hide_it() {
        let error = with_hint(config_error(unavailable(anyhow::anyhow!("no"))), "do this");
        assert_eq!(exit_code_of(&error), 78);
        assert_eq!(text(&error), "tool: no\nhint: do this\n");
    }

    #[test]
    fn an_unmarked_error_exits_1() {
        assert_eq!(exit_code_of(&anyhow::anyhow!("no").context("why")), 1);
    }

    #[test]
    fn a_hint_inside_a_library_message_gets_its_own_line() {
        let error =
            Err::<(), _>(anyhow::anyhow!("library not found\nhint: install it")).context("read the journal");
        assert_eq!(
            text(&error.unwrap_err()),
            "tool: read the journal: library not found\nhint: install it\n"
        );
    }

    #[test]
    fn a_broken_pipe_of_a_socket_is_not_stdout_closed() {
        let socket = anyhow::Error::new(io::Error::from(io::ErrorKind::BrokenPipe)).context("push");
        assert!(!is_stdout_closed(&socket));
        let stdout =
            anyhow::Error::new(io::Error::new(io::ErrorKind::BrokenPipe, StdoutClosed)).context("print");
        assert!(is_stdout_closed(&stdout));
    }
}
