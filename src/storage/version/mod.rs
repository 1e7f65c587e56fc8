//! What is live, on disk and for readers.
//!
//! - [`manifest`] is the file that says which tables, index segments, log segments and deletes count.
//! - [`view`] is what a reader sees: memtables, tables and index segments at one moment.
//! - [`tombstones`] are the deletes that tables still have to heed.
//! - [`edit`] is a version in the making, and [`commit`] the only way in which it becomes the current one.

mod commit;
mod edit;
mod manifest;
mod tombstones;
mod view;

pub(super) use self::{
    commit::Versions,
    edit::{FlushedTable, Version},
    manifest::{FileEntry, Manifest, ReadManifest, TableEntry},
    tombstones::{Deletes, Tombstone},
    view::{LiveSegment, LiveTable, Sealed, View},
};
