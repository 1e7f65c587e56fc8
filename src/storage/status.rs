//! The store's numbers.

use std::{path::Path, sync::Arc};

use super::{
    backpressure, layout,
    options::KNOWN_SERIES_BYTES,
    state::Shared,
    store::Storage,
    version::{LiveSegment, LiveTable},
};
use crate::{
    index::SegmentSummary,
    memtable::Memtable,
    model::TimeRange,
    seams::{
        detail::{MemtableDetail, SegmentDetail, StorageDetail, TableDetail},
        interrupt::Interrupt,
        select::SelectError,
        status::{BlockReads, Cardinality, MemoryPart, Status, StoreStatus},
    },
    sst::TableSummary,
    wal,
};

/// The store's parts of the memory budget.
fn memory(shared: &Shared) -> Vec<MemoryPart> {
    let options = &shared.options;
    let view = shared.view();
    let samples: u64 = view.memtables().map(|m| m.bytes() as u64).sum();
    let blocks = shared.blocks.counts();
    let part = |name, used: u64, limit: usize| MemoryPart { name, used, limit: limit as u64 };
    vec![
        // The one that fills, and those that wait to be flushed.
        part("memtables", samples + shared.index.counts().head_bytes, options.unflushed_bytes),
        part("known series", shared.known.bytes() as u64, options.known_series * KNOWN_SERIES_BYTES),
        part("catalog of fields", shared.catalog.bytes() as u64, options.catalog_bytes),
        part("block cache", blocks.bytes, options.block_cache_bytes),
    ]
}

impl Status for Storage {
    fn status(&self) -> StoreStatus {
        let shared = &self.shared;
        let view = shared.view();
        let sum = |f: fn(&crate::sst::TableSummary) -> u64| view.tables.iter().map(|t| f(t.table.summary())).sum();
        let times = view
            .memtables()
            .filter_map(crate::memtable::Memtable::times)
            .chain(view.tables.iter().map(|t| t.table.summary().times))
            .reduce(TimeRange::join);
        let (index, blocks) = (shared.index.counts(), shared.blocks.counts());
        StoreStatus {
            head_series: view.memtables().map(|m| m.series()).fold(roaring::RoaringBitmap::new(), |a, b| a | b).len(),
            series: index.series,
            label_pairs: index.label_pairs,
            memtable_bytes: view.memtables().map(|m| m.bytes() as u64).sum(),
            memtable_samples: view.memtables().map(crate::memtable::Memtable::samples).sum(),
            tables: view.tables.len() as u64,
            table_samples: sum(|s| s.samples),
            table_bytes: sum(|s| s.bytes),
            wal_bytes: wal::size(&*shared.disk, Path::new(layout::WAL)).unwrap_or_default(),
            index_bytes: index.segment_bytes,
            times,
            cutoff: Some(shared.shown_cutoff()).filter(|cutoff| *cutoff > i64::MIN),
            tombstones: view.deletes.tombstones.len() as u64,
            memory: memory(shared),
            block_reads: BlockReads { hits: blocks.hits, misses: blocks.misses },
            damage: shared.all_damage(),
        }
    }

    fn trouble(&self) -> Option<String> {
        self.shared.standing.trouble()
    }

    fn detail(&self) -> StorageDetail {
        let shared = &self.shared;
        let view = shared.versions.keep_view();
        let table = |live: &Arc<LiveTable>| {
            let TableSummary { series, samples, times, bytes, .. } = *live.table.summary();
            let damaged_blocks = live.table.damaged_blocks().len() as u64;
            let times = Some(times).filter(|times| times.start <= times.end);
            TableDetail { number: live.number, times, series, samples, bytes, damaged_blocks }
        };
        let segment = |live: &LiveSegment| {
            let SegmentSummary { series, pairs, bytes } = live.segment.summary();
            SegmentDetail { number: live.number, series, label_pairs: pairs, bytes }
        };
        let memtable = |(i, memtable): (usize, &Memtable)| MemtableDetail {
            sealed: i < view.sealed.len(),
            times: memtable.times(),
            series: memtable.series().len(),
            samples: memtable.samples(),
            bytes: memtable.bytes() as u64,
        };
        StorageDetail {
            tables: view.tables.iter().map(table).collect(),
            segments: view.segments.iter().map(segment).collect(),
            memtables: view.memtables().enumerate().map(memtable).collect(),
            wal_bytes: wal::size(&*shared.disk, Path::new(layout::WAL)).unwrap_or_default(),
            memory: memory(shared),
            damage: shared.all_damage(),
            // A file system that doesn't say how large it is has no number to show.
            disk_free: shared.disk.available().ok().filter(|free| *free < u64::MAX),
            refusing: backpressure::refuse_when_full(shared).err().map(|error| error.to_string()),
        }
    }

    fn cardinality(&self, limit: usize, interrupt: &dyn Interrupt) -> Result<Cardinality, SelectError> {
        Ok(self.shared.index.cardinality(limit, interrupt)?)
    }
}
