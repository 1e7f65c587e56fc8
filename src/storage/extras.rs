//! Exemplars and metadata on disk.
//!
//! Both live in memory, bounded in number, and are written to the log like samples. Before a flush moves the log's
//! start they are saved whole, so that what the log forgets is in this file. It may hold more than the flush needs,
//! never less; replaying the log over it changes nothing, because both tables take what they have for a repetition.
//!
//! `EXTRAS` is written as `frames` says before the manifest is stored.
//!
//! ```text
//! EXTRAS   frames with the magic "VCTSXTRA", format 1, of exemplars and metadata
//! ```
//!
//! Exemplars and metadata stand in the order in which they arrived. What is damaged is reported, and the file is kept in
//! quarantine.

use super::{
    error::{OpenError, StorageError},
    frames::{Content, FramedFile, PER_FRAME},
    layout,
    state::Shared,
};
use crate::seams::append::Batch;

/// The file.
pub(super) const FILE: FramedFile = FramedFile { name: layout::EXTRAS, magic: b"VCTSXTRA", format: 1, twice: false };

/// Saves both tables if they changed since they were saved last.
pub(super) fn save(shared: &Shared) -> Result<(), StorageError> {
    let (exemplars, exemplars_state) = shared.exemplars.lock().unsaved();
    let (metadata, metadata_state) = shared.metadata.lock().unsaved();
    if exemplars_state.is_none() && metadata_state.is_none() {
        return Ok(());
    }
    let metadata = metadata.chunks(PER_FRAME).map(|part| Batch { metadata: part.to_vec(), ..Batch::default() });
    let exemplars = exemplars.chunks(PER_FRAME).map(|part| Batch { exemplars: part.to_vec(), ..Batch::default() });
    FILE.write(&*shared.disk, metadata.chain(exemplars))?;
    shared.exemplars.lock().saved(exemplars_state);
    shared.metadata.lock().saved(metadata_state);
    Ok(())
}

/// Fills both tables from the file. What is damaged is left out and reported.
pub(super) fn load(shared: &Shared) -> Result<(), OpenError> {
    let Some(Content { batches, damage, .. }) = FILE.read(&*shared.disk)? else { return Ok(()) };
    for batch in batches {
        batch.exemplars.iter().for_each(|(id, _)| shared.index.reserve(*id));
        shared.exemplars.lock().add(batch.exemplars);
        shared.metadata.lock().add(batch.metadata);
    }
    if let Some(why) = damage {
        tracing::error!(why, "EXTRAS is damaged; the rest of its exemplars and metadata is served");
        shared.damage.lock().push(format!("EXTRAS: {why}"));
        if let Err(error) = if shared.options.read_only { Ok(()) } else { FILE.mend(&*shared.disk) } {
            tracing::warn!(%error, "keeping the damaged EXTRAS in quarantine failed; the next flush writes it anew");
            return Ok(());
        }
    }
    let (_, exemplars) = shared.exemplars.lock().unsaved();
    shared.exemplars.lock().saved(exemplars);
    let (_, metadata) = shared.metadata.lock().unsaved();
    shared.metadata.lock().saved(metadata);
    Ok(())
}
