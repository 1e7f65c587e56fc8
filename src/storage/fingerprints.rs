//! Series known by the hash of their senders' raw label bytes.
//!
//! A fixed number of entries in two generations: new ones go into the young one, and when that is full it becomes the
//! old one and the old one is forgotten. Whatever is still sent is found in the old one and moves over, so entries in
//! use stay without any bookkeeping per hit, and the memory is bounded by the option, not by how many series there are.
//!
//! Senders repeat their series in the same order, scrape after scrape. So a generation keeps its entries in order of
//! arrival, and a lookup first looks at the entry behind the one that the request found last ([`SeriesCursor`]): that is
//! right nearly always and reads memory forwards. A hash table of 100,000 entries alone costs a cache miss or two for each
//! sample, which was 30 % of all ingest work.

use hashbrown::HashTable;
use parking_lot::RwLock;
use roaring::RoaringBitmap;

use crate::seams::append::{Fingerprint, SeriesCursor, SeriesId};

/// The halves of a fingerprint, so that an entry has no padding, and what it stands for.
#[derive(Clone, Copy)]
struct Entry {
    high: u64,
    low: u64,
    id: SeriesId,
}

impl Entry {
    fn new(fingerprint: Fingerprint, id: SeriesId) -> Self {
        Self { high: (fingerprint >> 64) as u64, low: fingerprint as u64, id }
    }

    fn fingerprint(&self) -> Fingerprint {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    fn is(&self, fingerprint: Fingerprint) -> bool {
        self.fingerprint() == fingerprint
    }
}

/// Fingerprints are hashes already: the low half serves as the table's.
#[derive(Default)]
struct Generation {
    /// In order of arrival.
    entries: Vec<Entry>,
    /// Positions in `entries`.
    places: HashTable<u32>,
}

impl Generation {
    fn at(&self, place: usize, fingerprint: Fingerprint) -> Option<SeriesId> {
        self.entries.get(place).filter(|entry| entry.is(fingerprint)).map(|entry| entry.id)
    }

    fn find(&self, fingerprint: Fingerprint) -> Option<(usize, SeriesId)> {
        let is = |place: &u32| self.at(*place as usize, fingerprint).is_some();
        let place = *self.places.find(fingerprint as u64, is)? as usize;
        Some((place, self.at(place, fingerprint)?))
    }

    /// Adds an entry or replaces its series.
    fn insert(&mut self, fingerprint: Fingerprint, id: SeriesId) {
        let known = self.find(fingerprint).and_then(|(place, _)| self.entries.get_mut(place));
        if let Some(entry) = known {
            entry.id = id;
            return;
        }
        // Fewer entries than series are kept, and those have 32-bit numbers.
        let place = self.entries.len() as u32;
        let Self { entries, places } = self;
        entries.push(Entry::new(fingerprint, id));
        places.insert_unique(fingerprint as u64, place, |p| entries.get(*p as usize).map_or(0, |entry| entry.low));
    }

    /// Bytes of memory that it takes.
    fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.places.allocation_size()
    }

    /// Drops the entries of these series.
    fn forget(&mut self, ids: &RoaringBitmap) {
        let kept = std::mem::take(self);
        for entry in kept.entries.into_iter().filter(|entry| !ids.contains(entry.id.0)) {
            self.insert(entry.fingerprint(), entry.id);
        }
    }
}

#[derive(Default)]
struct Generations {
    young: Generation,
    old: Generation,
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

    /// Bytes of memory that they take.
    pub(super) fn bytes(&self) -> usize {
        let generations = self.generations.read();
        generations.young.bytes() + generations.old.bytes()
    }

    /// The series with this fingerprint; `cursor` is a place among young entries, and stands behind it then.
    pub(super) fn get(&self, fingerprint: Fingerprint, cursor: &mut SeriesCursor) -> Option<SeriesId> {
        let generations = self.generations.read();
        if let Some(id) = generations.young.at(cursor.next, fingerprint) {
            cursor.next += 1;
            return Some(id);
        }
        if let Some((place, id)) = generations.young.find(fingerprint) {
            cursor.next = place + 1;
            return Some(id);
        }
        let (_, id) = generations.old.find(fingerprint)?;
        drop(generations);
        self.insert([(fingerprint, id)]);
        Some(id)
    }

    /// Adds the young entries from `cursor` on, and moves it behind them.
    pub(super) fn followers(&self, cursor: &mut SeriesCursor, most: usize, next: &mut Vec<(Fingerprint, SeriesId)>) {
        let generations = self.generations.read();
        let behind = generations.young.entries.get(cursor.next..).unwrap_or_default().iter().take(most);
        cursor.next += behind.len();
        next.extend(behind.map(|entry| (entry.fingerprint(), entry.id)));
    }

    pub(super) fn insert(&self, entries: impl IntoIterator<Item = (Fingerprint, SeriesId)>) {
        let mut entries = entries.into_iter().peekable();
        if entries.peek().is_none() {
            return;
        }
        let mut generations = self.generations.write();
        for (fingerprint, id) in entries {
            if generations.retired.contains(id.0) {
                continue;
            }
            if generations.young.entries.len() >= self.per_generation {
                generations.old = std::mem::take(&mut generations.young);
            }
            generations.young.insert(fingerprint, id);
        }
    }

    /// Forgets these series for good.
    pub(super) fn retire(&self, ids: &RoaringBitmap) {
        let mut generations = self.generations.write();
        generations.young.forget(ids);
        generations.old.forget(ids);
        generations.retired |= ids;
        generations.retired.optimize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a request finds that has found nothing before.
    fn get(known: &Fingerprints, fingerprint: Fingerprint) -> Option<SeriesId> {
        known.get(fingerprint, &mut SeriesCursor::default())
    }

    #[test]
    fn the_followers_of_a_series_are_those_that_came_behind_it() {
        let known = Fingerprints::new(20);
        known.insert((0..9).map(|i| (u128::from(i), SeriesId(i))));
        let mut cursor = SeriesCursor::default();
        assert_eq!(known.get(2, &mut cursor), Some(SeriesId(2)));
        let mut followers = |most| {
            let mut next = Vec::new();
            known.followers(&mut cursor, most, &mut next);
            next.into_iter().map(|(_, id)| id.0).collect::<Vec<_>>()
        };
        assert_eq!((followers(3), followers(9), followers(1)), (vec![3, 4, 5], vec![6, 7, 8], vec![]));
        known.insert([(9, SeriesId(9))]);
        assert_eq!(followers(1), [9]);
    }

    #[test]
    fn as_many_series_as_there_are_places_stay_known_however_they_take_turns() {
        let known = Fingerprints::new(1_000);
        known.insert((1..=1_000).map(|i| (u128::from(i), SeriesId(i))));
        for round in 0..5 {
            for i in 1..=1_000u32 {
                assert_eq!(get(&known, u128::from(i)), Some(SeriesId(i)), "round {round}");
            }
        }
    }

    #[test]
    fn a_retired_series_is_forgotten_for_good() {
        let known = Fingerprints::new(20);
        known.insert([(7, SeriesId(7)), (8, SeriesId(8))]);
        known.retire(&[7].into());
        known.insert([(7, SeriesId(7))]);
        assert_eq!((get(&known, 7), get(&known, 8)), (None, Some(SeriesId(8))));
        known.insert([(7, SeriesId(9))]);
        assert_eq!(get(&known, 7), Some(SeriesId(9)));
    }

    #[test]
    fn entries_in_use_stay_and_the_rest_is_forgotten() {
        let known = Fingerprints::new(20);
        known.insert([(7, SeriesId(7))]);
        for i in 100..1_000u32 {
            known.insert([(u128::from(i), SeriesId(i))]);
            assert_eq!(get(&known, 7), Some(SeriesId(7)), "used all the time");
        }
        assert_eq!(get(&known, 100), None);
        let generations = known.generations.read();
        assert!(generations.young.entries.len() + generations.old.entries.len() <= 20);
    }

    #[test]
    fn any_order_of_lookups_finds_what_was_inserted_last() {
        let known = Fingerprints::new(1_000);
        // Equal in the half that is the hash, so that only comparing tells them apart.
        let fingerprint = |i: u32| (u128::from(i) << 64) | 5;
        known.insert((0..100).map(|i| (fingerprint(i), SeriesId(i))));
        known.insert([(fingerprint(40), SeriesId(4_000))]);
        let expected = |i| SeriesId(if i == 40 { 4_000 } else { i });
        for i in (0..100).chain((0..100).rev()).chain((0..100).map(|i| i * 37 % 100)) {
            assert_eq!(get(&known, fingerprint(i)), Some(expected(i)));
        }
        assert_eq!((get(&known, fingerprint(100)), get(&known, 6)), (None, None));
    }
}
