//! The part in memory: series that no segment holds yet.
//!
//! Laid out for many series, not for pointers: every distinct label pair is stored once ([`intern`]) and has a number;
//! a series is a run of those numbers in one long array; both are found through hash tables of plain indexes. With ten
//! labels of which one or two are its own, a series takes about 250 bytes.

mod intern;

use std::{collections::BTreeMap, ops::ControlFlow};

use hashbrown::HashTable;
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

use self::intern::{Entry, Interner, spread};
use super::{
    IndexError, pair,
    part::{Part, ValueVisitor},
    postings::Postings,
};
use crate::model::Labels;

/// Series in memory.
#[derive(Debug, Default)]
pub(super) struct Head {
    pairs: Interner,
    /// Numbers of the pairs of all series, one series after the other.
    refs: Vec<u32>,
    series: Vec<Slot>,
    by_labels: HashTable<Entry>,
    by_id: HashTable<Entry>,
    ids: RoaringBitmap,
    /// The pairs of each label name.
    names: BTreeMap<Box<str>, Vec<u32>>,
    /// Bytes of the postings, kept up as they grow.
    postings_bytes: usize,
}

/// One series: its pairs are `refs` from `start` to the start of the next.
#[derive(Debug, Clone, Copy)]
struct Slot {
    id: u32,
    start: u32,
}

impl Head {
    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// How many distinct label pairs there are.
    pub(super) fn pair_count(&self) -> usize {
        self.pairs.len()
    }

    /// The id of the series with these labels.
    pub(super) fn find_id(&self, labels: &Labels) -> Option<u32> {
        let hash = low_bits(xxh3_64(labels.as_bytes()));
        let same = |entry: &Entry| entry.hash == hash && self.has_labels(entry.index, labels.as_bytes());
        let entry = self.by_labels.find(spread(hash), same)?;
        self.series.get(entry.index as usize).map(|slot| slot.id)
    }

    /// Adds a series. The caller has made sure that neither id nor labels are here.
    ///
    /// # Errors
    /// When the head has grown beyond what its 32-bit offsets can name; the series is not added.
    pub(super) fn insert(&mut self, id: u32, labels: &Labels) -> Result<(), IndexError> {
        let start = u32::try_from(self.refs.len()).map_err(|_| IndexError::HeadFull)?;
        let index = u32::try_from(self.series.len()).map_err(|_| IndexError::HeadFull)?;
        for pair in pair::pairs(labels.as_bytes()) {
            match self.pairs.intern(pair.bytes) {
                Ok((number, new)) => {
                    self.refs.push(number);
                    if new {
                        self.note_name(pair.name, number);
                    }
                }
                Err(error) => {
                    self.refs.truncate(start as usize);
                    return Err(error);
                }
            }
        }
        for &number in self.refs.get(start as usize..).unwrap_or_default() {
            self.postings_bytes += self.pairs.add_posting(number, id);
        }
        self.series.push(Slot { id, start });
        self.ids.insert(id);
        let hash = low_bits(xxh3_64(labels.as_bytes()));
        self.by_labels.insert_unique(spread(hash), Entry { hash, index }, |e| spread(e.hash));
        self.by_id.insert_unique(spread(id), Entry { hash: id, index }, |e| spread(e.hash));
        Ok(())
    }

    fn note_name(&mut self, name: &[u8], number: u32) {
        let name = std::str::from_utf8(name).unwrap_or_default();
        match self.names.get_mut(name) {
            Some(numbers) => numbers.push(number),
            None => drop(self.names.insert(name.into(), vec![number])),
        }
    }

    /// The labels of series `id`.
    pub(super) fn labels(&self, id: u32) -> Option<Labels> {
        let mut bytes = Vec::new();
        self.write_labels(id, &mut bytes).then(|| Labels::from_bytes(&bytes).ok()).flatten()
    }

    /// The pairs with their postings, in no promised order.
    pub(super) fn each_pair(&self) -> impl Iterator<Item = (pair::Pair<'_>, Postings<'_>)> {
        self.pairs.iter()
    }

    /// About how many bytes of memory the head takes.
    pub(super) fn bytes(&self) -> usize {
        let tables = (self.by_labels.capacity() + self.by_id.capacity()) * (size_of::<Entry>() + 2);
        let names: usize = self.names.iter().map(|(name, numbers)| name.len() + 64 + numbers.capacity() * 4).sum();
        self.pairs.bytes()
            + self.postings_bytes
            + self.refs.capacity() * 4
            + self.series.capacity() * size_of::<Slot>()
            + tables
            + names
            + self.ids.serialized_size()
    }

    fn refs_of(&self, index: u32) -> &[u32] {
        let index = index as usize;
        let Some(slot) = self.series.get(index) else { return &[] };
        let end = self.series.get(index + 1).map_or(self.refs.len(), |next| next.start as usize);
        self.refs.get(slot.start as usize..end).unwrap_or_default()
    }

    fn has_labels(&self, index: u32, mut bytes: &[u8]) -> bool {
        for &number in self.refs_of(index) {
            match bytes.strip_prefix(self.pairs.get(number)) {
                Some(rest) => bytes = rest,
                None => return false,
            }
        }
        bytes.is_empty()
    }

    /// Writes the canonical labels of `id` over `out`; says whether the series is here.
    fn write_labels(&self, id: u32, out: &mut Vec<u8>) -> bool {
        out.clear();
        let Some(entry) = self.by_id.find(spread(id), |entry| entry.hash == id) else { return false };
        self.refs_of(entry.index).iter().for_each(|number| out.extend_from_slice(self.pairs.get(*number)));
        true
    }
}

impl Part for Head {
    fn ids(&self) -> &RoaringBitmap {
        &self.ids
    }

    fn postings(&self, name: &str, value: &str) -> Option<Postings<'_>> {
        let mut bytes = Vec::new();
        pair::canonical(name.as_bytes(), value.as_bytes(), &mut bytes);
        self.pairs.find(&bytes).and_then(|number| self.pairs.postings(number))
    }

    fn scan(&self, name: &str, prefix: &str, visit: &mut ValueVisitor<'_>) -> Result<(), IndexError> {
        for &number in self.names.get(name).into_iter().flatten() {
            let value = pair::value_of(self.pairs.get(number), name);
            if let Some(postings) = self.pairs.postings(number)
                && value.starts_with(prefix)
                && let ControlFlow::Break(()) = visit(value, postings)?
            {
                break;
            }
        }
        Ok(())
    }

    fn names(&self) -> Vec<String> {
        self.names.keys().map(|name| name.to_string()).collect()
    }

    fn each_labels(&self, ids: &RoaringBitmap, visit: &mut dyn FnMut(u32, &[u8])) -> Result<(), IndexError> {
        let mut bytes = Vec::new();
        for id in ids {
            if self.write_labels(id, &mut bytes) {
                visit(id, &bytes);
            }
        }
        Ok(())
    }
}

fn low_bits(hash: u64) -> u32 {
    hash as u32
}
