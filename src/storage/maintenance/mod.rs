//! Maintenance of a data directory that no server has open: checking, repairing, copying it.
//!
//! - [`verify()`] reads every byte and compares everything that is said twice; it changes nothing.
//! - [`repair()`] makes a directory whole again that [`verify()`] complains about: what can be saved of a damaged file is
//!   written to a new one, the damaged one is kept in `quarantine/`. Nothing is deleted.
//! - [`backup()`] copies what a directory or snapshot has and its copy hasn't; [`restore`] copies into an empty directory.
//!
//! All of them take the directory's lock, so none of them works beside a server: that is what snapshots are for.

mod backup;
mod inspect;
mod repair;
mod verify;

pub use backup::{BackupError, BackupReport, backup, restore};
pub use repair::{Repaired, repair};
pub use verify::{Finding, Verified, verify};
