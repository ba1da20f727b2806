//! Alert rules from one spec.
//!
//! A [`spec::Spec`] says which services matter and what is too much; [`rules`] turns
//! it into rule groups, [`yaml`] into the file that Loki's ruler reads. Every count
//! and ratio rule has two stages: 5 minutes AND 30 minutes, so that neither a single
//! burst nor a slow trickle alone wakes anybody.

mod cli;
mod generate;
pub mod rules;
pub mod spec;
pub mod yaml;

pub use cli::{AlertTuner, Command, Config};
