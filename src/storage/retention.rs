//! Retention: how far back samples are kept.
//!
//! There is one *line*: samples before it are gone for good. It is the later of
//!
//! - now less [`retention_time`](super::StorageOptions::retention_time), and
//! - the *floor*, which [`retention_size`](super::StorageOptions::retention_size) raises: when tables, index and log
//!   together are too large, tables go, those whose newest sample is oldest first, and the floor moves behind the last
//!   sample dropped. It is in the manifest. Without the option it doesn't count.
//!
//! Readers see nothing before the line, so an answer doesn't depend on when files go: tables that end before the line
//! are dropped whole, samples in others are left out when those are merged or flushed. A sample that arrives from before
//! the line is taken (2xx) and dropped, counted in `vctsdb_storage_samples_expired_total`: a sender that catches up
//! after a long outage would otherwise retry for ever what nobody will see, or lose the rest of its request.
//!
//! Series without samples leave the index later, see `sweep`.

use std::sync::{Arc, atomic::Ordering};

use super::{error::StorageError, flush::discard, layout, status, store::Shared, sweep, view::LiveTable};
use crate::{model::TimeRange, seams::append::Batch};

impl Shared {
    /// Samples before this time (ms) have expired.
    pub(super) fn line(&self) -> i64 {
        let aged = self.options.retention_time.map_or(i64::MIN, |ms| self.clock.now().saturating_sub(ms.max(0)));
        if self.options.retention_size.is_some() { aged.max(self.floor.load(Ordering::Relaxed)) } else { aged }
    }

    /// What of `range` has not expired.
    pub(super) fn visible(&self, range: TimeRange) -> TimeRange {
        TimeRange::new(range.start.max(self.line()), range.end)
    }

    /// Takes expired samples out of a batch.
    pub(super) fn drop_expired(&self, batch: &mut Batch) {
        let line = self.line();
        if line == i64::MIN {
            return;
        }
        let before = batch.floats.len() + batch.histograms.len();
        batch.floats.retain(|sample| sample.time >= line);
        batch.histograms.retain(|sample| sample.time >= line);
        batch.exemplars.retain(|(_, exemplar)| exemplar.time >= line);
        let dropped = before - batch.floats.len() - batch.histograms.len();
        self.counters.expired.inc_by(dropped as u64);
    }
}

/// Drops tables that are wholly behind the line. Answers whether there were any.
pub(super) fn enforce(shared: &Shared) -> Result<bool, StorageError> {
    let view = shared.view.load_full();
    let floor = floor(shared, &view.tables);
    let line = shared.line().max(floor.unwrap_or(i64::MIN));
    let expired: Vec<Arc<LiveTable>> =
        view.tables.iter().filter(|live| live.table.summary().times.end < line).cloned().collect();
    if expired.is_empty() {
        return Ok(false);
    }
    let goes = |number: u64| expired.iter().any(|live| live.number == number);
    let mut manifest = shared.manifest.lock();
    let mut next = manifest.clone();
    next.tables.retain(|entry| !goes(entry.number));
    next.floor = next.floor.max(floor.unwrap_or(i64::MIN));
    let mut after = super::view::View::clone(&shared.view.load());
    after.tables.retain(|live| !goes(live.number));
    next.forget_heeded(&after);
    shared.store_manifest(&next)?;
    let deletes = next.deletes.clone();
    shared.floor.store(next.floor, Ordering::Relaxed);
    *manifest = next;
    shared.change_view(|view| {
        view.tables.retain(|live| !goes(live.number));
        view.deletes = deletes;
    });
    drop(manifest);
    let bytes: u64 = expired.iter().map(|live| live.table.summary().bytes).sum();
    shared.counters.dropped_bytes.inc_by(bytes);
    tracing::info!(tables = expired.len(), bytes, "dropped expired tables");
    expired.iter().for_each(|live| discard(&*shared.disk, &layout::table(live.number)));
    sweep::note_dropped(shared);
    Ok(true)
}

/// How far the floor must rise for the rest to fit. The table that reaches furthest always stays.
fn floor(shared: &Shared, tables: &[Arc<LiveTable>]) -> Option<i64> {
    let limit = shared.options.retention_size?;
    let mut excess = status::disk_bytes(shared).checked_sub(limit).filter(|excess| *excess > 0)?;
    let mut ends: Vec<(i64, u64)> =
        tables.iter().map(|live| (live.table.summary().times.end, live.table.summary().bytes)).collect();
    ends.sort_unstable();
    let newest = ends.last()?.0;
    let mut floor = None;
    for (end, bytes) in ends.into_iter().take_while(|(end, _)| *end < newest) {
        floor = end.checked_add(1);
        excess = excess.saturating_sub(bytes);
        if excess == 0 {
            break;
        }
    }
    floor
}
