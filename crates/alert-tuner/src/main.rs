//! See the library.

fn main() -> std::process::ExitCode {
    unit_kit::main::<alert_tuner::AlertTuner>()
}
