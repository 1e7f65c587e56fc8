//! The outside world as storage sees it: files and the time.
//!
//! [`RealDisk`] is thin. [`SimDisk`] keeps what was not synced apart from what was, so that a test can cut the power
//! after every single operation, tear a write, run out of space, fail a call or flip bits, and open the store again.
//! Both pass the same behaviour test, so what storage does on one it does on the other.

mod clock;
mod disk;
mod explain;
mod lock;
mod real;
mod sim;
mod window;

pub use clock::{Clock, SystemClock, TestClock};
pub use disk::{Disk, DiskFile, DiskLock, DiskWriter};
pub use real::RealDisk;
pub use sim::{Cut, Fate, Op, SimDisk};
pub use window::Window;

#[cfg(test)]
mod behaviour;
