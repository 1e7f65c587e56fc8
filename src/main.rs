//! The `vctsdb` program; everything it does is in the library.

use std::process::ExitCode;

/// Ingest and queries allocate on many threads at once. Measured against the system's allocator this one keeps less
/// memory after a burst, and that is the number people look at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    vctsdb::cli::main()
}
