//! See the library.

fn main() -> std::process::ExitCode {
    unit_kit::main::<parquet_export::ParquetExport>()
}
