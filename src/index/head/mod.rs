//! The part in memory: series that no segment holds yet.
//!
//! Laid out for many series, not for pointers: every distinct label pair is stored once ([`intern`]) and has a number;
//! a series is a row of those numbers ([`rows`]), found by its labels through a hash table of plain indexes and by its id
//! through [`places`]. With ten labels of which one or two are its own, a series takes about 250 bytes.

mod intern;
mod places;
mod rows;

use std::{collections::BTreeMap, ops::ControlFlow};

use hashbrown::HashTable;
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

use self::{
    intern::{Entry, Interner, low_bits, spread},
    places::Places,
    rows::Rows,
};
use super::{
    IndexError, pair,
    part::{Part, ValueVisitor},
    postings::Postings,
};
use crate::{model::Labels, seams::select::Projection};

/// Series in memory.
#[derive(Debug, Default)]
pub(super) struct Head {
    pairs: Interner,
    rows: Rows,
    series: Vec<Slot>,
    by_labels: HashTable<Entry>,
    by_id: Places,
    ids: RoaringBitmap,
    /// The pairs of each label name.
    names: BTreeMap<Box<str>, Vec<u32>>,
    /// Bytes of the postings, kept up as they grow.
    postings_bytes: usize,
}

/// One series, and where its row starts.
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

    /// The names of its labels.
    pub(super) fn label_names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(|name| &**name)
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
        let index = u32::try_from(self.series.len()).map_err(|_| IndexError::HeadFull)?;
        let mut row = Vec::new();
        for pair in pair::pairs(labels.as_bytes()) {
            let (number, new) = self.pairs.intern(pair.bytes)?;
            row.push(number);
            if new {
                self.note_name(pair.name, number);
            }
        }
        let start = self.rows.push(&row)?;
        for number in row {
            self.postings_bytes += self.pairs.add_posting(number, id);
        }
        self.series.push(Slot { id, start });
        self.ids.insert(id);
        let hash = low_bits(xxh3_64(labels.as_bytes()));
        self.by_labels.insert_unique(spread(hash), Entry { hash, index }, |e| spread(e.hash));
        self.by_id.insert(id, index);
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
        self.write_labels(id, &mut bytes).then(|| Labels::from_canonical(&bytes))
    }

    /// The pairs with their postings, in no promised order.
    pub(super) fn each_pair(&self) -> impl Iterator<Item = (pair::Pair<'_>, Postings<'_>)> {
        self.pairs.iter()
    }

    /// The values of label `name` with their series, in no promised order.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = (&[u8], Postings<'_>)> {
        let numbers = self.names.get(name).into_iter().flatten();
        let value = |number| pair::pairs(self.pairs.get(number)).next().map(|pair| pair.value);
        numbers.filter_map(move |number| Some((value(*number)?, self.pairs.postings(*number)?)))
    }

    /// About how many bytes of memory the head takes.
    pub(super) fn bytes(&self) -> usize {
        let tables = self.by_labels.capacity() * (size_of::<Entry>() + 2) + self.by_id.bytes();
        let names: usize = self.names.iter().map(|(name, numbers)| name.len() + 64 + numbers.capacity() * 4).sum();
        self.pairs.bytes()
            + self.postings_bytes
            + self.rows.bytes()
            + self.series.capacity() * size_of::<Slot>()
            + tables
            + names
            + self.ids.serialized_size()
    }

    fn has_labels(&self, index: u32, mut bytes: &[u8]) -> bool {
        let Some(slot) = self.series.get(index as usize) else { return false };
        let mut row = Vec::new();
        self.rows.read(slot.start, &mut row);
        for number in row {
            match bytes.strip_prefix(self.pairs.get(number)) {
                Some(rest) => bytes = rest,
                None => return false,
            }
        }
        bytes.is_empty()
    }

    /// Writes the canonical labels of `id` over `out`; says whether the series is here.
    pub(super) fn write_labels(&self, id: u32, out: &mut Vec<u8>) -> bool {
        out.clear();
        let Some(slot) = self.by_id.get(id).and_then(|index| self.series.get(index as usize)) else { return false };
        let mut row = Vec::new();
        self.rows.read(slot.start, &mut row);
        row.iter().for_each(|number| out.extend_from_slice(self.pairs.get(*number)));
        true
    }
}

/// Which pairs a projection keeps, as far as that was asked lately.
struct Judged([(u32, bool); Self::PLACES]);

impl Judged {
    const PLACES: usize = 256;

    fn new() -> Self {
        // No pair has this number: the texts of all begin below it.
        Self([(u32::MAX, false); Self::PLACES])
    }

    fn keeps(&mut self, number: u32, pairs: &Interner, projection: &Projection<'_>) -> bool {
        let judge = || pair::pairs(pairs.get(number)).next().is_some_and(|pair| projection.keeps(pair.name));
        let Some(place) = self.0.get_mut(number as usize % Self::PLACES) else { return judge() };
        if place.0 != number {
            *place = (number, judge());
        }
        place.1
    }
}

impl Part for Head {
    fn ids(&self) -> &RoaringBitmap {
        &self.ids
    }

    fn postings(&self, name: &str, value: &str) -> Result<Option<Postings<'_>>, IndexError> {
        let mut bytes = Vec::new();
        pair::canonical(name.as_bytes(), value.as_bytes(), &mut bytes);
        Ok(self.pairs.find(&bytes).and_then(|number| self.pairs.postings(number)))
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

    fn names(&self) -> Result<Vec<String>, IndexError> {
        Ok(self.label_names().map(str::to_owned).collect())
    }

    fn each_projection(
        &self,
        ids: &RoaringBitmap,
        projection: &Projection<'_>,
        visit: &mut dyn FnMut(u32, &[u8]),
    ) -> Result<(), IndexError> {
        let mut judged = Judged::new();
        let (mut row, mut kept, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
        let mut before: Vec<u32> = Vec::new();
        for id in ids {
            let Some(slot) = self.by_id.get(id).and_then(|index| self.series.get(index as usize)) else { continue };
            self.rows.read(slot.start, &mut row);
            kept.clear();
            kept.extend(row.iter().copied().filter(|number| judged.keeps(*number, &self.pairs, projection)));
            // Neighbours mostly have the same.
            if kept != before {
                bytes.clear();
                kept.iter().for_each(|number| bytes.extend_from_slice(self.pairs.get(*number)));
                std::mem::swap(&mut kept, &mut before);
            }
            visit(id, &bytes);
        }
        Ok(())
    }

    fn cost_of_pairs(&self, ids: &RoaringBitmap) -> u64 {
        // Some ten labels, each of which is compared with what was found before.
        ids.len() * 4
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
