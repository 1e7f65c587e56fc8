//! The key table: from the hash of a series' labels to its id.
//!
//! Hashes are evenly spread, so that a page of the table can be named by a hash's top bits, and a page's hashes need no
//! more than their next 16 bits: one unknown key in 256 comes by a stranger's id, whose labels then tell. Ids are numbers
//! of few bits above the segment's smallest.

use roaring::RoaringBitmap;

use super::{
    file::SegmentFile,
    format::{Footer, Section, u32_of, u64_of},
};
use crate::{codec::checksum::crc32, index::IndexError};

/// A page has at least this many series on average, and less than twice as many.
const PAGE_SERIES: usize = 128;
/// Bytes of a hash that a page keeps.
const SHORT: usize = 2;
/// Version 1: an entry is a whole hash and a whole id, a page has 340 of them.
const OLD_ENTRY: usize = 12;
const OLD_PAGE: u64 = 340 * OLD_ENTRY as u64 + 4;

/// How ids are shortened.
#[derive(Debug, Clone, Copy)]
pub(super) struct IdRange {
    smallest: u32,
    bits: usize,
}

impl IdRange {
    pub(super) fn of(ids: &RoaringBitmap) -> Self {
        let (smallest, largest) = (ids.min().unwrap_or(0), ids.max().unwrap_or(0));
        Self { smallest, bits: (u32::BITS - (largest - smallest).leading_zeros()) as usize }
    }

    /// Appends the ids, each in its bits, the low ones first.
    fn pack(self, ids: impl Iterator<Item = u32>, out: &mut Vec<u8>) {
        let (mut bits, mut filled) = (0u64, 0);
        for id in ids {
            bits |= u64::from(id.wrapping_sub(self.smallest)) << filled;
            filled += self.bits;
            while filled >= 8 {
                out.push(bits as u8);
                bits >>= 8;
                filled -= 8;
            }
        }
        if filled > 0 {
            out.push(bits as u8);
        }
    }

    /// Id `n` of what [`Self::pack`] wrote.
    fn unpack(self, packed: &[u8], n: usize) -> u32 {
        let (byte, bit) = (n * self.bits / 8, n * self.bits % 8);
        let low = packed.iter().skip(byte).take(5).rev().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        self.smallest.wrapping_add(((low >> bit) & ((1 << self.bits) - 1)) as u32)
    }

    /// How many series are in a page of `len` bytes.
    fn count(self, len: usize) -> Option<usize> {
        let body = len.checked_sub(4)?;
        let count = body * 8 / (8 * SHORT + self.bits);
        (count * SHORT + (count * self.bits).div_ceil(8) == body).then_some(count)
    }
}

/// The top `bits` of a hash, and the rest moved up.
fn split(hash: u64, bits: u32) -> (u64, u64) {
    (hash.checked_shr(u64::BITS - bits).unwrap_or(0), hash.checked_shl(bits).unwrap_or(0))
}

/// The bits of a hash that a page keeps.
fn short(rest: u64) -> u16 {
    (rest >> 48) as u16
}

/// A hash, upper half first, and an id: a segment of many series is made with one of these for each in memory.
pub(super) type Key = [u32; 3];

/// Puts a key together.
pub(super) fn key(hash: u64, id: u32) -> Key {
    [(hash >> 32) as u32, hash as u32, id]
}

/// The hash in a key.
pub(super) fn hash([high, low, _]: &Key) -> u64 {
    u64::from(*high) << 32 | u64::from(*low)
}

/// Hands the pages of the key table to `put`, made from keys in ascending order, and answers the index.
pub(super) fn encode(
    sorted: &[Key],
    range: IdRange,
    mut put: impl FnMut(&[u8]) -> Result<(), IndexError>,
) -> Result<Vec<u8>, IndexError> {
    let bits = (sorted.len() / PAGE_SERIES).max(1).ilog2();
    let (mut bytes, mut end, mut index) = (Vec::new(), 0, Vec::new());
    let mut rest = sorted;
    for number in 0..1u64 << bits {
        let (page, after) = rest.split_at(rest.partition_point(|key| split(hash(key), bits).0 <= number));
        rest = after;
        bytes.clear();
        page.iter().for_each(|key| bytes.extend_from_slice(&short(split(hash(key), bits).1).to_le_bytes()));
        range.pack(page.iter().map(|[.., id]| *id), &mut bytes);
        let crc = crc32(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        put(&bytes)?;
        end += bytes.len() as u64;
        index.extend_from_slice(&end.to_le_bytes());
    }
    Ok(index)
}

/// Where the pages of the key table are.
pub(super) enum KeyIndex {
    /// Where each page ends: a power of two of them.
    Ends(Vec<u64>, IdRange),
    /// Version 1: the first hash of each page.
    Firsts(Vec<u64>),
}

impl KeyIndex {
    /// `None` when the pages don't cover the table.
    pub(super) fn decode(bytes: &[u8], footer: &Footer, ids: &RoaringBitmap) -> Option<Self> {
        let numbers: Vec<u64> = bytes.chunks(8).filter_map(|mut number| u64_of(&mut number)).collect();
        if footer.version == 1 {
            return Some(Self::Firsts(numbers));
        }
        let covers = numbers.last() == Some(&footer.extent(Section::Keys).len) && numbers.is_sorted();
        (covers && numbers.len().is_power_of_two()).then(|| Self::Ends(numbers, IdRange::of(ids)))
    }

    /// The ids of the series whose labels may have this hash.
    pub(super) fn candidates(&self, source: &SegmentFile, footer: &Footer, hash: u64) -> Result<Vec<u32>, IndexError> {
        match self {
            Self::Ends(ends, range) => {
                let (number, rest) = split(hash, ends.len().ilog2());
                let page = KeyPage::read(source, footer, ends, *range, number as usize)?;
                Ok(page.candidates(short(rest)).collect())
            }
            Self::Firsts(firsts) => old_candidates(firsts, source, footer, hash),
        }
    }

    /// How many entries the table has.
    pub(super) fn count(&self, source: &SegmentFile, footer: &Footer) -> Result<u64, IndexError> {
        match self {
            Self::Ends(ends, range) => {
                (0..ends.len()).map(|n| Ok(KeyPage::read(source, footer, ends, *range, n)?.count as u64)).sum()
            }
            Self::Firsts(firsts) => {
                let entries = footer.extent(Section::Keys).len.saturating_sub(4 * firsts.len() as u64);
                Ok(entries / OLD_ENTRY as u64)
            }
        }
    }
}

/// A page of the key table.
struct KeyPage {
    bytes: Vec<u8>,
    count: usize,
    range: IdRange,
}

impl KeyPage {
    fn read(source: &SegmentFile, footer: &Footer, ends: &[u64], range: IdRange, n: usize) -> Result<Self, IndexError> {
        let at = n.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
        let len = ends.get(n).copied().unwrap_or(at).saturating_sub(at);
        let bytes = read_page(source, footer, at, len)?;
        match range.count(bytes.len() + 4) {
            Some(count) => Ok(Self { bytes, count, range }),
            None => Err(damaged(source, footer, at, "it has no whole number of entries")),
        }
    }

    fn candidates(&self, short: u16) -> impl Iterator<Item = u32> {
        let (shorts, ids) = self.bytes.split_at_checked(self.count * SHORT).unwrap_or_default();
        let found = shorts.as_chunks::<SHORT>().0.iter().enumerate();
        found.filter(move |(_, bytes)| u16::from_le_bytes(**bytes) == short).map(|(n, _)| self.range.unpack(ids, n))
    }
}

fn old_candidates(firsts: &[u64], source: &SegmentFile, footer: &Footer, hash: u64) -> Result<Vec<u32>, IndexError> {
    let mut found = Vec::new();
    // Equal hashes may begin at the end of the page before the first one that starts with them.
    let from = firsts.partition_point(|first| *first < hash).saturating_sub(1);
    for (n, _) in firsts.iter().enumerate().skip(from).take_while(|(_, first)| **first <= hash) {
        let at = n as u64 * OLD_PAGE;
        let page = read_page(source, footer, at, footer.extent(Section::Keys).len.saturating_sub(at).min(OLD_PAGE))?;
        let entries = page.chunks(OLD_ENTRY).filter_map(|mut entry| Some((u64_of(&mut entry)?, u32_of(&mut entry)?)));
        found.extend(entries.filter(|(other, _)| *other == hash).map(|(_, id)| id));
    }
    Ok(found)
}

/// A page of the key table without its checksum.
fn read_page(source: &SegmentFile, footer: &Footer, at: u64, len: u64) -> Result<Vec<u8>, IndexError> {
    let mut page = source.read_in(footer, Section::Keys, at, len)?;
    let wrong = || damaged(source, footer, at, "its checksum is wrong");
    let (body, crc) = page.split_last_chunk::<4>().ok_or_else(wrong)?;
    if crc32(body) != u32::from_le_bytes(*crc) {
        return Err(wrong());
    }
    page.truncate(page.len() - 4);
    Ok(page)
}

fn damaged(source: &SegmentFile, footer: &Footer, at: u64, why: &str) -> IndexError {
    source.damaged_at("a page of the key table", footer.extent(Section::Keys).at.saturating_add(at), why)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_take_as_many_bits_as_their_range_and_read_back(ids in prop::collection::vec(any::<u32>(), 1..40), shift in 0..32) {
            let ids: Vec<u32> = ids.into_iter().map(|id| id >> shift).collect();
            let range = IdRange::of(&ids.iter().copied().collect());
            let mut packed = Vec::new();
            range.pack(ids.iter().copied(), &mut packed);
            prop_assert_eq!(packed.len(), (ids.len() * range.bits).div_ceil(8));
            prop_assert_eq!((0..ids.len()).map(|n| range.unpack(&packed, n)).collect::<Vec<_>>(), ids.clone());
            prop_assert_eq!(range.count(ids.len() * SHORT + packed.len() + 4), Some(ids.len()));
        }
    }

    #[test]
    fn the_page_of_a_hash_is_its_top_bits() {
        assert_eq!(split(0xabcd_ef01_2345_6789, 0), (0, 0xabcd_ef01_2345_6789));
        assert_eq!(split(0xabcd_ef01_2345_6789, 8), (0xab, 0xcdef_0123_4567_8900));
        assert_eq!(short(0xcdef_0123_4567_8900), 0xcdef);
    }
}
