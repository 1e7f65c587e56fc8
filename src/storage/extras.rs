//! Exemplars and metadata on disk.
//!
//! Both live in memory, bounded in number, and are written to the log like samples. Before a flush moves the log's
//! start they are saved whole, so that what the log forgets is in this file. It may hold more than the flush needs,
//! never less; replaying the log over it changes nothing, because both tables take what they have for a repetition.
//!
//! `EXTRAS` is written under a temporary name, synced and renamed, and its directory synced, before the manifest is
//! stored. All numbers are little endian.
//!
//! ```text
//! file     header frame*
//! header   magic "VCTSXTRA"                 8 bytes
//!          format                           u32, FORMAT
//!          count of frames                  u32
//!          crc32 of everything above        u32
//! frame    length of payload                u32
//!          crc32 of position and length     u32; position: u32, number of the frame from 0
//!          crc32 of payload                 u32
//!          payload                          a batch as `wal::record` has it, with exemplars and metadata only
//! ```
//!
//! Exemplars and metadata stand in the order in which they arrived. A damaged payload costs its frame, a damaged head
//! the frames behind it too; either is reported, and the file is kept in quarantine.

use std::{io, path::Path};

use super::{
    error::{OpenError, StorageError},
    layout, quarantine,
    replace::replace,
    state::Shared,
};
use crate::{
    codec::checksum::{crc32, crc32_of},
    seams::{append::Batch, env::Disk},
    wal,
};

const MAGIC: &[u8; 8] = b"VCTSXTRA";
/// The newest format this program writes and reads.
const FORMAT: u32 = 1;
/// Bytes of the header.
const HEADER: usize = 20;
/// Bytes of a frame before its payload.
const HEAD: usize = 12;
/// Exemplars, or descriptions of families, in one frame: one damaged sector costs no more than these.
const PER_FRAME: usize = 512;

/// Saves both tables if they changed since they were saved last.
pub(super) fn save(shared: &Shared) -> Result<(), StorageError> {
    let (exemplars, exemplars_state) = shared.exemplars.lock().unsaved();
    let (metadata, metadata_state) = shared.metadata.lock().unsaved();
    if exemplars_state.is_none() && metadata_state.is_none() {
        return Ok(());
    }
    let metadata = metadata.chunks(PER_FRAME).map(|part| Batch { metadata: part.to_vec(), ..Batch::default() });
    let exemplars = exemplars.chunks(PER_FRAME).map(|part| Batch { exemplars: part.to_vec(), ..Batch::default() });
    write(&*shared.disk, &encode(metadata.chain(exemplars)))?;
    shared.exemplars.lock().saved(exemplars_state);
    shared.metadata.lock().saved(metadata_state);
    Ok(())
}

fn write(disk: &dyn Disk, bytes: &[u8]) -> Result<(), StorageError> {
    replace(disk, Path::new(""), layout::EXTRAS, bytes)
}

fn encode(batches: impl Iterator<Item = Batch>) -> Vec<u8> {
    let (mut frames, mut count) = (Vec::new(), 0u32);
    let mut payload = Vec::new();
    for batch in batches {
        payload.clear();
        wal::record::encode(&batch, &mut payload);
        let length = (payload.len() as u32).to_le_bytes();
        frames.extend_from_slice(&length);
        frames.extend_from_slice(&crc32_of(&[&count.to_le_bytes(), &length]).to_le_bytes());
        frames.extend_from_slice(&crc32(&payload).to_le_bytes());
        frames.extend_from_slice(&payload);
        count += 1;
    }
    let mut file = MAGIC.to_vec();
    file.extend_from_slice(&FORMAT.to_le_bytes());
    file.extend_from_slice(&count.to_le_bytes());
    file.extend_from_slice(&crc32(&file).to_le_bytes());
    file.append(&mut frames);
    file
}

/// The file's bytes; `None` when there is none.
fn read(disk: &dyn Disk) -> Result<Option<Vec<u8>>, OpenError> {
    let io = |source| OpenError::Io { what: "reading EXTRAS".to_owned(), source };
    match disk.open(Path::new(layout::EXTRAS)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.and_then(|file| file.read_all()).map(Some).map_err(io),
    }
}

/// What is damaged in the file, if it is there and something is.
pub(super) fn check(disk: &dyn Disk) -> Result<Option<String>, OpenError> {
    let Some(bytes) = read(disk)? else { return Ok(None) };
    Ok(decode(&bytes)?.1)
}

/// Writes the file anew with what is whole in it, and keeps the damaged one in quarantine.
pub(super) fn mend(disk: &dyn Disk) -> Result<(), OpenError> {
    let Some(bytes) = read(disk)? else { return Ok(()) };
    let (batches, _) = decode(&bytes)?;
    let dir = Path::new(layout::QUARANTINE);
    let io = |what: &'static str| move |source| OpenError::Io { what: what.to_owned(), source };
    disk.create_dir(dir).map_err(io("creating quarantine/"))?;
    quarantine::link(disk, Path::new(layout::EXTRAS)).map_err(io("linking EXTRAS into quarantine/"))?;
    disk.sync_dir(dir).map_err(io("syncing quarantine/"))?;
    Ok(write(disk, &encode(batches.into_iter()))?)
}

/// Copies the file, if there is one, as it is.
pub(super) fn copy(from: &dyn Disk, to: &dyn Disk) -> Result<(), OpenError> {
    let Some(bytes) = read(from)? else { return Ok(()) };
    Ok(write(to, &bytes)?)
}

/// Fills both tables from the file. What is damaged is left out and reported.
pub(super) fn load(shared: &Shared) -> Result<(), OpenError> {
    let Some(bytes) = read(&*shared.disk)? else { return Ok(()) };
    let (batches, damage) = decode(&bytes)?;
    for batch in batches {
        batch.exemplars.iter().for_each(|(id, _)| shared.index.reserve(*id));
        shared.exemplars.lock().add(batch.exemplars);
        shared.metadata.lock().add(batch.metadata);
    }
    if let Some(why) = damage {
        tracing::error!(why, "EXTRAS is damaged; the rest of its exemplars and metadata is served");
        shared.damage.lock().push(format!("EXTRAS: {why}"));
        if let Err(error) = if shared.options.read_only { Ok(()) } else { mend(&*shared.disk) } {
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

/// The batches that can be read, and what is wrong with the others.
fn decode(file: &[u8]) -> Result<(Vec<Batch>, Option<String>), OpenError> {
    let damaged = |what: &str| Ok((Vec::new(), Some(what.to_owned())));
    let Some((header, mut rest)) = file.split_at_checked(HEADER) else {
        return damaged("it is shorter than its header");
    };
    let (covered, crc) = header.split_at_checked(HEADER - 4).unwrap_or_default();
    if !covered.starts_with(MAGIC) || crc != crc32(covered).to_le_bytes() {
        return damaged("its header is wrong");
    }
    let (format, count) = (u32_at(covered, 8), u32_at(covered, 12));
    if format > FORMAT {
        return Err(OpenError::Newer { found: format, known: FORMAT });
    }
    let (mut batches, mut lost) = (Vec::new(), None);
    for position in 0..count {
        let Some((payload, crc, after)) = frame(rest, position) else {
            return Ok((batches, Some(format!("frame {position} of {count} can't be found, nor those behind it"))));
        };
        rest = after;
        match wal::record::decode(payload) {
            Ok(batch) if crc32(payload) == crc => batches.push(batch),
            _ => lost = Some(format!("frame {position} of {count} is damaged")),
        }
    }
    Ok((batches, lost))
}

/// Payload and checksum of the frame that `bytes` begin with, and what follows it.
fn frame(bytes: &[u8], position: u32) -> Option<(&[u8], u32, &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let length = u32_at(head, 0);
    if u32_at(head, 4) != crc32_of(&[&position.to_le_bytes(), &length.to_le_bytes()]) {
        return None;
    }
    let (payload, rest) = rest.split_at_checked(length as usize)?;
    Some((payload, u32_at(head, 8), rest))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Exemplar, Labels, Metadata},
        seams::append::SeriesId,
    };

    fn batches() -> Vec<Batch> {
        let exemplar = |id: u32| {
            let labels = Labels::from_pairs([("trace_id", "abc")]).unwrap();
            (SeriesId(id), Exemplar { labels, value: -0.0, time: -5 })
        };
        let metadata = vec![Metadata { family: "a".into(), help: "Help.".into(), ..Metadata::default() }];
        let exemplars =
            |ids: std::ops::Range<u32>| Batch { exemplars: ids.map(exemplar).collect(), ..Batch::default() };
        vec![Batch { metadata, ..Batch::default() }, exemplars(0..3), exemplars(3..4)]
    }

    #[test]
    fn what_was_saved_comes_back() {
        assert_eq!(decode(&encode(batches().into_iter())).unwrap(), (batches(), None));
        assert_eq!(decode(&encode([].into_iter())).unwrap(), (vec![], None));
    }

    #[test]
    fn any_flipped_bit_or_cut_is_noticed_and_costs_no_frame_before_it() {
        let good = encode(batches().into_iter());
        let whole = batches();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                let (found, damage) = decode(&bad).unwrap();
                assert!(damage.is_some() && found.len() < 3, "byte {at} bit {bit}");
                assert!(found.iter().all(|batch| whole.contains(batch)), "byte {at} bit {bit}");
            }
            assert!(decode(&good[..at]).unwrap().1.is_some(), "cut at {at}");
        }
    }

    #[test]
    fn a_newer_format_is_refused_by_its_number() {
        let mut newer = encode(batches().into_iter());
        newer[8] = 7;
        let crc = crc32(&newer[..16]).to_le_bytes();
        newer[16..20].copy_from_slice(&crc);
        assert!(matches!(decode(&newer), Err(OpenError::Newer { found: 7, known: FORMAT })));
    }
}
