//! Pieces of a segment that can't be read, and what a reader misses with them.
//!
//! A damaged page of the series table costs the labels of its series: they are left out of answers. A damaged postings
//! list costs time only: the labels of all series are read in its place.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use roaring::RoaringBitmap;

use super::{IndexError, Segment};

/// A damaged piece of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentDamage {
    /// Offset in the file.
    pub at: u64,
    /// The series whose labels are lost with it.
    pub lost: RoaringBitmap,
    /// What is wrong.
    pub why: String,
}

/// What has been met of a segment's damage.
#[derive(Debug, Default)]
pub(super) struct KnownDamage(Mutex<Met>);

#[derive(Debug, Default)]
struct Met {
    by_place: BTreeMap<u64, SegmentDamage>,
    /// Pages whose checksum has been looked at since the segment was opened.
    checked: RoaringBitmap,
    lost: RoaringBitmap,
}

impl Segment {
    /// The damage met so far.
    #[must_use]
    pub fn damage(&self) -> Vec<SegmentDamage> {
        self.damage.0.lock().by_place.values().cloned().collect()
    }

    /// Whether no damage has been met.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.damage.0.lock().by_place.is_empty()
    }

    /// Remembers page `n` as damaged if that is what `error` says, and reports it once.
    pub(super) fn note_page(&self, n: usize, error: &IndexError) {
        let Some(first) = self.pages.first_id(n) else { return };
        let mut lost = self.ids.clone();
        lost.remove_range(..first);
        if let Some(next) = self.pages.first_id(n + 1) {
            lost.remove_range(next..);
        }
        self.note(error, lost);
    }

    /// Remembers what `error` says is damaged, and reports it once.
    pub(super) fn note(&self, error: &IndexError, lost: RoaringBitmap) {
        let IndexError::Damaged { at, .. } = error else { return };
        let mut state = self.damage.0.lock();
        if state.by_place.contains_key(at) {
            return;
        }
        tracing::error!(%error, series = lost.len(), "part of the index is damaged; its series are left out of answers");
        state.lost |= &lost;
        state.by_place.insert(*at, SegmentDamage { at: *at, lost, why: error.to_string() });
    }

    /// Those of `ids` whose labels can be read: checks each page concerned once.
    pub(super) fn with_labels(&self, ids: RoaringBitmap) -> Result<RoaringBitmap, IndexError> {
        for n in self.unchecked(&ids) {
            match self.pages.check(&self.source, &self.footer, n as usize) {
                Err(error) if error.is_damage() => self.note_page(n as usize, &error),
                other => other?,
            }
            self.damage.0.lock().checked.insert(n);
        }
        Ok(ids - &self.damage.0.lock().lost)
    }

    /// The numbers of the pages that hold `ids` and have not been checked.
    fn unchecked(&self, ids: &RoaringBitmap) -> Vec<u32> {
        let state = self.damage.0.lock();
        let pages = self.pages.len() as u32;
        if u64::from(pages) == state.checked.len() {
            return Vec::new();
        }
        self.pages_of(ids).map(|n| n as u32).filter(|n| !state.checked.contains(*n)).collect()
    }
}
