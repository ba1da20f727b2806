//! A log line as Yagura knows it.
//!
//! Everything that has one meaning for all tools lives here and only here: the
//! common fields, the levels, event ids, label rules, window arithmetic, the
//! parsers, and the mapping to and from a Loki entry. The crate is pure: no I/O,
//! no clock, no environment; time is an argument.

mod event_id;
mod labels;
mod level;
pub mod parse;
mod record;
pub mod time;
mod window;
pub mod wire;

pub use event_id::{EventId, ParseEventIdError};
pub use labels::{Entry, LABELS, StreamLabels, is_loki_addition, normalise_unit, quote};
pub use level::{ERR_LEVELS, Level};
pub use record::LogRecord;
pub use window::{WINDOW_NS, Window};
