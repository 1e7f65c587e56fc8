//! The `vctsdb` program; everything it does is in the library.

use std::process::ExitCode;

use vctsdb::seams::allocator::Allocator;

/// Ingest and queries allocate on many threads at once. Version 2 of it is chosen in `Cargo.toml`: it gives freed memory back
/// within a tenth of a second, version 3 after one, which under load comes to half as much memory again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of version 2.
const PURGE_DELAY: i32 = 15;

fn main() -> ExitCode {
    // Every thread has memory for each size it allocates, mostly little of it: with huge pages each of these is 2 MiB, which
    // the first question to touch it has cleared. A kernel that doesn't know the flag has none.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    // After 1 ms and not after 10: what several queries free at once is not needed for that long. It takes no more time.
    #[expect(unsafe_code, reason = "the allocator has no other way to set it but the environment")]
    // SAFETY: it stores a number in the allocator's table of options, which any thread may do and read at any time.
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, 1);
    }
    vctsdb::seams::allocator::install(Allocator { give_back, purge_at_once });
    vctsdb::cli::main()
}

/// Lets nothing that is freed wait for the next allocation.
fn purge_at_once() {
    #[expect(unsafe_code, reason = "the allocator has no other way to set it but the environment")]
    // SAFETY: it stores a number in the allocator's table of options, which any thread may do and read at any time.
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, 0);
    }
}

/// Gives back what this thread has freed, and what no thread uses any more.
fn give_back() {
    #[expect(unsafe_code, reason = "the allocator has no safe door to it")]
    // SAFETY: any thread may call it at any time; it touches the lists of this thread and locks what is shared.
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}
