//! The store's numbers.

use std::path::Path;

use super::{
    layout,
    store::{Shared, Storage},
};
use crate::{
    model::TimeRange,
    seams::{
        select::SelectError,
        status::{Cardinality, Status, StoreStatus},
    },
    wal,
};

/// Bytes of tables, index and log.
pub(super) fn disk_bytes(shared: &Shared) -> u64 {
    let tables: u64 = shared.view.load().tables.iter().map(|t| t.table.summary().bytes).sum();
    let log = wal::size(&*shared.disk, Path::new(layout::WAL)).unwrap_or_default();
    tables + shared.index.counts().segment_bytes + log
}

impl Status for Storage {
    fn status(&self) -> StoreStatus {
        let shared = &self.shared;
        let view = shared.view.load();
        let sum = |f: fn(&crate::sst::TableSummary) -> u64| view.tables.iter().map(|t| f(t.table.summary())).sum();
        let times = view
            .memtables()
            .filter_map(crate::memtable::Memtable::times)
            .chain(view.tables.iter().map(|t| t.table.summary().times))
            .reduce(|a, b| TimeRange::new(a.start.min(b.start), a.end.max(b.end)));
        let index = shared.index.counts();
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
            line: Some(shared.line()).filter(|line| *line > i64::MIN),
            tombstones: view.deletes.tombstones.len() as u64,
            damage: shared.all_damage(),
        }
    }

    fn cardinality(&self, limit: usize) -> Result<Cardinality, SelectError> {
        Ok(self.shared.index.cardinality(limit)?)
    }
}
