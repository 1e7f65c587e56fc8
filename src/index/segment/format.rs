//! The layout of a segment file. Numbers are little endian, varints LEB128.
//!
//! ```text
//! pages        for each page of about 32 KiB of label bytes:
//!                4  length of the page before compression
//!                4  crc32 of the four bytes before and the compressed bytes
//!                   the page, compressed with zstd; uncompressed, for each series by ascending id:
//!                   varint id - id before (0 for the first); varint length; canonical label bytes
//! page index   for each page: 4 id of its first series, 8 offset in pages, 4 length
//! keys         pages of up to 340 series, by ascending hash, then id, over the whole section:
//!                for each series: 8 xxh3 (64 bits) of its canonical label bytes, 4 id
//!                then 4 crc32 of these
//! key index    for each page of keys: 8 its first hash
//! bloom        64-bit words of a Bloom filter over the hashes: 10 bits a series, 7 probes
//! ids          the ids, a roaring bitmap in its portable serialization
//! postings     for each label pair of more than one series:
//!                4  number of ids
//!                4  length of the bitmap
//!                4  crc32 of the eight bytes before and the bitmap
//!                   the ids, a roaring bitmap in its portable serialization
//! dictionary   an FST map of all label pairs: key is name 0xFF value; the value is
//!                id << 1 | 1         the pair of a single series
//!                offset << 1         offset in postings
//! footer       for each section, in the order above: 8 offset, 8 length, 4 crc32 of the whole section
//!              8  number of series
//!              8  number of pairs
//!              4  format version, 1
//!              4  crc32 of the footer so far
//!              8  magic "vctsidx\n"
//! ```
//!
//! Sections follow each other without gaps, so that every byte is under a checksum.

use super::source::Source;
use crate::{
    codec::{checksum::crc32, take},
    index::IndexError,
};

const MAGIC: &[u8; 8] = b"vctsidx\n";
const VERSION: u32 = 1;
const SECTIONS: usize = 8;
/// Bytes of the footer.
pub(super) const FOOTER: usize = SECTIONS * 20 + 8 + 8 + 4 + 4 + 8;

/// A section of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Pages = 0,
    PageIndex = 1,
    Keys = 2,
    KeyIndex = 3,
    Bloom = 4,
    Ids = 5,
    Postings = 6,
    Dictionary = 7,
}

impl Section {
    pub(super) const ALL: [Self; SECTIONS] = [
        Self::Pages,
        Self::PageIndex,
        Self::Keys,
        Self::KeyIndex,
        Self::Bloom,
        Self::Ids,
        Self::Postings,
        Self::Dictionary,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pages => "the series table",
            Self::PageIndex => "the page index",
            Self::Keys => "the key table",
            Self::KeyIndex => "the key index",
            Self::Bloom => "the Bloom filter",
            Self::Ids => "the id bitmap",
            Self::Postings => "the postings section",
            Self::Dictionary => "the dictionary",
        }
    }
}

/// Where a section lies, and its checksum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) at: u64,
    pub(super) len: u64,
    pub(super) crc: u32,
}

/// What the end of the file says about the rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) sections: [Extent; SECTIONS],
    pub(super) series: u64,
    pub(super) pairs: u64,
}

impl Footer {
    pub(super) fn extent(&self, section: Section) -> Extent {
        self.sections.get(section as usize).copied().unwrap_or_default()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FOOTER);
        for extent in &self.sections {
            out.extend_from_slice(&extent.at.to_le_bytes());
            out.extend_from_slice(&extent.len.to_le_bytes());
            out.extend_from_slice(&extent.crc.to_le_bytes());
        }
        out.extend_from_slice(&self.series.to_le_bytes());
        out.extend_from_slice(&self.pairs.to_le_bytes());
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&crc32(&out).to_le_bytes());
        out.extend_from_slice(MAGIC);
        out
    }

    /// Reads and checks the footer of a file.
    pub(super) fn read(source: &Source) -> Result<Self, IndexError> {
        let at = source.len().saturating_sub(FOOTER as u64);
        let damaged = |why: &str| IndexError::Damaged {
            path: source.path().to_owned(),
            what: "the footer",
            at,
            why: why.to_owned(),
        };
        if source.len() < FOOTER as u64 {
            return Err(damaged("the file is too short to have one"));
        }
        let bytes = source.read(at, FOOTER)?;
        let (rest, magic) = bytes.split_last_chunk::<8>().ok_or_else(|| damaged("it is too short"))?;
        let (body, crc) = rest.split_last_chunk::<4>().ok_or_else(|| damaged("it is too short"))?;
        if magic != MAGIC || crc32(body) != u32::from_le_bytes(*crc) {
            return Err(damaged("magic or checksum is wrong"));
        }
        let (footer, version) = Self::decode(body).ok_or_else(|| damaged("it is too short"))?;
        if version > VERSION {
            return Err(IndexError::Version { path: source.path().to_owned(), got: version, want: VERSION });
        }
        if !footer.covers(at) {
            return Err(damaged("its sections don't cover the file"));
        }
        Ok(footer)
    }

    fn decode(mut input: &[u8]) -> Option<(Self, u32)> {
        let input = &mut input;
        let mut footer = Self::default();
        for extent in &mut footer.sections {
            *extent = Extent { at: u64_of(input)?, len: u64_of(input)?, crc: u32_of(input)? };
        }
        footer.series = u64_of(input)?;
        footer.pairs = u64_of(input)?;
        Some((footer, u32_of(input)?))
    }

    /// Whether the sections follow each other from the file's start to `end`.
    fn covers(&self, end: u64) -> bool {
        let step = |at: Option<u64>, e: &Extent| at.filter(|at| *at == e.at)?.checked_add(e.len);
        self.sections.iter().fold(Some(0), step) == Some(end)
    }
}

/// Takes a number off the front of `input`.
pub(super) fn u64_of(input: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(take(input, 8, "a number").ok()?.try_into().ok()?))
}

/// Takes a number off the front of `input`.
pub(super) fn u32_of(input: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(take(input, 4, "a number").ok()?.try_into().ok()?))
}

/// What the dictionary says about a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    One(u32),
    At(u64),
}

pub(super) fn pack(value: Value) -> u64 {
    match value {
        Value::One(id) => u64::from(id) << 1 | 1,
        Value::At(at) => at << 1,
    }
}

pub(super) fn unpack(value: u64) -> Value {
    if value & 1 == 1 { Value::One((value >> 1) as u32) } else { Value::At(value >> 1) }
}
