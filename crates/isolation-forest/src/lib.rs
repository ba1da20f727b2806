//! Isolation forest: seeded, reproducible to the bit, explainable.
//!
//! The method is that of F. T. Liu, K. M. Ting and Z.-H. Zhou, *Isolation Forest*, ICDM 2008: random axis-parallel
//! cuts isolate an odd point after fewer cuts than an ordinary one, and the mean path length over many small trees,
//! set against the path length of an unsuccessful search in a binary search tree, gives a score in (0, 1).
//! 0.5 is ordinary, values towards 1 are odd.
//!
//! What is added to the paper:
//! - missing values (`NaN`) go where most of the training rows went at that cut, and never make a cut themselves;
//!   infinities are clamped to the range seen;
//! - [`Forest::attribute`] says which features made a row short to isolate. The parts add up to the difference
//!   between the expected and the measured path length, so they are additive explanations of the score;
//! - the generator of random numbers is in this crate ([`rng`]), so that a seed means the same forest on every
//!   platform and in every later version.
//!
//! The crate is pure: no I/O, no clock, no entropy; the seed is an argument.

mod data;
mod forest;
pub mod rng;
mod tree;

pub use data::{Rows, ShapeError};
pub use forest::{Attribution, Forest, Settings};
