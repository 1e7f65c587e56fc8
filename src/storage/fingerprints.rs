//! Series known by the hash of their senders' raw label bytes.
//!
//! A fixed number of entries, each in a place of its own. When all places are taken a hand goes round them: an entry that was
//! used since the hand last passed it stays, the first that wasn't gives its place to the new one. So whatever is sent again
//! and again stays known as long as there are no more such series than places, the memory is bounded by the option and not by
//! how many series there are, and a use costs one bit.
//!
//! Senders repeat their series in the same order, scrape after scrape. So places are given out in order of arrival, and a
//! lookup first looks at the entry behind the one that the request found last ([`SeriesCursor`]): that is right nearly always
//! and reads memory forwards. A hash table of 100,000 entries alone costs a cache miss or two for each sample, which was 30 %
//! of all ingest work.
//!
//! There may be millions of entries: they lie in pages and their places in many small tables, so that nothing large is ever
//! copied while writers wait.

use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashTable;
use parking_lot::RwLock;
use roaring::RoaringBitmap;

use crate::seams::append::{Fingerprint, SeriesCursor, SeriesId};

/// Entries in a page.
const PAGE: usize = 4_096;
/// Tables of places.
const TABLES: usize = 64;

/// The quarters of a fingerprint, the lowest first, so that an entry has no padding, and what it stands for.
#[derive(Clone, Copy)]
struct Entry {
    quarters: [u32; 4],
    id: SeriesId,
}

impl Entry {
    /// What is left where a series was retired: a fingerprint is never 0.
    const FREE: Self = Self { quarters: [0; 4], id: SeriesId(0) };

    fn new(fingerprint: Fingerprint, id: SeriesId) -> Self {
        Self { quarters: [0, 32, 64, 96].map(|bits| (fingerprint >> bits) as u32), id }
    }

    fn fingerprint(&self) -> Fingerprint {
        self.quarters.iter().rev().fold(0, |high, quarter| high << 32 | Fingerprint::from(*quarter))
    }

    fn is(&self, fingerprint: Fingerprint) -> bool {
        self.fingerprint() == fingerprint
    }
}

/// Neighbouring entries, and which of them were used since the hand passed.
struct Page {
    entries: Vec<Entry>,
    used: [AtomicU64; PAGE / 64],
}

impl Page {
    fn new() -> Self {
        Self { entries: Vec::new(), used: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    fn note_use(&self, n: usize) {
        let bit = 1 << (n % 64);
        // Most have been used before, and then nobody else has to fetch the word anew.
        if let Some(word) = self.used.get(n / 64).filter(|word| word.load(Ordering::Relaxed) & bit == 0) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Whether the word that entry `n` begins says that all its entries were used; from now on they weren't.
    fn take_uses(&self, n: usize) -> bool {
        let word = self.used.get(n / 64).filter(|_| n.is_multiple_of(64));
        let used = word.filter(|word| word.load(Ordering::Relaxed) == u64::MAX);
        used.inspect(|word| word.store(0, Ordering::Relaxed)).is_some()
    }

    /// Whether entry `n` was used; from now on it wasn't.
    fn take_use(&self, n: usize) -> bool {
        let bit = 1 << (n % 64);
        self.used.get(n / 64).is_some_and(|word| word.fetch_and(!bit, Ordering::Relaxed) & bit != 0)
    }
}

#[derive(Default)]
struct Known {
    /// All are full but the last one.
    pages: Vec<Page>,
    /// Places of entries, by the hash that the low half of their fingerprint is.
    places: Vec<HashTable<u32>>,
    /// The place that the hand looks at next.
    hand: usize,
    /// Places of retired series, the first one last.
    free: Vec<u32>,
    /// Series that have left the index; their ids are never taken in again.
    retired: RoaringBitmap,
}

/// The number of the table that has a fingerprint. The tables themselves look at other bits.
fn table_of(fingerprint: Fingerprint) -> usize {
    (fingerprint as u64 >> 40) as usize % TABLES
}

impl Known {
    fn len(&self) -> usize {
        self.pages.last().map_or(0, |last| (self.pages.len() - 1) * PAGE + last.entries.len())
    }

    fn entry(&self, place: usize) -> Option<&Entry> {
        self.pages.get(place / PAGE)?.entries.get(place % PAGE)
    }

    fn note_use(&self, place: usize) {
        if let Some(page) = self.pages.get(place / PAGE) {
            page.note_use(place % PAGE);
        }
    }

    fn find(&self, fingerprint: Fingerprint) -> Option<(usize, SeriesId)> {
        let is = |place: &u32| self.entry(*place as usize).is_some_and(|entry| entry.is(fingerprint));
        let place = *self.places.get(table_of(fingerprint))?.find(fingerprint as u64, is)? as usize;
        Some((place, self.entry(place)?.id))
    }

    /// Adds an entry or replaces its series.
    fn insert(&mut self, fingerprint: Fingerprint, id: SeriesId, capacity: usize) {
        if self.retired.contains(id.0) {
            return;
        }
        let entry = Entry::new(fingerprint, id);
        if let Some((place, _)) = self.find(fingerprint) {
            self.put(place, entry);
            return;
        }
        let place = self.room(capacity);
        self.put(place, entry);
        let Self { pages, places, .. } = self;
        if places.is_empty() {
            places.resize_with(TABLES, HashTable::new);
        }
        let hash = |place: &u32| {
            let entry = pages.get(*place as usize / PAGE).and_then(|page| page.entries.get(*place as usize % PAGE));
            entry.map_or(0, |entry| entry.fingerprint() as u64)
        };
        let Some(table) = places.get_mut(table_of(fingerprint)) else { return };
        if table.len() == table.capacity() {
            // It would double, even where all that is in its way is what was removed.
            let mut roomy = HashTable::with_capacity(table.len() + table.len() / 8 + 1);
            for place in table.drain() {
                roomy.insert_unique(hash(&place), place, hash);
            }
            *table = roomy;
        }
        // Fewer entries than series are kept, and those have 32-bit numbers.
        table.insert_unique(fingerprint as u64, place as u32, hash);
    }

    fn put(&mut self, place: usize, entry: Entry) {
        if let Some(old) = self.pages.get_mut(place / PAGE).and_then(|page| page.entries.get_mut(place % PAGE)) {
            *old = entry;
        }
    }

    /// A place that is free, made so if need be.
    fn room(&mut self, capacity: usize) -> usize {
        if let Some(place) = self.free.pop() {
            return place as usize;
        }
        let len = self.len();
        if len < capacity {
            if len.is_multiple_of(PAGE) {
                self.pages.push(Page::new());
            }
            if let Some(last) = self.pages.last_mut() {
                if last.entries.len() == last.entries.capacity() {
                    last.entries.reserve_exact(last.entries.len().max(64).min(PAGE - last.entries.len()));
                }
                last.entries.push(Entry::FREE);
            }
            return len;
        }
        loop {
            let place = if self.hand < len { self.hand } else { 0 };
            let page = self.pages.get(place / PAGE);
            if page.is_some_and(|page| page.take_uses(place % PAGE)) {
                self.hand = place + 64;
                continue;
            }
            self.hand = place + 1;
            if !page.is_some_and(|page| page.take_use(place % PAGE)) {
                self.forget(place);
                return place;
            }
        }
    }

    /// Frees a place.
    fn forget(&mut self, place: usize) {
        let Some(fingerprint) = self.entry(place).map(Entry::fingerprint) else { return };
        if let Some(table) = self.places.get_mut(table_of(fingerprint))
            && let Ok(found) = table.find_entry(fingerprint as u64, |other| *other as usize == place)
        {
            found.remove();
        }
        self.put(place, Entry::FREE);
    }

    /// Bytes of memory that it takes.
    fn bytes(&self) -> usize {
        let pages: usize = self.pages.iter().map(|page| page.entries.capacity() * size_of::<Entry>()).sum();
        let tables: usize = self.places.iter().map(HashTable::allocation_size).sum();
        pages + self.pages.capacity() * size_of::<Page>() + tables + self.free.capacity() * size_of::<u32>()
    }
}

/// Fingerprint → series, at most so many entries.
pub(super) struct Fingerprints {
    known: RwLock<Known>,
    capacity: usize,
}

impl Fingerprints {
    pub(super) fn new(capacity: usize) -> Self {
        Self { known: RwLock::default(), capacity: capacity.max(1) }
    }

    /// Bytes of memory that they take.
    pub(super) fn bytes(&self) -> usize {
        self.known.read().bytes()
    }

    /// The series with this fingerprint; `cursor` is a place, and stands behind the series' place then.
    pub(super) fn get(&self, fingerprint: Fingerprint, cursor: &mut SeriesCursor) -> Option<SeriesId> {
        let known = self.known.read();
        let next = known.entry(cursor.next).filter(|entry| entry.is(fingerprint));
        let (place, id) = match next {
            Some(entry) => (cursor.next, entry.id),
            None => known.find(fingerprint)?,
        };
        known.note_use(place);
        cursor.next = place + 1;
        Some(id)
    }

    /// Adds the entries from `cursor` on, and moves it behind them.
    pub(super) fn followers(&self, cursor: &mut SeriesCursor, most: usize, next: &mut Vec<(Fingerprint, SeriesId)>) {
        let known = self.known.read();
        let end = (cursor.next + most).min(known.len());
        for place in cursor.next..end {
            let Some(entry) = known.entry(place) else { break };
            // Whoever fetches it finds it right nearly always, and doesn't come back to tell.
            known.note_use(place);
            next.push((entry.fingerprint(), entry.id));
        }
        cursor.next = end.max(cursor.next);
    }

    pub(super) fn insert(&self, entries: impl IntoIterator<Item = (Fingerprint, SeriesId)>) {
        let mut entries = entries.into_iter().peekable();
        if entries.peek().is_none() {
            return;
        }
        let mut known = self.known.write();
        entries.for_each(|(fingerprint, id)| known.insert(fingerprint, id, self.capacity));
    }

    /// Forgets these series for good.
    pub(super) fn retire(&self, ids: &RoaringBitmap) {
        let mut known = self.known.write();
        let is_free = |entry: &Entry| entry.is(0);
        let leaves = |place: &usize| known.entry(*place).is_some_and(|e| !is_free(e) && ids.contains(e.id.0));
        let leaving: Vec<usize> = (0..known.len()).rev().filter(leaves).collect();
        for place in leaving {
            known.forget(place);
            known.free.push(place as u32);
        }
        known.retired |= ids;
        known.retired.optimize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::options::KNOWN_SERIES_BYTES;

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
    fn a_place_takes_no_more_than_it_is_planned_with() {
        for count in [3_000u32, 100_000, 230_000, 300_000] {
            let known = Fingerprints::new(count as usize);
            let spread = |i: u32| u128::from(i).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) | 1;
            known.insert((0..2 * count).map(|i| (spread(i), SeriesId(i))));
            let (bytes, room) = (known.bytes(), count as usize * KNOWN_SERIES_BYTES);
            assert!(bytes <= room + (64 << 10), "{count}: {bytes} of {room}");
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
        assert_eq!(known.known.read().len(), 20);
        assert_eq!((100..1_000u32).filter(|i| get(&known, u128::from(*i)).is_some()).count(), 19);
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
