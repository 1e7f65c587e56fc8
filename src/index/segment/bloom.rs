//! The Bloom filter over the keys of a segment, which keeps lookups of series that are elsewhere off the disk.

use super::format::u64_of;

const BITS_PER_KEY: u64 = 10;
const PROBES: u64 = 7;
/// Probes that are made whatever the others say; an unknown key passes one in eight times.
const TOGETHER: usize = 3;

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
        let is_set = |(word, mask): (usize, u64)| self.words.get(word).is_some_and(|w| w & mask != 0);
        let mut probes = self.probes(hash);
        // Most are asked in vain, and each looks at a place of its own in memory: the first few are fetched together.
        let first = probes.by_ref().take(TOGETHER).fold(true, |all, probe| all & is_set(probe));
        first && probes.all(is_set)
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
