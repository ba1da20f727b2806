//! See the library.

fn main() -> std::process::ExitCode {
    unit_kit::main::<log_shipper::LogShipper>()
}
