//! The layout of a segment file. Numbers are little endian, varints LEB128.
//!
//! ```text
//! pages        for each page of up to 1024 series or about 32 KiB of distinct label pairs:
//!                4  length of the page before compression
//!                4  crc32 of the four bytes before and the compressed bytes
//!                   the page, compressed with zstd; uncompressed:
//!                     varint number of series; varint number of label names
//!                     for each name, ascending: varint length; name; varint number of its values;
//!                       for each value, ascending: varint length; value
//!                     for each series, by ascending id: varint id - id before (0 for the first)
//!                     for each series: varint number of labels
//!                     the labels of the series, each as the number of its pair in the list above, in columns: of all
//!                       series the first pair, then of those with more than one the second, ...; 1 byte for each, and
//!                       if there are more than 256 pairs then their high bytes likewise
//! page index   for each page: 4 id of its first series, 8 offset in pages, 4 length
//! keys         pages by the top bits of the xxh3 hash (64 bits) of the series' canonical label bytes; as many bits as
//!              give a page 128 series or more on average; in a page, by ascending hash, then id:
//!                for each series: 2 the next 16 bits of its hash
//!                for each series: id - smallest id of the segment, in as many bits as the largest needs, low bits first
//!                4 crc32 of these
//! key index    for each page of keys: 8 its end in keys
//! bloom        64-bit words of a Bloom filter over the hashes: 10 bits a series, 7 probes
//! ids          the ids, a roaring bitmap in its portable serialization
//! postings     for each label pair of more than one series:
//!                varint number of ids
//!                varint length << 1 | 1 for runs, 0 for a bitmap
//!                4  crc32 of the bytes before and the list
//!                   the list, as a roaring bitmap in its portable serialization, or for each run of ids without gap:
//!                     varint (first id - end of the run before) << 1 | 1 if there are more; then varint how many more
//! dictionary   an FST map of all label pairs: key is name 0xFF value; the value is
//!                id << 1 | 1         the pair of a single series
//!                offset << 1         offset in postings
//! footer       for each section, in the order above: 8 offset, 8 length, 4 crc32 of the whole section
//!              8  number of series
//!              8  number of pairs
//!              4  format version, 2
//!              4  crc32 of the footer so far
//!              8  magic "vctsidx\n"
//! ```
//!
//! Sections follow each other without gaps, so that every byte is under a checksum.
//!
//! Version 1, which is still read, differs in three sections. A page, uncompressed, has for each series: varint id - id
//! before; varint length; canonical label bytes. Keys are pages of 340 times 8 hash and 4 id, each with its crc32; the key
//! index has the first hash of each. Postings have 4 number of ids, 4 length, 4 crc32 and a roaring bitmap.

use super::file::SegmentFile;
use crate::{
    codec::{checksum::crc32, take},
    index::IndexError,
};

const MAGIC: &[u8; 8] = b"vctsidx\n";
const VERSION: u32 = 2;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) sections: [Extent; SECTIONS],
    pub(super) series: u64,
    pub(super) pairs: u64,
    pub(super) version: u32,
}

impl Default for Footer {
    fn default() -> Self {
        Self { sections: Default::default(), series: 0, pairs: 0, version: VERSION }
    }
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
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&crc32(&out).to_le_bytes());
        out.extend_from_slice(MAGIC);
        out
    }

    /// Reads and checks the footer of a file.
    pub(super) fn read(source: &SegmentFile) -> Result<Self, IndexError> {
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
        let footer = Self::decode(body).ok_or_else(|| damaged("it is too short"))?;
        if footer.version > VERSION {
            return Err(IndexError::Version { path: source.path().to_owned(), got: footer.version, want: VERSION });
        }
        if !footer.covers(at) {
            return Err(damaged("its sections don't cover the file"));
        }
        Ok(footer)
    }

    fn decode(mut input: &[u8]) -> Option<Self> {
        let input = &mut input;
        let mut footer = Self::default();
        for extent in &mut footer.sections {
            *extent = Extent { at: u64_of(input)?, len: u64_of(input)?, crc: u32_of(input)? };
        }
        footer.series = u64_of(input)?;
        footer.pairs = u64_of(input)?;
        footer.version = u32_of(input)?;
        Some(footer)
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
