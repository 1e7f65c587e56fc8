//! Series by id, compactly.
//!
//! A map of large values wastes up to half of itself after it has doubled. So the map holds only slot numbers, and the
//! series live in pages that never move.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;

use super::series::Series;

/// Series in a page: 4 KiB.
const PAGE: usize = 64;

/// Spreads ids, which we give out ourselves and which are dense, by one multiplication (Fibonacci hashing).
#[derive(Debug, Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, id: u32) {
        // The table takes its position from the low bits and a tag from the high ones: make both good.
        let spread = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ (spread >> 32);
    }
}

/// The series of a shard.
#[derive(Debug, Default)]
pub(super) struct SeriesMap {
    slots: HashMap<u32, u32, BuildHasherDefault<IdHasher>>,
    pages: Vec<Vec<Series>>,
}

impl SeriesMap {
    fn at(&self, slot: u32) -> Option<&Series> {
        self.pages.get(slot as usize / PAGE)?.get(slot as usize % PAGE)
    }

    pub(super) fn get(&self, id: u32) -> Option<&Series> {
        self.at(*self.slots.get(&id)?)
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.slots.contains_key(&id)
    }

    /// Calls `change` with the series, a new one if need be, and answers whether it was new.
    pub(super) fn with(&mut self, id: u32, change: impl FnOnce(&mut Series)) -> bool {
        // A shard has no more slots than there are ids, which are u32 themselves.
        let next = self.slots.len() as u32;
        let slot = *self.slots.entry(id).or_insert(next);
        if slot == next && slot as usize / PAGE >= self.pages.len() {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        let Some(page) = self.pages.get_mut(slot as usize / PAGE) else { return false };
        let new = slot as usize % PAGE == page.len();
        if new {
            page.push(Series::default());
        }
        if let Some(series) = page.get_mut(slot as usize % PAGE) {
            change(series);
        }
        new
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Series)> {
        self.slots.iter().filter_map(|(id, slot)| Some((*id, self.at(*slot)?)))
    }

    /// Bytes of memory, without what the series have on the heap.
    pub(super) fn memory(&self) -> usize {
        self.slots.allocation_size() + self.pages.len() * (PAGE * size_of::<Series>() + size_of::<Vec<Series>>())
    }
}
