//! What a reader sees: memtables and tables at one moment.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::merge::merge_over;
use crate::{
    memtable::Memtable,
    model::{SeriesBuf, TimeRange},
    seams::append::SeriesId,
    sst::{SstError, Table},
};

/// An open table and its number in the manifest.
pub(super) struct LiveTable {
    pub(super) number: u64,
    pub(super) table: Table,
}

/// A memtable that takes no more samples.
#[derive(Clone)]
pub(super) struct Sealed {
    pub(super) memtable: Arc<Memtable>,
    /// First log segment that holds nothing of it: the log's start once it is flushed.
    pub(super) wal_end: u64,
}

/// All places samples can be. Immutable, but for appends to `active`.
#[derive(Clone)]
pub(super) struct View {
    pub(super) active: Arc<Memtable>,
    /// Oldest first.
    pub(super) sealed: Vec<Sealed>,
    /// Lowest precedence first, as in the manifest.
    pub(super) tables: Vec<Arc<LiveTable>>,
}

impl View {
    /// The series that may have samples in `range`.
    pub(super) fn series_in(&self, range: TimeRange) -> RoaringBitmap {
        let mut found = self.active.series_in(range);
        for sealed in &self.sealed {
            found |= sealed.memtable.series_in(range);
        }
        for live in self.tables.iter().filter(|t| t.table.summary().times.overlaps(range)) {
            found |= live.table.series();
        }
        found
    }

    /// Those of `candidates` that may have samples in `range`: for a few series of many much less work than
    /// [`View::series_in`].
    pub(super) fn candidates_in(&self, candidates: &RoaringBitmap, range: TimeRange) -> RoaringBitmap {
        let mut found = self.active.candidates_in(candidates, range);
        for sealed in &self.sealed {
            found |= sealed.memtable.candidates_in(candidates, range);
        }
        for live in self.tables.iter().filter(|t| t.table.summary().times.overlaps(range)) {
            found |= candidates & live.table.series();
        }
        found
    }

    /// Replaces what `out` holds by the series' samples in `range`.
    pub(super) fn read(&self, series: SeriesId, range: TimeRange, out: &mut SeriesBuf) -> Result<(), SstError> {
        out.clear();
        let (mut part, mut scratch) = (SeriesBuf::default(), SeriesBuf::default());
        for live in &self.tables {
            let table = &live.table;
            if !table.summary().times.overlaps(range) || !table.series().contains(series.0) {
                continue;
            }
            if out.is_empty() {
                table.read(series, range, out)?;
            } else {
                table.read(series, range, &mut part)?;
                merge_over(out, &part, &mut scratch);
            }
        }
        for memtable in self.memtables() {
            memtable.read(series, range, &mut part);
            merge_over(out, &part, &mut scratch);
        }
        Ok(())
    }

    /// All memtables, oldest first.
    pub(super) fn memtables(&self) -> impl Iterator<Item = &Memtable> {
        self.sealed.iter().map(|s| &*s.memtable).chain([&*self.active])
    }
}
