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
//!          next_series                      u64, no series has this id or a higher one
//!          wal_start                        u64, first log segment whose data may not be in tables
//!          newest delete                    u64, its number, 0 before the first
//!          size cutoff                      i64, retention by size has dropped samples before this time (ms)
//!          count of tables                  u32
//!          per table, by precedence:        number u64, flags u8 (1 set aside, 2 windowed), settled u64
//!          count of segments                u32
//!          per segment, oldest first:       number u64, flags u8 (1 set aside)
//!          count of tombstones              u32
//!          per tombstone:                   delete u64, first time i64, last time i64, length u32,
//!                                           that many bytes: its series, a roaring bitmap in the portable format
//! ```
//!
//! All numbers are little endian. The order of tables is their precedence: at equal series and time a later table wins.
//! `compact` says what windowed means, `tombstones` what deletes and settled mean.
//! A file that is *set aside* was found damaged: it stays where it is, is not read, and is reported at every start.
//!
//! Format 1, still read, has no newest delete, size cutoff, settled and tombstones, and a table's flags are 0 or 1.

use std::{path::Path, sync::Arc};

use roaring::RoaringBitmap;

use super::tombstones::{Deletes, Tombstone};
use crate::{
    model::TimeRange,
    seams::env::Disk,
    storage::{
        error::{OpenError, StorageError, Tried},
        layout,
        replace::replace,
    },
};

const MAGIC: &[u8; 8] = b"VCTSMANI";
/// The newest manifest format this program writes and reads.
pub(in crate::storage) const FORMAT: u32 = 2;
/// Magic, format and length.
const HEADER: usize = 16;

/// A live file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::storage) struct FileEntry {
    pub(in crate::storage) number: u64,
    pub(in crate::storage) set_aside: bool,
}

/// Flags of a file.
const SET_ASIDE: u8 = 1;
const WINDOWED: u8 = 2;

/// A live table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::storage) struct TableEntry {
    pub(in crate::storage) number: u64,
    pub(in crate::storage) set_aside: bool,
    /// Compaction has put it in its place.
    pub(in crate::storage) windowed: bool,
    /// Heeds only deletes with larger numbers.
    pub(in crate::storage) settled: u64,
}

/// What is live.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::storage) struct Manifest {
    pub(in crate::storage) next_file: u64,
    pub(in crate::storage) next_series: u64,
    pub(in crate::storage) wal_start: u64,
    /// Retention by size has dropped samples before this time.
    pub(in crate::storage) size_cutoff: i64,
    pub(in crate::storage) tables: Vec<TableEntry>,
    pub(in crate::storage) segments: Vec<FileEntry>,
    pub(in crate::storage) deletes: Arc<Deletes>,
}

impl Default for Manifest {
    /// An empty store's.
    fn default() -> Self {
        Self {
            next_file: 1,
            next_series: 0,
            wal_start: 1,
            size_cutoff: i64::MIN,
            tables: Vec::new(),
            segments: Vec::new(),
            deletes: Arc::default(),
        }
    }
}

/// A manifest as it was read.
pub(in crate::storage) struct ReadManifest {
    pub(in crate::storage) manifest: Manifest,
    /// Which copy is damaged, and how.
    pub(in crate::storage) damaged_copy: Option<String>,
}

fn reason(error: OpenError) -> String {
    match error {
        OpenError::Manifest(why) => why,
        other => other.to_string(),
    }
}

impl Manifest {
    /// Reads the manifest and writes it anew if one of its copies is damaged; `None` when there is no such file.
    pub(in crate::storage) fn load(disk: &dyn Disk) -> Result<Option<Self>, OpenError> {
        let Some(ReadManifest { manifest, damaged_copy }) = Self::read(disk)? else { return Ok(None) };
        if let Some(why) = damaged_copy {
            tracing::warn!(%why, "one of the two copies in MANIFEST is damaged; it is written anew from the other");
            manifest.store(disk).map_err(|e| OpenError::Io {
                what: "rewriting MANIFEST".to_owned(),
                source: std::io::Error::other(e),
            })?;
        }
        Ok(Some(manifest))
    }

    /// Reads the manifest and changes nothing; `None` when there is no such file.
    pub(in crate::storage) fn read(disk: &dyn Disk) -> Result<Option<ReadManifest>, OpenError> {
        let io = |source| OpenError::Io { what: "reading MANIFEST".to_owned(), source };
        let file = match disk.open(Path::new(layout::MANIFEST)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        let bytes = file.read_all().map_err(io)?;
        let (first, second) = bytes.split_at(bytes.len() / 2);
        match (Self::decode(first), Self::decode(second)) {
            (Ok(manifest), Ok(_)) => Ok(Some(ReadManifest { manifest, damaged_copy: None })),
            // A newer program's manifest is not damaged, whatever became of its other copy.
            (Err(newer @ OpenError::Newer { .. }), _) | (_, Err(newer @ OpenError::Newer { .. })) => Err(newer),
            (Ok(manifest), Err(why)) => {
                Ok(Some(ReadManifest { manifest, damaged_copy: Some(format!("the second copy: {}", reason(why))) }))
            }
            (Err(why), Ok(manifest)) => {
                Ok(Some(ReadManifest { manifest, damaged_copy: Some(format!("the first copy: {}", reason(why))) }))
            }
            (Err(why), Err(_)) => Err(why),
        }
    }

    /// Makes this manifest the one that counts.
    pub(in crate::storage) fn store(&self, disk: &dyn Disk) -> Result<(), StorageError> {
        self.store_in(disk, Path::new(""))
    }

    /// Makes this manifest the one of the data directory `dir` below this one.
    pub(in crate::storage) fn store_in(&self, disk: &dyn Disk, dir: &Path) -> Result<(), StorageError> {
        let copy = self.encode()?;
        replace(disk, dir, layout::MANIFEST, &[&copy[..], &copy[..]].concat())
    }

    fn encode(&self) -> Result<Vec<u8>, StorageError> {
        let mut body = Vec::new();
        body.extend_from_slice(&self.next_file.to_le_bytes());
        body.extend_from_slice(&self.next_series.to_le_bytes());
        body.extend_from_slice(&self.wal_start.to_le_bytes());
        body.extend_from_slice(&self.deletes.newest.to_le_bytes());
        body.extend_from_slice(&self.size_cutoff.to_le_bytes());
        body.extend_from_slice(&(self.tables.len() as u32).to_le_bytes());
        for table in &self.tables {
            body.extend_from_slice(&table.number.to_le_bytes());
            body.push(if table.set_aside { SET_ASIDE } else { 0 } | if table.windowed { WINDOWED } else { 0 });
            body.extend_from_slice(&table.settled.to_le_bytes());
        }
        body.extend_from_slice(&(self.segments.len() as u32).to_le_bytes());
        for segment in &self.segments {
            body.extend_from_slice(&segment.number.to_le_bytes());
            body.push(if segment.set_aside { SET_ASIDE } else { 0 });
        }
        body.extend_from_slice(&(self.deletes.tombstones.len() as u32).to_le_bytes());
        for tombstone in &self.deletes.tombstones {
            body.extend_from_slice(&tombstone.delete.to_le_bytes());
            body.extend_from_slice(&tombstone.range.start.to_le_bytes());
            body.extend_from_slice(&tombstone.range.end.to_le_bytes());
            let mut series = Vec::with_capacity(tombstone.series.serialized_size());
            tombstone.series.serialize_into(&mut series).tried("serializing the series of a delete")?;
            body.extend_from_slice(&(series.len() as u32).to_le_bytes());
            body.extend_from_slice(&series);
        }
        let mut copy = MAGIC.to_vec();
        copy.extend_from_slice(&FORMAT.to_le_bytes());
        copy.extend_from_slice(&(body.len() as u32).to_le_bytes());
        copy.extend_from_slice(&body);
        copy.extend_from_slice(&crc32fast::hash(&copy).to_le_bytes());
        Ok(copy)
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
        Self::decode_body(&mut body, format).ok_or_else(|| damaged("its body is malformed"))
    }

    fn decode_body(body: &mut Reader<'_>, format: u32) -> Option<Self> {
        let (next_file, next_series, wal_start) = (body.u64()?, body.u64()?, body.u64()?);
        if format < 2 {
            let old = |file: FileEntry| TableEntry {
                number: file.number,
                set_aside: file.set_aside,
                windowed: false,
                settled: 0,
            };
            let tables = body.files()?.into_iter().map(old).collect();
            let segments = body.files()?;
            let manifest = Self { next_file, next_series, wal_start, tables, segments, ..Self::default() };
            return body.0.is_empty().then_some(manifest);
        }
        let (newest, size_cutoff) = (body.u64()?, body.i64()?);
        let (tables, segments) = (body.tables()?, body.files()?);
        let tombstones = body.tombstones()?;
        let deletes = Arc::new(Deletes { newest, tombstones });
        body.0.is_empty().then_some(Self { next_file, next_series, wal_start, size_cutoff, tables, segments, deletes })
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

    fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    fn flags(&mut self) -> Option<u8> {
        self.take::<1>().map(|[flags]| flags)
    }

    fn files(&mut self) -> Option<Vec<FileEntry>> {
        let count = self.u32()?;
        (0..count).map(|_| Some(FileEntry { number: self.u64()?, set_aside: self.flags()? & SET_ASIDE != 0 })).collect()
    }

    fn tables(&mut self) -> Option<Vec<TableEntry>> {
        let count = self.u32()?;
        let table = |_| {
            let (number, flags, settled) = (self.u64()?, self.flags()?, self.u64()?);
            let (set_aside, windowed) = (flags & SET_ASIDE != 0, flags & WINDOWED != 0);
            Some(TableEntry { number, set_aside, windowed, settled })
        };
        (0..count).map(table).collect()
    }

    fn tombstones(&mut self) -> Option<Vec<Tombstone>> {
        let count = self.u32()?;
        let tombstone = |_| {
            let delete = self.u64()?;
            let range = TimeRange::new(self.i64()?, self.i64()?);
            let length = self.u32()? as usize;
            let (series, rest) = self.0.split_at_checked(length)?;
            self.0 = rest;
            let series = Arc::new(RoaringBitmap::deserialize_from(series).ok()?);
            Some(Tombstone { delete, range, series })
        };
        (0..count).map(tombstone).collect()
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
            size_cutoff: -5,
            tables: vec![
                TableEntry { number: 3, set_aside: false, windowed: true, settled: 2 },
                TableEntry { number: 7, set_aside: true, windowed: false, settled: 0 },
            ],
            segments: vec![FileEntry { number: 8, set_aside: false }],
            deletes: Arc::new(Deletes {
                newest: 2,
                tombstones: vec![Tombstone { delete: 2, range: TimeRange::ALL, series: Arc::new([1, 70_000].into()) }],
            }),
        }
    }

    #[test]
    fn a_manifest_reads_back_as_written() {
        assert_eq!(Manifest::decode(&sample().encode().unwrap()).unwrap(), sample());
    }

    #[test]
    fn format_1_is_still_read() {
        let body: Vec<u8> = [9u64, 1_000, 4].iter().flat_map(|n| n.to_le_bytes()).collect();
        let tables = [&2u32.to_le_bytes()[..], &3u64.to_le_bytes(), &[0], &7u64.to_le_bytes(), &[1]].concat();
        let segments = [&1u32.to_le_bytes()[..], &8u64.to_le_bytes(), &[0]].concat();
        let body = [body, tables, segments].concat();
        let mut copy = [&MAGIC[..], &1u32.to_le_bytes(), &(body.len() as u32).to_le_bytes(), &body].concat();
        copy.extend_from_slice(&crc32fast::hash(&copy).to_le_bytes());
        let mut want = Manifest { size_cutoff: i64::MIN, deletes: Arc::default(), ..sample() };
        want.tables.iter_mut().for_each(|table| (table.windowed, table.settled) = (false, 0));
        assert_eq!(Manifest::decode(&copy).unwrap(), want);
    }

    #[test]
    fn any_flipped_bit_or_cut_is_noticed() {
        let good = sample().encode().unwrap();
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
        let mut newer = sample().encode().unwrap();
        newer[8] = 9;
        let end = newer.len() - 4;
        let crc = crc32fast::hash(&newer[..end]).to_le_bytes();
        newer[end..].copy_from_slice(&crc);
        assert!(matches!(Manifest::decode(&newer), Err(OpenError::Newer { found: 9, known: FORMAT })));
    }
}
