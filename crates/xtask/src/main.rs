//! Project chores: servers, demo, test.
fn main() {}
