//! What was deleted and may still lie in tables.
//!
//! A delete flushes all memory and then commits one [`Tombstone`] to the manifest: the series it hit and the time range.
//! Deletes are numbered. Each table knows the number of the newest delete that it needn't heed (*settled*): one it was
//! written after, or whose samples were left out when it was merged. A tombstone hides samples of the tables settled
//! before it, and of no others; so what is written after a delete, be it of the same series and time, shows.
//!
//! - A flushed table is settled up to the newest delete there is: memory at the time of a delete was flushed before it.
//! - A merged table is settled up to the newest delete there was when the merge began. Samples of each input are left
//!   out by the tombstones that the input heeds; a delete committed meanwhile goes on hiding what the result has.
//!
//! A tombstone that no table heeds any more leaves the manifest with the next merge. Tables that are set aside as damaged
//! keep theirs: whoever repairs one must not find deleted samples in it.

use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::{
    model::{SeriesBuf, TimeRange},
    seams::append::SeriesId,
    storage::trim::cut,
};

/// One delete.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::storage) struct Tombstone {
    /// Its number; later deletes have larger ones.
    pub(in crate::storage) delete: u64,
    pub(in crate::storage) range: TimeRange,
    pub(in crate::storage) series: Arc<RoaringBitmap>,
}

/// All deletes that tables may have to heed.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::storage) struct Deletes {
    /// The number of the newest delete ever; 0 before the first.
    pub(in crate::storage) newest: u64,
    pub(in crate::storage) tombstones: Vec<Tombstone>,
}

impl Deletes {
    /// What a table that is settled up to delete `settled` must heed.
    pub(in crate::storage) fn heeded(&self, settled: u64) -> impl Iterator<Item = &Tombstone> {
        self.tombstones.iter().filter(move |tombstone| tombstone.delete > settled)
    }

    /// Takes deleted samples out of what was read of `series` from a table that is settled up to `settled`.
    pub(in crate::storage) fn hide(&self, settled: u64, series: SeriesId, samples: &mut SeriesBuf) {
        for tombstone in self.heeded(settled).filter(|t| t.series.contains(series.0)) {
            cut(samples, tombstone.range);
        }
    }

    /// Those of `series` in a table settled up to `settled` that are not deleted in all of `range`.
    pub(in crate::storage) fn shown(
        &self,
        settled: u64,
        series: &RoaringBitmap,
        range: TimeRange,
    ) -> Option<RoaringBitmap> {
        let covering = |t: &&Tombstone| t.range.start <= range.start && range.end <= t.range.end;
        let mut hiding = self.heeded(settled).filter(covering).peekable();
        hiding.peek()?;
        Some(hiding.fold(series.clone(), |shown, tombstone| shown - &*tombstone.series))
    }

    /// Bytes that the tombstones take in the manifest, about.
    pub(in crate::storage) fn bytes(&self) -> usize {
        self.tombstones.iter().map(|t| t.series.serialized_size() + 32).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_hides_only_what_was_written_before_it() {
        let tombstone = Tombstone { delete: 3, range: TimeRange::new(5, 9), series: Arc::new([7].into()) };
        let deletes = Deletes { newest: 3, tombstones: vec![tombstone] };
        for (settled, series, left) in [(2, 7, vec![4, 10]), (3, 7, vec![4, 5, 9, 10]), (0, 8, vec![4, 5, 9, 10])] {
            let mut samples = SeriesBuf::default();
            [4, 5, 9, 10].iter().for_each(|t| samples.push_float(*t, 0.0));
            deletes.hide(settled, SeriesId(series), &mut samples);
            assert_eq!(samples.times, left, "settled {settled}, series {series}");
        }
    }

    #[test]
    fn a_series_is_shown_unless_one_tombstone_covers_the_range() {
        let tombstone = Tombstone { delete: 1, range: TimeRange::new(5, 9), series: Arc::new([7].into()) };
        let deletes = Deletes { newest: 1, tombstones: vec![tombstone] };
        let series: RoaringBitmap = [7, 8].into();
        assert_eq!(deletes.shown(0, &series, TimeRange::new(5, 8)), Some([8].into()));
        assert_eq!(deletes.shown(0, &series, TimeRange::new(4, 8)), None);
        assert_eq!(deletes.shown(1, &series, TimeRange::new(5, 8)), None);
    }
}
