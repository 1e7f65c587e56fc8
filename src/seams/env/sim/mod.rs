//! A disk in memory whose power can be cut.
//!
//! [`SimDisk`] is the [`Disk`](super::Disk) and the handle that scripts it; clones are the same disk. What it promises about a crash
//! is as little as POSIX does:
//!
//! - bytes survive up to the last successful sync of their file; what was appended since may be gone, torn or there;
//! - a name created, renamed or removed is settled once its directory is synced; before, the change may be undone. A
//!   directory is a name in its parent. Changes within one directory are settled in their order, but changes in two
//!   directories are not ordered: a rename across directories can leave both names or none;
//! - after a failed sync the bytes that were waiting never reach the disk, even if a later sync succeeds: readers see
//!   them until the power goes, zeros afterwards (a kernel marks such pages clean).
//!
//! [`SimDisk::restart`] gives the disk as the next start finds it, and everything still holding the old one gets errors.
//! All choices come from a seed, so a failing test fails again.

mod scripted;
mod state;

pub use scripted::SimDisk;
pub use state::{Cut, Fate, Op};

#[cfg(test)]
mod tests;
