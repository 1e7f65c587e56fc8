//! The outside world as storage sees it: files and the time.
//!
//! [`RealDisk`] is thin. [`SimDisk`] keeps what was not synced apart from what was, so that a test can cut the power
//! after every single operation, tear a write, run out of space, fail a call or flip bits, and open the store again.

mod clock;
mod disk;

pub use clock::{Clock, SystemClock, TestClock};
pub use disk::{Disk, DiskFile, DiskLock, DiskWriter, Mapped};
