//! Files that hold what batches do, in frames that fail one by one.
//!
//! Such a file is written whole under a temporary name, synced and renamed, and its directory synced. All numbers are little endian.
//!
//! ```text
//! frames   header frame*
//! header   magic                            8 bytes, of the file
//!          format                           u32
//!          count of frames                  u32
//!          crc32 of everything above        u32
//! frame    length of payload                u32
//!          crc32 of position and length     u32; position: u32, number of the frame from 0
//!          crc32 of payload                 u32
//!          payload                          a batch as `wal::record` has it
//! ```
//!
//! A damaged payload costs its frame, a damaged head the frames behind it too. A file may have two copies of all that, one after
//! the other; then what is whole in either counts.

use std::{io, path::Path};

use super::{
    error::{OpenError, StorageError},
    layout, quarantine,
    replace::replace,
};
use crate::{
    codec::checksum::{crc32, crc32_of},
    seams::{append::Batch, env::Disk},
    wal,
};

/// Bytes of the header.
const HEADER: usize = 20;
/// Bytes of a frame before its payload.
const HEAD: usize = 12;
/// Items in one frame: one damaged sector costs no more than these.
pub(super) const PER_FRAME: usize = 512;

/// A kind of file.
pub(super) struct FramedFile {
    /// Its name in the data directory.
    pub(super) name: &'static str,
    /// What it begins with.
    pub(super) magic: &'static [u8; 8],
    /// The newest format that this program writes and reads.
    pub(super) format: u32,
    /// Whether there are two copies.
    pub(super) twice: bool,
}

/// What is in a file.
pub(super) struct Content {
    /// What is whole.
    pub(super) batches: Vec<Batch>,
    /// What is damaged.
    pub(super) damage: Option<String>,
    /// Whether what is damaged is nowhere else in the file.
    pub(super) is_lost: bool,
}

impl FramedFile {
    /// Writes the file anew.
    pub(super) fn write(&self, disk: &dyn Disk, batches: impl Iterator<Item = Batch>) -> Result<(), StorageError> {
        replace(disk, Path::new(""), self.name, &self.encode(batches))
    }

    fn encode(&self, batches: impl Iterator<Item = Batch>) -> Vec<u8> {
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
        let mut copy = self.magic.to_vec();
        copy.extend_from_slice(&self.format.to_le_bytes());
        copy.extend_from_slice(&count.to_le_bytes());
        copy.extend_from_slice(&crc32(&copy).to_le_bytes());
        copy.append(&mut frames);
        if self.twice {
            copy.extend_from_within(..);
        }
        copy
    }

    /// The file's bytes; `None` when there is none.
    fn bytes(&self, disk: &dyn Disk) -> Result<Option<Vec<u8>>, OpenError> {
        let io = |source| OpenError::Io { what: format!("reading {}", self.name), source };
        match disk.open(Path::new(self.name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.and_then(|file| file.read_all()).map(Some).map_err(io),
        }
    }

    /// What is in the file; `None` when there is none.
    pub(super) fn read(&self, disk: &dyn Disk) -> Result<Option<Content>, OpenError> {
        self.bytes(disk)?.map(|bytes| self.decode(&bytes)).transpose()
    }

    /// What is damaged in the file, if it is there and something is.
    pub(super) fn check(&self, disk: &dyn Disk) -> Result<Option<String>, OpenError> {
        Ok(self.read(disk)?.and_then(|content| content.damage))
    }

    /// Writes the file anew with what is whole in it, and keeps the damaged one in quarantine.
    pub(super) fn mend(&self, disk: &dyn Disk) -> Result<(), OpenError> {
        let Some(Content { batches, .. }) = self.read(disk)? else { return Ok(()) };
        let dir = Path::new(layout::QUARANTINE);
        let io = |what: String| move |source| OpenError::Io { what, source };
        disk.create_dir(dir).map_err(io("creating quarantine/".to_owned()))?;
        let linking = format!("linking {} into quarantine/", self.name);
        quarantine::link(disk, Path::new(self.name)).map_err(io(linking))?;
        disk.sync_dir(dir).map_err(io("syncing quarantine/".to_owned()))?;
        Ok(self.write(disk, batches.into_iter())?)
    }

    /// Copies the file, if there is one, as it is.
    pub(super) fn copy(&self, from: &dyn Disk, to: &dyn Disk) -> Result<(), OpenError> {
        let Some(bytes) = self.bytes(from)? else { return Ok(()) };
        Ok(replace(to, Path::new(""), self.name, &bytes)?)
    }

    fn decode(&self, file: &[u8]) -> Result<Content, OpenError> {
        if !self.twice {
            return self.decode_copy(file);
        }
        // The first is found wherever the file ends, the second where nothing is missing.
        let second = self.decode_copy(file.get(file.len() / 2..).unwrap_or_default());
        let Content { mut batches, damage, .. } = self.decode_copy(file)?;
        let second = second?;
        for batch in second.batches {
            if !batches.contains(&batch) {
                batches.push(batch);
            }
        }
        let is_lost = damage.is_some() && second.damage.is_some();
        let damage = match (damage, second.damage) {
            (None, None) => None,
            (Some(why), None) => Some(format!("the first copy: {why}; the other copy is whole, nothing is lost")),
            (None, Some(why)) => Some(format!("the second copy: {why}; the other copy is whole, nothing is lost")),
            (Some(first), Some(second)) => Some(format!("the first copy: {first}; the second copy: {second}")),
        };
        Ok(Content { batches, damage, is_lost })
    }

    fn decode_copy(&self, file: &[u8]) -> Result<Content, OpenError> {
        let damaged = |what: &str| Ok(Content { batches: Vec::new(), damage: Some(what.to_owned()), is_lost: true });
        let Some((header, mut rest)) = file.split_at_checked(HEADER) else {
            return damaged("it is shorter than its header");
        };
        let (covered, crc) = header.split_at_checked(HEADER - 4).unwrap_or_default();
        if !covered.starts_with(self.magic) || crc != crc32(covered).to_le_bytes() {
            return damaged("its header is wrong");
        }
        let (format, count) = (u32_at(covered, 8), u32_at(covered, 12));
        if format > self.format {
            return Err(OpenError::Newer { found: format, known: self.format });
        }
        let (mut batches, mut damage) = (Vec::new(), None);
        for position in 0..count {
            let Some((payload, crc, after)) = frame(rest, position) else {
                damage = Some(format!("frame {position} of {count} can't be found, nor those behind it"));
                break;
            };
            rest = after;
            match wal::record::decode(payload) {
                Ok(batch) if crc32(payload) == crc => batches.push(batch),
                _ => damage = Some(format!("frame {position} of {count} is damaged")),
            }
        }
        let is_lost = damage.is_some();
        Ok(Content { batches, damage, is_lost })
    }
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

    const ONCE: FramedFile = FramedFile { name: "FILE", magic: b"VCTSTEST", format: 1, twice: false };
    const TWICE: FramedFile = FramedFile { twice: true, ..ONCE };

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

    fn decode(file: &FramedFile, bytes: &[u8]) -> (Vec<Batch>, Option<String>) {
        let Content { batches, damage, .. } = file.decode(bytes).unwrap();
        (batches, damage)
    }

    #[test]
    fn what_was_saved_comes_back() {
        for file in [ONCE, TWICE] {
            assert_eq!(decode(&file, &file.encode(batches().into_iter())), (batches(), None));
            assert_eq!(decode(&file, &file.encode([].into_iter())), (vec![], None));
        }
    }

    #[test]
    fn any_flipped_bit_or_cut_is_noticed_and_costs_no_frame_before_it() {
        let good = ONCE.encode(batches().into_iter());
        let whole = batches();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                let (found, damage) = decode(&ONCE, &bad);
                assert!(damage.is_some() && found.len() < 3, "byte {at} bit {bit}");
                assert!(found.iter().all(|batch| whole.contains(batch)), "byte {at} bit {bit}");
            }
            assert!(decode(&ONCE, &good[..at]).1.is_some(), "cut at {at}");
        }
    }

    #[test]
    fn any_flipped_bit_of_a_file_with_two_copies_is_noticed_and_loses_nothing() {
        let good = TWICE.encode(batches().into_iter());
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                let (found, damage) = decode(&TWICE, &bad);
                assert!(damage.is_some(), "byte {at} bit {bit}");
                assert!(batches().iter().all(|batch| found.contains(batch)), "byte {at} bit {bit}: {damage:?}");
            }
            let (found, damage) = decode(&TWICE, &good[..at]);
            assert!(damage.is_some(), "cut at {at}");
            assert!(at < good.len() / 2 || found.len() == 3, "cut at {at}: {damage:?}");
        }
    }

    #[test]
    fn a_newer_format_is_refused_by_its_number() {
        for file in [ONCE, TWICE] {
            let mut newer = file.encode(batches().into_iter());
            newer[8] = 7;
            let crc = crc32(&newer[..16]).to_le_bytes();
            newer[16..20].copy_from_slice(&crc);
            assert!(matches!(file.decode(&newer), Err(OpenError::Newer { found: 7, known: 1 })));
        }
    }
}
