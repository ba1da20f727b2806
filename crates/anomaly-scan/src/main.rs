//! See the library.

fn main() -> std::process::ExitCode {
    unit_kit::main::<anomaly_scan::AnomalyScan>()
}
