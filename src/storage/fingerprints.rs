//! Series known by the hash of their senders' raw label bytes.
//!
//! A fixed number of entries in two generations: new ones go into the young map, and when that is full it becomes the
//! old one and the old one is forgotten. Whatever is still sent is found in the old map and moves over, so entries in
//! use stay without any bookkeeping per hit, and the memory is bounded by the option, not by how many series there are.

use std::collections::HashMap;

use parking_lot::RwLock;
use roaring::RoaringBitmap;

use crate::seams::append::{Fingerprint, SeriesId};

/// Fingerprints are hashes already: their low bits serve as the map's.
#[derive(Default, Clone)]
struct Passthrough(u64);

impl std::hash::Hasher for Passthrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, fingerprint: u128) {
        self.0 = fingerprint as u64;
    }
}

type Map = HashMap<Fingerprint, SeriesId, std::hash::BuildHasherDefault<Passthrough>>;

#[derive(Default)]
struct Generations {
    young: Map,
    old: Map,
    /// Series that have left the index; their ids are never taken in again.
    retired: RoaringBitmap,
}

/// Fingerprint → series, at most twice `capacity / 2` entries.
pub(super) struct Fingerprints {
    generations: RwLock<Generations>,
    per_generation: usize,
}

impl Fingerprints {
    pub(super) fn new(capacity: usize) -> Self {
        Self { generations: RwLock::default(), per_generation: (capacity / 2).max(1) }
    }

    pub(super) fn get(&self, fingerprint: Fingerprint) -> Option<SeriesId> {
        let generations = self.generations.read();
        if let Some(id) = generations.young.get(&fingerprint) {
            return Some(*id);
        }
        let id = *generations.old.get(&fingerprint)?;
        drop(generations);
        self.insert([(fingerprint, id)]);
        Some(id)
    }

    pub(super) fn insert(&self, entries: impl IntoIterator<Item = (Fingerprint, SeriesId)>) {
        let mut generations = self.generations.write();
        for (fingerprint, id) in entries {
            if generations.retired.contains(id.0) {
                continue;
            }
            if generations.young.len() >= self.per_generation {
                generations.old = std::mem::take(&mut generations.young);
            }
            generations.young.insert(fingerprint, id);
        }
    }

    /// Forgets these series for good.
    pub(super) fn retire(&self, ids: &RoaringBitmap) {
        let mut generations = self.generations.write();
        generations.young.retain(|_, id| !ids.contains(id.0));
        generations.old.retain(|_, id| !ids.contains(id.0));
        generations.retired |= ids;
        generations.retired.optimize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retired_series_is_forgotten_for_good() {
        let known = Fingerprints::new(20);
        known.insert([(7, SeriesId(7)), (8, SeriesId(8))]);
        known.retire(&[7].into());
        known.insert([(7, SeriesId(7))]);
        assert_eq!((known.get(7), known.get(8)), (None, Some(SeriesId(8))));
        known.insert([(7, SeriesId(9))]);
        assert_eq!(known.get(7), Some(SeriesId(9)));
    }

    #[test]
    fn entries_in_use_stay_and_the_rest_is_forgotten() {
        let known = Fingerprints::new(20);
        known.insert([(7, SeriesId(7))]);
        for i in 100..1_000u32 {
            known.insert([(u128::from(i), SeriesId(i))]);
            assert_eq!(known.get(7), Some(SeriesId(7)), "used all the time");
        }
        assert_eq!(known.get(100), None);
        let generations = known.generations.read();
        assert!(generations.young.len() + generations.old.len() <= 20);
    }
}
