//! Giving memory that was freed back to the system.
//!
//! The allocator keeps what a thread has freed in that thread's own lists, for the next allocation. A thread that goes idle
//! after a large piece of work makes none, and what it holds is lost to all others. So whoever ends such work says so.

use std::sync::OnceLock;

static GIVE_BACK: OnceLock<fn()> = OnceLock::new();

/// Names the function by which the program's allocator gives back what this thread has freed. The first one counts.
pub fn install(give_back: fn()) {
    let _ = GIVE_BACK.set(give_back);
}

/// Gives back what this thread has freed; some ten microseconds, and more where there is much. Does nothing where no
/// allocator is installed.
pub fn give_back() {
    if let Some(give_back) = GIVE_BACK.get() {
        give_back();
    }
}
