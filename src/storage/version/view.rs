//! What a reader sees: memtables and tables at one moment.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{
    manifest::TableEntry,
    tombstones::{Deletes, Tombstone},
};
use crate::{
    index::Segment,
    memtable::{Memtable, Newest},
    model::{SeriesBuf, TimeRange},
    seams::append::SeriesId,
    sst::{Pass, SstError, Table},
    storage::merge::merge_over,
};

/// An open table and its number in the manifest.
pub(in crate::storage) struct LiveTable {
    pub(in crate::storage) number: u64,
    pub(in crate::storage) table: Arc<Table>,
    /// Compaction has put it in its place.
    pub(in crate::storage) windowed: bool,
    /// Heeds only deletes with larger numbers.
    pub(in crate::storage) settled: u64,
}

impl LiveTable {
    /// Another name for the same table.
    pub(in crate::storage) fn reference(&self) -> Self {
        Self { table: self.table.clone(), ..*self }
    }

    /// What the manifest says about it.
    pub(in crate::storage) fn entry(&self) -> TableEntry {
        TableEntry { number: self.number, set_aside: false, windowed: self.windowed, settled: self.settled }
    }

    /// Whether it may have samples that `tombstone` hides.
    pub(in crate::storage) fn heeds(&self, tombstone: &Tombstone) -> bool {
        tombstone.delete > self.settled
            && tombstone.range.overlaps(self.table.summary().times)
            && !tombstone.series.is_disjoint(self.table.series())
    }
}

/// An open index segment and its number in the manifest.
#[derive(Clone)]
pub(in crate::storage) struct LiveSegment {
    pub(in crate::storage) number: u64,
    pub(in crate::storage) segment: Arc<Segment>,
}

/// A memtable that takes no more samples.
#[derive(Clone)]
pub(in crate::storage) struct Sealed {
    pub(in crate::storage) memtable: Arc<Memtable>,
    /// First log segment that holds nothing of it: the log's start once it is flushed.
    pub(in crate::storage) wal_end: u64,
}

/// All places samples can be. Immutable, but for appends to `active`.
#[derive(Clone)]
pub(in crate::storage) struct View {
    pub(in crate::storage) active: Arc<Memtable>,
    /// Oldest first.
    pub(in crate::storage) sealed: Vec<Sealed>,
    /// Lowest precedence first, as in the manifest.
    pub(in crate::storage) tables: Vec<Arc<LiveTable>>,
    /// Oldest first, as in the manifest. Those who look for series ask the index, which has them too.
    pub(in crate::storage) segments: Vec<LiveSegment>,
    pub(in crate::storage) deletes: Arc<Deletes>,
}

impl View {
    /// The series that may have samples in `range`.
    pub(in crate::storage) fn series_in(&self, range: TimeRange) -> RoaringBitmap {
        let mut found = self.stored_in(range);
        for memtable in self.memtables() {
            found |= memtable.series_in(range);
        }
        found
    }

    /// Those of `candidates` that may have samples in `range`: for a few series of many much less work than
    /// [`View::series_in`].
    pub(in crate::storage) fn candidates_in(&self, candidates: &RoaringBitmap, range: TimeRange) -> RoaringBitmap {
        let mut found = self.active.candidates_in(candidates, range);
        for sealed in &self.sealed {
            found |= sealed.memtable.candidates_in(candidates, range);
        }
        self.each_shown(range, |series| found |= candidates & series);
        found
    }

    /// The series that may have samples in `range` in tables.
    pub(in crate::storage) fn stored_in(&self, range: TimeRange) -> RoaringBitmap {
        let mut found = RoaringBitmap::new();
        self.each_shown(range, |series| found |= series);
        found
    }

    /// Hands over, table by table, the series that may have samples in `range` which no tombstone hides.
    fn each_shown(&self, range: TimeRange, mut each: impl FnMut(&RoaringBitmap)) {
        for live in self.tables.iter().filter(|t| t.table.summary().times.overlaps(range)) {
            let times = live.table.summary().times;
            let asked = TimeRange::new(times.start.max(range.start), times.end.min(range.end));
            match self.deletes.shown(live.settled, live.table.series(), asked) {
                Some(shown) => each(&shown),
                None => each(live.table.series()),
            }
        }
    }

    /// Whether deleted samples are to be taken out of this table.
    pub(in crate::storage) fn heeds(&self, live: &LiveTable) -> bool {
        self.deletes.tombstones.iter().any(|tombstone| live.heeds(tombstone))
    }

    /// How many flushed tables wait for compaction.
    pub(in crate::storage) fn backlog(&self) -> usize {
        self.tables.iter().filter(|live| !live.windowed).count()
    }

    /// Replaces what `out` holds by the series' samples in `range`. Damaged blocks are left out; their tables tell.
    /// `pass` is one for all reads of a question.
    pub(in crate::storage) fn read(
        &self,
        series: SeriesId,
        range: TimeRange,
        pass: Pass,
        out: &mut SeriesBuf,
    ) -> Result<(), SstError> {
        let (mut part, mut scratch) = (SeriesBuf::default(), SeriesBuf::default());
        self.read_tables(series, range, pass, out)?;
        // Most questions reach far behind what is in memory, or memory has just been flushed.
        for memtable in self.memtables_in(range) {
            if out.is_empty() {
                memtable.read(series, range, out);
            } else {
                memtable.read(series, range, &mut part);
                merge_over(out, &part, &mut scratch);
            }
        }
        Ok(())
    }

    /// Replaces what `out` holds by the series' newest samples in `range`, the last one at least, perhaps without its start
    /// time. Where a memtable has it and nothing else can have a newer one, nothing is decoded for it.
    pub(in crate::storage) fn read_newest(
        &self,
        series: SeriesId,
        range: TimeRange,
        pass: Pass,
        out: &mut SeriesBuf,
    ) -> Result<(), SstError> {
        let mut newest: Option<(i64, f64)> = None;
        // A newer memtable's sample replaces another one of the same time.
        for memtable in self.memtables_in(range) {
            match memtable.newest(series, range) {
                Newest::None => {}
                Newest::Float(time, value) if newest.is_none_or(|(newest, _)| newest <= time) => {
                    newest = Some((time, value));
                }
                Newest::Float(..) => {}
                Newest::Unread => return self.read(series, range, pass, out),
            }
        }
        let Some((time, value)) = newest else { return self.read_newest_of_tables(series, range, pass, out) };
        // Samples of any age may come at any time, so that a table may have newer ones.
        let later = TimeRange::new(time.saturating_add(1), range.end);
        let may_have_later = |live: &Arc<LiveTable>| {
            let table = &live.table;
            table.summary().times.overlaps(later) && table.series().contains(series.0)
        };
        if time < range.end && self.tables.iter().any(may_have_later) {
            return self.read(series, range, pass, out);
        }
        out.clear();
        out.push_float(time, value);
        Ok(())
    }

    /// The same of samples in tables, where nothing of the series is in memory.
    fn read_newest_of_tables(
        &self,
        series: SeriesId,
        range: TimeRange,
        pass: Pass,
        out: &mut SeriesBuf,
    ) -> Result<(), SstError> {
        let hides = |tombstone: &Tombstone| tombstone.range.overlaps(range) && tombstone.series.contains(series.0);
        if self.deletes.tombstones.iter().any(hides) {
            return self.read_tables(series, range, pass, out);
        }
        out.clear();
        let mut part = SeriesBuf::default();
        for live in self.tables_of(series, range) {
            if out.is_empty() {
                live.table.read_newest_around(series, range, pass, out)?;
                continue;
            }
            live.table.read_newest_around(series, range, pass, &mut part)?;
            // At equal times the later table has the sample that counts.
            if part.time_range().map(|times| times.end) >= out.time_range().map(|times| times.end) {
                std::mem::swap(&mut part, out);
            }
        }
        Ok(())
    }

    /// Replaces what `out` holds by the series' samples in `range` that are in tables.
    pub(in crate::storage) fn read_tables(
        &self,
        series: SeriesId,
        range: TimeRange,
        pass: Pass,
        out: &mut SeriesBuf,
    ) -> Result<(), SstError> {
        out.clear();
        let (mut part, mut scratch) = (SeriesBuf::default(), SeriesBuf::default());
        for live in self.tables_of(series, range) {
            if out.is_empty() {
                live.table.read_around(series, range, pass, out)?;
                self.deletes.hide(live.settled, series, out);
            } else {
                live.table.read_around(series, range, pass, &mut part)?;
                self.deletes.hide(live.settled, series, &mut part);
                merge_over(out, &part, &mut scratch);
            }
        }
        Ok(())
    }

    /// The tables that have the series and reach into `range`, lowest precedence first.
    fn tables_of(&self, series: SeriesId, range: TimeRange) -> impl Iterator<Item = &LiveTable> {
        let has = move |live: &&Arc<LiveTable>| {
            live.table.summary().times.overlaps(range) && live.table.series().contains(series.0)
        };
        self.tables.iter().filter(has).map(|live| &**live)
    }

    /// About how many samples `series` have in `range`, by what memtables count and what block indexes of tables say.
    pub(in crate::storage) fn estimate(&self, series: &RoaringBitmap, range: TimeRange) -> u64 {
        let tables = self.tables.iter().map(|live| live.table.samples_in(series, range));
        let memtables = self.memtables().map(|memtable| memtable.samples_in(series, range));
        tables.chain(memtables).sum::<f64>().ceil() as u64
    }

    /// Bytes of memory that all memtables take.
    pub(in crate::storage) fn unflushed_bytes(&self) -> usize {
        self.memtables().map(Memtable::bytes).sum()
    }

    /// All memtables, oldest first.
    pub(in crate::storage) fn memtables(&self) -> impl Iterator<Item = &Memtable> {
        self.sealed.iter().map(|s| &*s.memtable).chain([&*self.active])
    }

    /// Those of them whose samples reach into `range`.
    pub(in crate::storage) fn memtables_in(&self, range: TimeRange) -> impl Iterator<Item = &Memtable> {
        self.memtables().filter(move |memtable| memtable.times().is_some_and(|times| times.overlaps(range)))
    }
}
