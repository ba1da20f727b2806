//! The systemd journal through libsystemd, which is loaded at run time: building needs no systemd, and a machine
//! without it gets a clear error only where the journal is really read.
//!
//! The reader is made so that it cannot skip: it checks that the journal may be read at all, reads values of any
//! length, resumes at a cursor without losing the entry that took its place, and tells sequence numbers so that gaps
//! can be seen. It keeps no state of its own; what was read is the caller's to remember.
//!
//! ```no_run
//! use journal::{Change, Cursor, Journal};
//! # fn remembered() -> Option<Cursor> { None }
//! # fn main() -> Result<(), journal::Error> {
//! let mut journal = Journal::open_system(None)?;
//! if let Some(cursor) = remembered() {
//!     journal.seek_cursor(&cursor)?;
//! }
//! loop {
//!     while let Some(entry) = journal.next_entry()? {
//!         let record = journal::to_record(&entry, "homeMachine");
//!         // send the record, then remember entry.cursor
//! #       drop(record);
//!     }
//!     journal.wait(std::time::Duration::from_secs(60))?;
//! }
//! # }
//! ```

pub mod access;

mod entry;
mod error;
mod library;
mod reader;
mod record;

pub use entry::{Cursor, Entry, Fields, Id128, Seqnum};
pub use error::Error;
pub use library::DEFAULT_LIBRARY;
pub use reader::{Change, Journal, Resumed};
pub use record::to_record;
