//! Tables whose keys are hashes already.

use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::xxh3_64;

/// Takes keys that are hashes already.
pub(super) type PrehashedState = BuildHasherDefault<Prehashed>;

/// The low half of a hash of 128 bits, in which the bits that a table looks at are as good as any.
#[derive(Debug, Default)]
pub(super) struct Prehashed(u64);

impl Hasher for Prehashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64(bytes);
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}
