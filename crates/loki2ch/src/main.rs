//! Copies Loki's lines to ClickHouse, provably complete. All of it is in the library.

fn main() -> std::process::ExitCode {
    unit_kit::main::<loki2ch::Tool>()
}
