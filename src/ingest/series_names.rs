//! Fingerprints of the texts that name series, so that labels which were sent before aren't parsed again.
//!
//! Most senders spell a series the same each time, so its text is looked up as it stands: first among those of the same part, then
//! in the store, which remembers the series of other bodies too.

use std::{
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

use xxhash_rust::xxh3::xxh3_128_with_secret;

use crate::seams::append::Fingerprint;

/// XXH3 needs at least 136 bytes of secret; this is the length it was designed with.
const SECRET: usize = 192;
/// The highest 16 bits of a fingerprint differ from those of other protocols, and its lowest one is set.
const MARK: Fingerprint = 0xfffd << 112 | 1;
const HASH: Fingerprint = (1 << 112) - 1;

/// Random for each process, so that nobody outside can tell which texts have the same hash.
static RANDOM: LazyLock<RandomState> = LazyLock::new(RandomState::new);
static KEY: LazyLock<[u8; SECRET]> = LazyLock::new(|| {
    let mut key = [0; SECRET];
    for (i, word) in key.chunks_exact_mut(8).enumerate() {
        word.copy_from_slice(&RANDOM.hash_one(("key", i)).to_le_bytes());
    }
    key
});

/// How a text spells a series. Texts that differ in this are never the same series' name by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// As in the text format.
    Exposition,
    /// As an object of JSON.
    Json,
    /// As names and values with their lengths.
    Lengths,
}

/// Hashes of the texts of one body, under the labels that all its series get.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeriesNames {
    salts: [u128; 3],
}

impl SeriesNames {
    pub(super) fn new(extra_labels: &[(String, String)]) -> Self {
        let half = |spelling: Spelling, half: u8| u128::from(RANDOM.hash_one((half, spelling as u8, extra_labels)));
        let salt = |spelling| half(spelling, 0) << 64 | half(spelling, 1);
        Self { salts: [Spelling::Exposition, Spelling::Json, Spelling::Lengths].map(salt) }
    }

    #[inline]
    pub(super) fn fingerprint(&self, spelling: Spelling, text: &str) -> Fingerprint {
        let salt = self.salts.get(spelling as usize).copied().unwrap_or_default();
        (xxh3_128_with_secret(text.as_bytes(), &*KEY) ^ salt) & HASH | MARK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_name_for_each_spelling_and_set_of_extra_labels() {
        let label = |value: &str| vec![("a".to_owned(), value.to_owned())];
        let bodies = [vec![], label("b"), label("c")].map(|extra| SeriesNames::new(&extra));
        let spellings = [Spelling::Exposition, Spelling::Json, Spelling::Lengths];
        let mut all: Vec<Fingerprint> = bodies
            .iter()
            .flat_map(|body| spellings.map(|spelling| ["up", "up "].map(|text| body.fingerprint(spelling, text))))
            .flatten()
            .collect();
        assert_eq!(
            SeriesNames::new(&label("b")).fingerprint(Spelling::Json, "up"),
            bodies[1].fingerprint(Spelling::Json, "up")
        );
        assert!(all.iter().all(|name| name >> 112 == 0xfffd && name & 1 == 1));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 18);
    }
}
