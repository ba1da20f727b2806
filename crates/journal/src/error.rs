//! What can go wrong with the journal.

use std::io;
use std::path::PathBuf;

/// Why the journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// libsystemd is not on this machine, or not where it was looked for.
    #[error(
        "{library} not found: {reason}\nhint: install libsystemd (Debian: `apt install libsystemd0`, NixOS: it is \
         part of `systemd`), or read files instead of the journal"
    )]
    LibraryMissing {
        /// Name or path that was tried.
        library: String,
        /// What the dynamic loader said.
        reason: String,
    },
    /// The library lacks a function; every systemd of the last ten years has it.
    #[error("{library} has no function {symbol}\nhint: systemd 246 or newer is needed")]
    SymbolMissing {
        /// Name or path of the library.
        library: String,
        /// The function.
        symbol: &'static str,
    },
    /// There is no journal where it should be.
    #[error("no journal found below {}\nhint: is systemd-journald running?", join(searched))]
    NoJournal {
        /// The directories that were searched.
        searched: Vec<PathBuf>,
    },
    /// The journal is there and this user may not read it. libsystemd would show an empty journal instead.
    #[error(
        "{} may not be read by this user\nhint: add the user to the group systemd-journal \
         (SupplementaryGroups=systemd-journal)",
        path.display()
    )]
    NoPermission {
        /// The journal file of the system.
        path: PathBuf,
    },
    /// The journal could not be opened.
    #[error("open journal {place}: {source}")]
    Open {
        /// `of the system`, or the directory.
        place: String,
        /// What libsystemd said.
        source: io::Error,
    },
    /// The text is no cursor.
    #[error("`{0}` is not a journal cursor")]
    BadCursor(String),
    /// A journal file is damaged at this place. Calling again goes on behind it.
    #[error("damaged journal entry: {action}: {source}")]
    Damaged {
        /// What was being done.
        action: &'static str,
        /// What libsystemd said.
        source: io::Error,
    },
    /// Any other failure of libsystemd.
    #[error("{action}: {source}")]
    Call {
        /// What was being done.
        action: &'static str,
        /// What libsystemd said.
        source: io::Error,
    },
}

fn join(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" or ")
}
