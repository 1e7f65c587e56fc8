//! The catalog on disk.
//!
//! Its entries live in memory and are written to the log with the first samples that need them. Before a flush moves the log's start
//! they are saved whole, so that what the log forgets is in this file. It may hold more than the flush needs, never less; replaying
//! the log over it changes nothing, because an entry that is known changes nothing.
//!
//! `CATALOG` is written as `frames` says before the manifest is stored.
//!
//! ```text
//! CATALOG  copy copy                        two equal copies: one damaged sector takes no name of a field with it
//! copy     frames with the magic "VCTSCATA", format 1, of entries of the catalog
//! ```
//!
//! What is whole in either copy counts. What is damaged is reported, and the file is kept in quarantine.

use std::sync::Arc;

use super::{
    error::{OpenError, StorageError},
    frames::{Content, FramedFile, PER_FRAME},
    layout,
    state::Shared,
};
use crate::seams::{append::Batch, catalog::CatalogEntry};

/// The file.
pub(super) const FILE: FramedFile = FramedFile { name: layout::CATALOG, magic: b"VCTSCATA", format: 1, twice: true };

/// Saves the catalog if it changed since it was saved last.
pub(super) fn save(shared: &Shared) -> Result<(), StorageError> {
    let Some((snapshot, state)) = shared.catalog.unsaved() else { return Ok(()) };
    let entries: Vec<Arc<CatalogEntry>> = snapshot.entries().map(Arc::new).collect();
    let frames = entries.chunks(PER_FRAME).map(|part| Batch { catalog: part.to_vec(), ..Batch::default() });
    FILE.write(&*shared.disk, frames)?;
    shared.catalog.saved(state);
    Ok(())
}

/// Fills the catalog from the file. What is damaged is left out and reported.
pub(super) fn load(shared: &Shared) -> Result<(), OpenError> {
    let Some(Content { batches, damage, .. }) = FILE.read(&*shared.disk)? else { return Ok(()) };
    batches.into_iter().for_each(|batch| shared.catalog.commit(batch.catalog));
    if let Some(why) = damage {
        tracing::error!(why, "CATALOG is damaged; what is whole in either copy is served");
        shared.damage.lock().push(format!("CATALOG: {why}"));
        if let Err(error) = if shared.options.read_only { Ok(()) } else { FILE.mend(&*shared.disk) } {
            tracing::warn!(%error, "keeping the damaged CATALOG in quarantine failed; the next flush writes it anew");
            return Ok(());
        }
    }
    if let Some((_, state)) = shared.catalog.unsaved() {
        shared.catalog.saved(state);
    }
    Ok(())
}
