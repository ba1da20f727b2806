//! Empty: a package needs a target beside its tests, which are in `main.rs`.
