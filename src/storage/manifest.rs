//! The manifest: the one file that says what is live.
//!
//! It is written whole each time, under a temporary name, synced and renamed into place. Files number in the hundreds
//! at most, so a rewrite is a few KiB per flush, and there is no log of edits to replay, to tear or to compact.
//!
//! ```text
//! file     copy copy                        two equal copies: one damaged sector doesn't take the store with it
//! copy     magic "VCTSMANI"                 8 bytes
//!          format                           u32, FORMAT
//!          length of body                   u32
//!          body
//!          crc32 of everything above        u32
//! body     next_file                        u64, number of the next table or segment
//!          next_series                      u64, the next series id
//!          wal_start                        u64, first log segment whose data may not be in tables
//!          count of tables                  u32
//!          per table, oldest data first:    number u64, set aside u8
//!          count of segments                u32
//!          per segment:                     number u64, set aside u8
//! ```
//!
//! All numbers are little endian. The order of tables is their precedence: at equal series and time a later table wins.
//! A file that is *set aside* was found damaged: it stays where it is, is not read, and is reported at every start.

use std::path::Path;

use super::{
    error::{OpenError, StorageError, Tried},
    layout,
};
use crate::seams::env::Disk;

const MAGIC: &[u8; 8] = b"VCTSMANI";
/// The newest manifest format this program writes and reads.
pub(super) const FORMAT: u32 = 1;
/// Magic, format and length.
const HEADER: usize = 16;

/// A live file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileEntry {
    pub(super) number: u64,
    pub(super) set_aside: bool,
}

/// What is live.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Manifest {
    pub(super) next_file: u64,
    pub(super) next_series: u64,
    pub(super) wal_start: u64,
    pub(super) tables: Vec<FileEntry>,
    pub(super) segments: Vec<FileEntry>,
}

impl Manifest {
    /// Reads the manifest; `None` when there is no such file.
    pub(super) fn load(disk: &dyn Disk) -> Result<Option<Self>, OpenError> {
        let io = |source| OpenError::Io { what: "reading MANIFEST".to_owned(), source };
        let file = match disk.open(Path::new(layout::MANIFEST)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        let mapped = file.map().map_err(io)?;
        let bytes: &[u8] = mapped.as_ref();
        let (first, second) = bytes.split_at(bytes.len() / 2);
        match (Self::decode(first), Self::decode(second)) {
            (Ok(manifest), Ok(_)) => Ok(Some(manifest)),
            (Ok(manifest), Err(why)) | (Err(why), Ok(manifest)) => {
                tracing::warn!(%why, "one of the two copies in MANIFEST is damaged; it is written anew from the other");
                manifest.store(disk).map_err(|e| OpenError::Io {
                    what: "rewriting MANIFEST".to_owned(),
                    source: std::io::Error::other(e),
                })?;
                Ok(Some(manifest))
            }
            (Err(why), Err(_)) => Err(why),
        }
    }

    /// Makes this manifest the one that counts.
    pub(super) fn store(&self, disk: &dyn Disk) -> Result<(), StorageError> {
        let new = Path::new(layout::MANIFEST_NEW);
        match disk.remove(new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).tried("removing an unfinished MANIFEST.new");
            }
            _ => {}
        }
        let copy = self.encode();
        let mut writer = disk.create(new).tried("creating MANIFEST.new")?;
        writer.append(&[&copy[..], &copy[..]].concat()).tried("writing MANIFEST.new")?;
        writer.sync().tried("syncing MANIFEST.new")?;
        disk.rename(new, Path::new(layout::MANIFEST)).tried("renaming MANIFEST.new to MANIFEST")?;
        disk.sync_dir(Path::new("")).tried("syncing the data directory")
    }

    fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend_from_slice(&self.next_file.to_le_bytes());
        body.extend_from_slice(&self.next_series.to_le_bytes());
        body.extend_from_slice(&self.wal_start.to_le_bytes());
        for files in [&self.tables, &self.segments] {
            body.extend_from_slice(&(files.len() as u32).to_le_bytes());
            for file in files {
                body.extend_from_slice(&file.number.to_le_bytes());
                body.push(u8::from(file.set_aside));
            }
        }
        let mut copy = MAGIC.to_vec();
        copy.extend_from_slice(&FORMAT.to_le_bytes());
        copy.extend_from_slice(&(body.len() as u32).to_le_bytes());
        copy.extend_from_slice(&body);
        copy.extend_from_slice(&crc32fast::hash(&copy).to_le_bytes());
        copy
    }

    fn decode(copy: &[u8]) -> Result<Self, OpenError> {
        let damaged = |what: &str| OpenError::Manifest(what.to_owned());
        let mut header = Reader(copy.get(..HEADER).ok_or_else(|| damaged("shorter than its header"))?);
        if header.take::<8>() != Some(*MAGIC) {
            return Err(damaged("it doesn't begin with VCTSMANI"));
        }
        let format = header.u32().unwrap_or_default();
        let length = header.u32().unwrap_or_default() as usize;
        let (covered, crc) = HEADER
            .checked_add(length)
            .and_then(|end| copy.split_at_checked(end))
            .ok_or_else(|| damaged("its body is cut short"))?;
        if crc != crc32fast::hash(covered).to_le_bytes() {
            return Err(damaged("its checksum doesn't fit"));
        }
        if format > FORMAT {
            return Err(OpenError::Newer { found: format, known: FORMAT });
        }
        let mut body = Reader(covered.get(HEADER..).unwrap_or_default());
        Self::decode_body(&mut body).ok_or_else(|| damaged("its body is malformed"))
    }

    fn decode_body(body: &mut Reader<'_>) -> Option<Self> {
        let (next_file, next_series, wal_start) = (body.u64()?, body.u64()?, body.u64()?);
        let (tables, segments) = (body.files()?, body.files()?);
        body.0.is_empty().then_some(Self { next_file, next_series, wal_start, tables, segments })
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn files(&mut self) -> Option<Vec<FileEntry>> {
        let count = self.u32()?;
        (0..count).map(|_| Some(FileEntry { number: self.u64()?, set_aside: self.take::<1>()? != [0] })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        Manifest {
            next_file: 9,
            next_series: 1_000,
            wal_start: 4,
            tables: vec![FileEntry { number: 3, set_aside: false }, FileEntry { number: 7, set_aside: true }],
            segments: vec![FileEntry { number: 8, set_aside: false }],
        }
    }

    #[test]
    fn a_manifest_reads_back_as_written() {
        assert_eq!(Manifest::decode(&sample().encode()).unwrap(), sample());
    }

    #[test]
    fn any_flipped_bit_or_cut_is_noticed() {
        let good = sample().encode();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(Manifest::decode(&bad).is_err(), "byte {at} bit {bit}");
            }
            assert!(Manifest::decode(&good[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_newer_format_is_refused_by_its_number() {
        let mut newer = sample().encode();
        newer[8] = 9;
        let end = newer.len() - 4;
        let crc = crc32fast::hash(&newer[..end]).to_le_bytes();
        newer[end..].copy_from_slice(&crc);
        assert!(matches!(Manifest::decode(&newer), Err(OpenError::Newer { found: 9, known: FORMAT })));
    }
}
