//! From the hash of labels to candidate ids: a Bloom filter in memory, then one page of the key table.

use super::{
    format::{Footer, Section, u32_of, u64_of},
    source::Source,
};
use crate::{codec::checksum::crc32, index::IndexError};

const BITS_PER_KEY: u64 = 10;
const PROBES: u64 = 7;
const ENTRY: usize = 12;
/// Entries of a full page: with its checksum just under 4 KiB.
const PAGE_ENTRIES: usize = 340;
const PAGE: usize = PAGE_ENTRIES * ENTRY + 4;

/// Says surely no or perhaps yes.
pub(super) struct Bloom {
    words: Vec<u64>,
}

impl Bloom {
    pub(super) fn build(hashes: impl ExactSizeIterator<Item = u64>) -> Self {
        let words = (hashes.len() as u64 * BITS_PER_KEY).div_ceil(64).max(1);
        let mut bloom = Self { words: vec![0; usize::try_from(words).unwrap_or(1)] };
        for hash in hashes {
            for (word, mask) in bloom.probes(hash) {
                if let Some(word) = bloom.words.get_mut(word) {
                    *word |= mask;
                }
            }
        }
        bloom
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    pub(super) fn decode(bytes: &[u8]) -> Self {
        Self { words: bytes.chunks(8).filter_map(|mut word| u64_of(&mut word)).collect() }
    }

    pub(super) fn may_contain(&self, hash: u64) -> bool {
        self.probes(hash).all(|(word, mask)| self.words.get(word).is_some_and(|w| w & mask != 0))
    }

    /// Word and bit of each probe.
    fn probes(&self, hash: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let bits = (self.words.len() as u64 * 64).max(1);
        let step = hash.rotate_left(32) | 1;
        (0..PROBES).map(move |i| {
            let bit = hash.wrapping_add(i.wrapping_mul(step)) % bits;
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }
}

/// The key table and its index, from (hash, id) in ascending order.
pub(super) fn encode(sorted: &[(u64, u32)]) -> (Vec<u8>, Vec<u8>) {
    let (mut table, mut index) = (Vec::with_capacity(sorted.len() * ENTRY + 4), Vec::new());
    for page in sorted.chunks(PAGE_ENTRIES) {
        let start = table.len();
        index.extend_from_slice(&page.first().map_or(0, |first| first.0).to_le_bytes());
        for (hash, id) in page {
            table.extend_from_slice(&hash.to_le_bytes());
            table.extend_from_slice(&id.to_le_bytes());
        }
        let crc = crc32(table.get(start..).unwrap_or_default());
        table.extend_from_slice(&crc.to_le_bytes());
    }
    (table, index)
}

/// The first hash of each page of the key table.
pub(super) struct KeyIndex {
    firsts: Vec<u64>,
}

impl KeyIndex {
    pub(super) fn decode(bytes: &[u8]) -> Self {
        Self { firsts: bytes.chunks(8).filter_map(|mut hash| u64_of(&mut hash)).collect() }
    }

    /// The ids of the series whose labels have this hash.
    pub(super) fn candidates(&self, source: &Source, footer: &Footer, hash: u64) -> Result<Vec<u32>, IndexError> {
        let mut found = Vec::new();
        // Equal hashes may begin at the end of the page before the first one that starts with them.
        let from = self.firsts.partition_point(|first| *first < hash).saturating_sub(1);
        let pages = self.firsts.iter().enumerate().skip(from);
        for (n, _) in pages.take_while(|(_, first)| **first <= hash) {
            let page = read_page(source, footer, n)?;
            found.extend(entries(&page).filter(|(other, _)| *other == hash).map(|(_, id)| id));
        }
        Ok(found)
    }
}

/// Page `n` of the key table without its checksum.
fn read_page(source: &Source, footer: &Footer, n: usize) -> Result<Vec<u8>, IndexError> {
    let at = (n * PAGE) as u64;
    let len = footer.extent(Section::Keys).len.saturating_sub(at).min(PAGE as u64);
    let mut page = source.read_in(footer, Section::Keys, at, len)?;
    let damaged = || {
        let why = "its checksum is wrong";
        source.damaged_at("a page of the key table", footer.extent(Section::Keys).at.saturating_add(at), why)
    };
    let (body, crc) = page.split_last_chunk::<4>().ok_or_else(damaged)?;
    if crc32(body) != u32::from_le_bytes(*crc) {
        return Err(damaged());
    }
    page.truncate(page.len() - 4);
    Ok(page)
}

/// The whole table in order, for merging.
fn entries(page: &[u8]) -> impl Iterator<Item = (u64, u32)> {
    page.chunks(ENTRY).filter_map(|mut entry| Some((u64_of(&mut entry)?, u32_of(&mut entry)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bloom_filter_forgets_nothing_and_is_seldom_wrong() {
        let hash = |i: u64| xxhash_rust::xxh3::xxh3_64(&i.to_le_bytes());
        let bloom = Bloom::build((0..10_000).map(hash).collect::<Vec<_>>().into_iter());
        let bloom = Bloom::decode(&bloom.encode());
        assert!((0..10_000).all(|i| bloom.may_contain(hash(i))));
        let wrong = (10_000..110_000).filter(|i| bloom.may_contain(hash(*i))).count();
        assert!(wrong < 2_000, "{wrong} of 100000 unknown keys pass");
    }
}
