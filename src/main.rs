//! The `vctsdb` program; everything it does is in the library.

use std::process::ExitCode;

/// Ingest and queries allocate on many threads at once. Version 2 of it is chosen in `Cargo.toml`: it gives freed memory back
/// within a tenth of a second, version 3 after one, which under load comes to half as much memory again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    vctsdb::cli::main()
}
