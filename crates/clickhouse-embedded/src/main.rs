//! See the library's documentation.

use std::process::ExitCode;

fn main() -> ExitCode {
    clickhouse_embedded::main()
}
