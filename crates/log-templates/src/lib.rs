//! Log template miner: turns lines into a few thousand message types, with ids that stay.
//!
//! Three steps, each bounded:
//! 1. [`mask`] replaces what is surely a value (addresses, times, paths, numbers, …) by `<*>` in one pass;
//! 2. a tree as in P. He, J. Zhu, Z. Zheng and M. R. Lyu, *Drain: An Online Log Parsing Approach with Fixed Depth
//!    Tree*, ICWS 2017 (depth 4, similarity 0.4) finds the group of lines that look alike;
//! 3. *late generalisation* inside the group: a position becomes `<*>` only when a value there holds a digit or a
//!    mask, or when more than [`Settings::words`] different words were seen. Until then the words stay apart, so
//!    `Started` and `Stopped` are two templates, while a thousand user names are one.
//!
//! A template's id is the hash of its text ([`TemplateId::of`]), so equal templates have equal ids on every host and
//! after every restart. When a position generalises, ids change; [`Miner::resolve`] leads from the old to the new.
//!
//! The crate is pure: no I/O and no clock. [`Miner::state`] and [`Miner::restore`] make it storable.

mod group;
mod id;
pub mod mask;
mod miner;
mod tree;

pub use id::TemplateId;
pub use miner::{MAX_LINE_BYTES, MAX_TOKENS, Miner, STATE_VERSION, Settings, State, StateError, Template};
