//! Label pairs, each stored once and known by a number, with the series that have them.

use hashbrown::HashTable;
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

use super::super::{IndexError, pair::Pair, pair::pairs, postings::Postings};

/// From this many series on a pair's ids are a bitmap.
const MANY: usize = 32;

/// A place in a hash table: the index it stands for, and what it is hashed by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) hash: u32,
    pub(super) index: u32,
}

/// Spreads 32 bits over the 64 that the table looks at (it takes its tag from the top).
pub(super) fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[derive(Debug)]
enum Ids {
    One(u32),
    Few(Vec<u32>),
    Many(Box<RoaringBitmap>),
}

/// The distinct pairs.
#[derive(Debug, Default)]
pub(super) struct Interner {
    /// Canonical bytes of all pairs.
    text: Vec<u8>,
    /// Where each pair starts in `text`.
    starts: Vec<u32>,
    ids: Vec<Option<Ids>>,
    by_bytes: HashTable<Entry>,
}

impl Interner {
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The canonical bytes of a pair.
    pub(super) fn get(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let Some(start) = self.starts.get(number) else { return &[] };
        let end = self.starts.get(number + 1).map_or(self.text.len(), |next| *next as usize);
        self.text.get(*start as usize..end).unwrap_or_default()
    }

    /// The number of a pair that is here.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<u32> {
        let hash = low_bits(xxh3_64(bytes));
        let same = |entry: &Entry| entry.hash == hash && self.get(entry.index) == bytes;
        self.by_bytes.find(spread(hash), same).map(|entry| entry.index)
    }

    /// The number of a pair, and whether it is new.
    pub(super) fn intern(&mut self, bytes: &[u8]) -> Result<(u32, bool), IndexError> {
        if let Some(number) = self.find(bytes) {
            return Ok((number, false));
        }
        let start = u32::try_from(self.text.len()).map_err(|_| IndexError::HeadFull)?;
        let index = u32::try_from(self.starts.len()).map_err(|_| IndexError::HeadFull)?;
        self.text.extend_from_slice(bytes);
        self.starts.push(start);
        self.ids.push(None);
        let hash = low_bits(xxh3_64(bytes));
        self.by_bytes.insert_unique(spread(hash), Entry { hash, index }, |e| spread(e.hash));
        Ok((index, true))
    }

    /// Adds a series to a pair; answers about how many bytes that took.
    pub(super) fn add_posting(&mut self, number: u32, id: u32) -> usize {
        let Some(slot) = self.ids.get_mut(number as usize) else { return 0 };
        match slot {
            None => *slot = Some(Ids::One(id)),
            Some(Ids::One(first)) => {
                let mut few = vec![*first, id];
                few.sort_unstable();
                *slot = Some(Ids::Few(few));
                return 16;
            }
            Some(Ids::Few(few)) if few.len() + 1 < MANY => {
                let at = few.partition_point(|other| *other < id);
                few.insert(at, id);
                return 6;
            }
            Some(Ids::Few(few)) => {
                let mut many: RoaringBitmap = few.iter().copied().collect();
                many.insert(id);
                *slot = Some(Ids::Many(Box::new(many)));
                return 8;
            }
            Some(Ids::Many(many)) => {
                many.insert(id);
                return 3;
            }
        }
        0
    }

    /// The series of a pair.
    pub(super) fn postings(&self, number: u32) -> Option<Postings<'_>> {
        Some(match self.ids.get(number as usize)?.as_ref()? {
            Ids::One(id) => Postings::One(*id),
            Ids::Few(few) => Postings::Few(few),
            Ids::Many(many) => Postings::Many(many),
        })
    }

    /// All pairs with their series.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Pair<'_>, Postings<'_>)> {
        (0..self.starts.len() as u32).filter_map(|n| Some((pairs(self.get(n)).next()?, self.postings(n)?)))
    }

    /// About how many bytes of memory the pairs take, without their postings' own.
    pub(super) fn bytes(&self) -> usize {
        self.text.capacity()
            + self.starts.capacity() * 4
            + self.ids.capacity() * size_of::<Option<Ids>>()
            + self.by_bytes.capacity() * (size_of::<Entry>() + 2)
    }
}

/// The bits of a text's hash that are kept beside its number.
pub(super) fn low_bits(hash: u64) -> u32 {
    hash as u32
}
