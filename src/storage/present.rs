//! Which series have samples in a range, for lists of them.
//!
//! Who reads samples sees by itself that a series has none, so that a selection may be wide. A list is the answer. Memory knows
//! of each series from when to when it has samples; of tables the block index mostly tells. Where it doesn't, a block is read for
//! the series that aren't known to be there from elsewhere, the newest tables first.

use roaring::RoaringBitmap;

use super::version::{LiveTable, Tombstone, View};
use crate::{
    index::{IndexError, Presence},
    memtable::Memtable,
    model::{SeriesBuf, TimeRange},
    seams::{append::SeriesId, interrupt::Interrupt, select::SelectError},
    sst::Pass,
};

/// At most this many blocks are read for one list, 64 MiB that take some 0.1 s; beyond, all series of a block that reaches into the range
/// are listed. Where blocks are that many, each has few series.
const MOST_READS: usize = 4096;

/// Reading so many blocks takes about as long as glancing at the series of some hundreds of labels.
const FEW_READS: usize = 4;

/// Tells which series have samples in a range: most of them at a glance, by what is in memory.
pub(super) struct InRange<'v> {
    view: &'v View,
    range: TimeRange,
    interrupt: &'v dyn Interrupt,
    memtables: Vec<&'v Memtable>,
    /// Tables that reach into the range.
    tables: Vec<&'v LiveTable>,
    most: u64,
}

impl<'v> InRange<'v> {
    pub(super) fn new(view: &'v View, range: TimeRange, interrupt: &'v dyn Interrupt) -> Self {
        let memtables: Vec<&Memtable> = view.memtables_in(range).collect();
        let tables = view.tables.iter().map(|live| &**live);
        let tables: Vec<&LiveTable> = tables.filter(|live| live.table.summary().times.overlaps(range)).collect();
        let stored = tables.iter().map(|live| live.table.series().len());
        let most = stored.sum::<u64>() + memtables.iter().map(|memtable| memtable.series_count()).sum::<u64>();
        Self { view, range, interrupt, memtables, tables, most }
    }

    /// Whether a table surely has samples of the series in the range, and no delete has touched it there.
    fn is_stored(&self, live: &LiveTable, id: u32) -> bool {
        let touched = |tombstone: &Tombstone| tombstone.range.overlaps(self.range) && tombstone.series.contains(id);
        live.table.is_surely_in(SeriesId(id), self.range) && !self.view.deletes.heeded(live.settled).any(touched)
    }
}

impl Presence for InRange<'_> {
    fn is_sure(&self, id: u32) -> bool {
        self.memtables.iter().any(|memtable| memtable.reaches_into(SeriesId(id), self.range))
            || self.tables.iter().any(|live| self.is_stored(live, id))
    }

    fn present(&self, ids: &RoaringBitmap) -> Result<RoaringBitmap, IndexError> {
        self.view.present(Some(ids), self.range, self.interrupt).map_err(IndexError::Presence)
    }

    fn most(&self) -> u64 {
        self.most
    }
}

impl View {
    /// Whether [`View::present`] needs no look at blocks.
    pub(super) fn knows(&self, range: TimeRange) -> bool {
        self.deletes.tombstones.is_empty() && self.tables.iter().all(|live| live.table.knows(range))
    }

    /// Whether [`View::present`] tells of all series in less time than it takes to glance at some of each label.
    pub(super) fn tells_at_once(&self, range: TimeRange) -> bool {
        let reads = || self.tables.iter().try_fold(0, |sum, live| Some(sum + live.table.blocks_to_read(range)?));
        self.deletes.tombstones.is_empty()
            && self.memtables_in(range).next().is_none()
            && reads().is_some_and(|reads| reads <= FEW_READS)
    }

    /// Those of `matched`, without it of all series, that have samples in `range`.
    pub(super) fn present(
        &self,
        matched: Option<&RoaringBitmap>,
        range: TimeRange,
        interrupt: &dyn Interrupt,
    ) -> Result<RoaringBitmap, SelectError> {
        let mut found = RoaringBitmap::new();
        for memtable in self.memtables() {
            found |= match matched {
                Some(matched) => memtable.candidates_in(matched, range),
                None => memtable.series_in(range),
            };
        }
        let (pass, mut reads) = (Pass::new(), MOST_READS);
        let check = || Ok::<_, SelectError>(interrupt.check()?);
        let (mut samples, tables) = (SeriesBuf::default(), self.tables.iter().rev());
        for live in tables.filter(|live| live.table.summary().times.overlaps(range)) {
            let (table, times) = (&live.table, live.table.summary().times);
            let mut wanted = table.series() - &found;
            if let Some(matched) = matched {
                wanted &= matched;
            }
            let asked = TimeRange::new(times.start.max(range.start), times.end.min(range.end));
            if let Some(shown) = self.deletes.shown(live.settled, &wanted, asked) {
                wanted = shown;
            }
            let mut partly_deleted = RoaringBitmap::new();
            for tombstone in self.deletes.heeded(live.settled).filter(|tombstone| tombstone.range.overlaps(asked)) {
                partly_deleted |= &wanted & &*tombstone.series;
            }
            wanted -= &partly_deleted;
            if range.covers(times) {
                found |= wanted;
            } else {
                table.present(&wanted, range, pass, &mut found, &mut reads, check)?;
            }
            for id in partly_deleted {
                if reads > 0 {
                    check()?;
                    reads -= 1;
                    table.read_around(SeriesId(id), range, pass, &mut samples)?;
                    self.deletes.hide(live.settled, SeriesId(id), &mut samples);
                    if samples.is_empty() {
                        continue;
                    }
                }
                found.insert(id);
            }
        }
        Ok(found)
    }
}
