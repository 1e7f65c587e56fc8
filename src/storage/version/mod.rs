//! What is live, on disk and for readers.
//!
//! - [`manifest`] is the file that says which tables, index segments, log segments and deletes count.
//! - [`view`] is what a reader sees: memtables and open tables at one moment.
//! - [`tombstones`] are the deletes that tables still have to heed.

mod manifest;
mod tombstones;
mod view;

pub(super) use self::{
    manifest::{FileEntry, Manifest, ReadManifest, TableEntry},
    tombstones::{Deletes, Tombstone},
    view::{LiveTable, Sealed, View},
};
