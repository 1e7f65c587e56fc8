//! Series by id, compactly.
//!
//! The series of a metric have neighbouring ids. 64 of them form a group: a bitmap says which are here, and they lie in the
//! order of their ids. So a series costs hardly more than its struct, and the next one of a scrape is often found in the
//! cache line that found the one before.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::{HashMap, hash_map::Entry};

use super::series::Series;

/// Ids in a group: `2^GROUP`, the bits of a word.
pub(super) const GROUP: u32 = u64::BITS.ilog2();

/// Spreads group numbers, which are dense, by one multiplication (Fibonacci hashing).
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

/// Series whose ids share all but their last [`GROUP`] bits.
#[derive(Debug)]
pub(super) struct Group {
    present: u64,
    /// Each of the series has a sample at this time or before.
    begun: i64,
    /// In the order of their ids.
    series: Vec<Series>,
}

impl Default for Group {
    fn default() -> Self {
        Self { present: 0, begun: i64::MIN, series: Vec::new() }
    }
}

impl Group {
    /// Whether each of the series is known to have a sample at `time` or before.
    pub(super) fn has_begun_by(&self, time: i64) -> bool {
        self.begun <= time
    }

    /// Whether series `id` is here, and its place or the one it would get.
    fn place(&self, id: u32) -> (bool, usize) {
        let bit = bit(id);
        (self.present & bit != 0, (self.present & (bit - 1)).count_ones() as usize)
    }

    pub(super) fn get(&self, id: u32) -> Option<&Series> {
        let (here, place) = self.place(id);
        self.series.get(place).filter(|_| here)
    }

    /// The series, a new one if need be, and whether it is new: then it is about to get its first sample, at `time`.
    pub(super) fn get_or_insert(&mut self, id: u32, time: i64) -> (Option<&mut Series>, bool) {
        let (here, place) = self.place(id);
        if !here {
            self.begun = self.begun.max(time);
            self.present |= bit(id);
            if self.series.len() == self.series.capacity() {
                // Doubling would waste up to half of the memory, and there are never more than ids.
                let more = (self.series.len() / 4).max(1);
                self.series.reserve_exact(more.min(u64::BITS as usize - self.series.len()));
            }
            self.series.insert(place, Series::default());
        }
        (self.series.get_mut(place), !here)
    }

    fn memory(&self) -> usize {
        self.series.capacity() * size_of::<Series>()
    }

    /// The low bits of the ids, ascending.
    fn ids(&self) -> impl Iterator<Item = u32> {
        (0..u64::BITS).filter(|low| self.present >> low & 1 == 1)
    }
}

/// The bit of a series in its group's bitmap.
fn bit(id: u32) -> u64 {
    1 << (id % u64::BITS)
}

/// The series of a shard.
#[derive(Debug, Default)]
pub(super) struct SeriesMap {
    groups: HashMap<u32, Group, BuildHasherDefault<IdHasher>>,
    /// Memory of all groups' series.
    series: usize,
}

impl SeriesMap {
    pub(super) fn get(&self, id: u32) -> Option<&Series> {
        self.group(id)?.get(id)
    }

    /// The group that `id` belongs to.
    pub(super) fn group(&self, id: u32) -> Option<&Group> {
        self.groups.get(&(id >> GROUP))
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.get(id).is_some()
    }

    /// Calls `change` with the group that `id` belongs to.
    pub(super) fn with_group(&mut self, id: u32, change: impl FnOnce(&mut Group)) {
        let group = match self.groups.entry(id >> GROUP) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Group::default()),
        };
        let before = group.memory();
        change(group);
        self.series += group.memory() - before;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Series)> {
        self.groups
            .iter()
            .flat_map(|(number, group)| group.ids().map(move |low| number << GROUP | low).zip(&group.series))
    }

    /// Bytes of memory, without what the series have on the heap.
    pub(super) fn memory(&self) -> usize {
        self.groups.allocation_size() + self.series
    }
}
