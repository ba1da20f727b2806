//! Isolation forest: seeded, reproducible, explainable.
