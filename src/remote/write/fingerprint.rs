//! Fingerprints: what a series is looked up by before its labels are parsed.
//!
//! 1.0 hashes the encoded label fields as they stand. 2.0 hashes each symbol once a request, then a series' symbol
//! hashes in a row, which is cheaper than the strings and can't be ambiguous because all have one length. The hash is
//! XXH3 under secrets made at start, so that nobody outside can aim for a collision: 111 bits of it. The lowest bit tells
//! the protocols apart, so that two fingerprints of different protocols are never equal; the highest 16 are the length of
//! what 1.0 hashed.

use std::{
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

use xxhash_rust::xxh3::xxh3_128_with_secret;

use crate::seams::append::Fingerprint;

/// XXH3 needs at least 136 bytes of secret; this is the length it was designed with.
const SECRET: usize = 192;

static KEYS: LazyLock<[[u8; SECRET]; 3]> = LazyLock::new(|| {
    // The standard library seeds this hasher from the system's randomness.
    let random = RandomState::new();
    let mut keys = [[0; SECRET]; 3];
    for (i, word) in keys.as_flattened_mut().chunks_exact_mut(8).enumerate() {
        word.copy_from_slice(&random.hash_one(i).to_le_bytes());
    }
    keys
});

/// Where the length begins in a fingerprint.
const LEN: u32 = 112;
/// The bits of a fingerprint that are the hash, and the protocol in the lowest.
const HASH: Fingerprint = (1 << LEN) - 1;

/// The process' hash keys.
#[derive(Clone, Copy)]
pub(super) struct Keys(&'static [[u8; SECRET]; 3]);

impl Keys {
    pub(super) fn get() -> Self {
        Self(&KEYS)
    }

    /// Of a 1.0 series: its encoded label fields.
    #[inline]
    pub(super) fn v1(self, label_fields: &[u8]) -> Fingerprint {
        let [secret, _, _] = self.0;
        let len = u16::try_from(label_fields.len()).unwrap_or(u16::MAX);
        xxh3_128_with_secret(label_fields, secret) & HASH & !1 | Fingerprint::from(len) << LEN
    }

    /// Where the label fields end of which `message` begins with those of the 1.0 series `likely`.
    #[inline]
    pub(super) fn v1_end(self, message: &[u8], likely: Fingerprint) -> Option<usize> {
        let len = (likely >> LEN) as usize;
        message.get(..len).is_some_and(|labels| self.v1(labels) == likely).then_some(len)
    }

    /// Of a 2.0 series: the hashes of its symbols, in order, and what else belongs to its identity.
    #[inline]
    pub(super) fn v2(self, hashes: &[u8]) -> Fingerprint {
        let [_, secret, _] = self.0;
        xxh3_128_with_secret(hashes, secret) & HASH | 1
    }

    /// Of one symbol.
    #[inline]
    pub(super) fn symbol(self, symbol: &[u8]) -> [u8; 16] {
        let [_, _, secret] = self.0;
        xxh3_128_with_secret(symbol, secret).to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocols_never_share_a_fingerprint() {
        let keys = Keys::get();
        for i in 0..1000u32 {
            let bytes = i.to_le_bytes();
            assert_eq!((keys.v1(&bytes) & 1, keys.v2(&bytes) & 1), (0, 1));
        }
    }

    #[test]
    fn equal_bytes_agree_and_one_changed_bit_does_not() {
        let keys = Keys::get();
        for len in [1usize, 8, 16, 100, 200, 300, 3000] {
            let bytes = vec![7u8; len];
            let mut changed = bytes.clone();
            changed[len / 2] ^= 1;
            assert_eq!(keys.v1(&bytes), keys.v1(&bytes.clone()));
            assert_ne!(keys.v1(&bytes), keys.v1(&changed));
            assert_ne!(keys.symbol(&bytes), keys.symbol(&changed));
        }
    }

    #[test]
    fn the_secrets_are_random_and_differ() {
        let [a, b, c] = *KEYS;
        assert!(a != b && b != c && a != c);
        assert!(a.chunks_exact(8).all(|word| word != [0; 8]));
    }
}
