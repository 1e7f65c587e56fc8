//! A version in the making.
//!
//! Each method changes what the manifest will say and what readers will see alike, so that the two can't drift apart.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{
    manifest::{FileEntry, Manifest, TableEntry},
    tombstones::{Deletes, Tombstone},
    view::{LiveSegment, LiveTable, View},
};
use crate::{index::Segment, memtable::Memtable, model::TimeRange, sst::Table};

/// What will be live next: what is live now, but for the changes made to it.
pub(in crate::storage) struct Version {
    manifest: Manifest,
    tables: Vec<Arc<LiveTable>>,
    segments: Vec<LiveSegment>,
    /// The segments that leave, and the one that comes.
    segment_change: Option<SegmentChange>,
    /// The memtable whose samples a table has now.
    flushed: Option<Arc<Memtable>>,
}

/// A table that a memtable was written to.
pub(in crate::storage) struct FlushedTable {
    pub(in crate::storage) number: u64,
    pub(in crate::storage) table: Arc<Table>,
}

/// Segments that leave, and the one that takes their place.
pub(super) struct SegmentChange {
    pub(super) old: Vec<Arc<Segment>>,
    pub(super) new: Option<Arc<Segment>>,
}

impl Version {
    /// The same again; no series has the id `next_series` or a higher one.
    pub(super) fn after(manifest: &Manifest, view: &View, next_series: u64) -> Self {
        let mut manifest = manifest.clone();
        manifest.next_series = manifest.next_series.max(next_series);
        Self {
            manifest,
            tables: view.tables.clone(),
            segments: view.segments.clone(),
            segment_change: None,
            flushed: None,
        }
    }

    /// What the manifest will say.
    pub(in crate::storage) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The log counts only from segment `wal_start` on.
    pub(in crate::storage) fn begin_log_at(&mut self, wal_start: u64) {
        self.manifest.wal_start = self.manifest.wal_start.max(wal_start);
    }

    /// `memtable` is in a table, or holds nothing that counts.
    pub(in crate::storage) fn flushed(&mut self, memtable: Arc<Memtable>) {
        self.flushed = Some(memtable);
    }

    /// Adds a flushed table behind all others. Memory is flushed before each delete, so what is in it was written after
    /// all of them.
    pub(in crate::storage) fn add_flushed(&mut self, flushed: FlushedTable) -> Arc<LiveTable> {
        let FlushedTable { number, table } = flushed;
        let live = LiveTable { number, table, windowed: false, settled: self.manifest.deletes.newest };
        let live = Arc::new(live);
        self.manifest.tables.push(live.entry());
        self.tables.push(Arc::clone(&live));
        live
    }

    /// Puts `new` where the first of the tables `old` is, and forgets the tombstones that no table heeds any more.
    pub(in crate::storage) fn replace_tables(&mut self, old: &[Arc<LiveTable>], new: &[Arc<LiveTable>]) {
        let is_old = |number: u64| old.iter().any(|live| live.number == number);
        replace(&mut self.manifest.tables, |entry| is_old(entry.number), new.iter().map(|live| live.entry()));
        replace(&mut self.tables, |live| is_old(live.number), new.iter().cloned());
        self.forget_tombstones();
    }

    /// Adds a segment behind all others.
    pub(in crate::storage) fn add_segment(&mut self, new: LiveSegment) {
        self.replace_segments(&[], Some(new));
    }

    /// Puts `new` where the first of the segments `old` is. A version changes its segments once at most.
    pub(in crate::storage) fn replace_segments(&mut self, old: &[LiveSegment], new: Option<LiveSegment>) {
        let is_old = |number: u64| old.iter().any(|live| live.number == number);
        let entry = new.as_ref().map(|live| FileEntry { number: live.number, set_aside: false });
        replace(&mut self.manifest.segments, |entry| is_old(entry.number), entry);
        replace(&mut self.segments, |live| is_old(live.number), new.clone());
        let old = old.iter().map(|live| Arc::clone(&live.segment)).collect();
        self.segment_change = Some(SegmentChange { old, new: new.map(|live| live.segment) });
    }

    /// Adds the tombstone of a new delete.
    pub(in crate::storage) fn bury(&mut self, series: Arc<RoaringBitmap>, range: TimeRange) {
        let mut deletes = Deletes::clone(&self.manifest.deletes);
        deletes.newest += 1;
        deletes.tombstones.push(Tombstone { delete: deletes.newest, range, series });
        self.manifest.deletes = Arc::new(deletes);
    }

    /// Retention by size drops samples before `size_cutoff`.
    pub(in crate::storage) fn raise_size_cutoff(&mut self, size_cutoff: i64) {
        self.manifest.size_cutoff = self.manifest.size_cutoff.max(size_cutoff);
    }

    fn forget_tombstones(&mut self) {
        let needed = |tombstone: &Tombstone| {
            let heeds = |table: &TableEntry| table.set_aside && table.settled < tombstone.delete;
            self.manifest.tables.iter().any(heeds) || self.tables.iter().any(|live| live.heeds(tombstone))
        };
        let deletes = &self.manifest.deletes;
        if !deletes.tombstones.iter().all(needed) {
            let tombstones = deletes.tombstones.iter().filter(|t| needed(t)).cloned().collect();
            self.manifest.deletes = Arc::new(Deletes { newest: deletes.newest, tombstones });
        }
    }

    pub(super) fn take_segment_change(&mut self) -> Option<SegmentChange> {
        self.segment_change.take()
    }

    /// Makes `view` show this version. It may have memtables that were sealed meanwhile.
    pub(super) fn show_in(self, view: &mut View) {
        if let Some(flushed) = self.flushed {
            view.sealed.retain(|sealed| !Arc::ptr_eq(&sealed.memtable, &flushed));
        }
        (view.tables, view.segments, view.deletes) = (self.tables, self.segments, self.manifest.deletes);
    }
}

/// Puts `new` where the first replaced item was.
fn replace<T>(items: &mut Vec<T>, replaced: impl Fn(&T) -> bool, new: impl IntoIterator<Item = T>) {
    let at = items.iter().position(&replaced).unwrap_or(items.len());
    items.retain(|item| !replaced(item));
    let at = at.min(items.len());
    items.splice(at..at, new);
}

#[cfg(test)]
mod tests {
    use super::replace;

    #[test]
    fn the_results_take_the_place_of_the_first_replaced_item() {
        let mut items = vec![1, 2, 3, 4];
        replace(&mut items, |i| *i == 2 || *i == 3, [8, 9]);
        assert_eq!(items, [1, 8, 9, 4]);
        replace(&mut items, |i| *i > 7, []);
        assert_eq!(items, [1, 4]);
    }
}
