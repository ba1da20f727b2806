//! libchdb behind ClickHouse's HTTP interface, for tests and the demo.
fn main() {}
