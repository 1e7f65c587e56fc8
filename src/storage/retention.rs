//! Retention: how far back samples are kept.
//!
//! There is one *cutoff*: samples before it are gone for good. It is the later of
//!
//! - now less [`retention_time`](super::StorageOptions::retention_time), and
//! - the *size cutoff*, which [`retention_size`](super::StorageOptions::retention_size) raises: when all files together are too
//!   large, it moves up to where what lies before it is as much as has to go. It is in the manifest. Without the option it
//!   doesn't count.
//!
//! Readers see nothing before the cutoff, so an answer doesn't depend on when files go: tables that end before the cutoff
//! are dropped whole, samples in others are left out when those are merged or flushed. While the size is over its limit, and no
//! table can go whole, the one that has most before the cutoff is written anew without that. A sample that arrives from before
//! the cutoff is taken (2xx) and dropped, counted in `vctsdb_storage_samples_expired_total`: a sender that catches up
//! after a long outage would otherwise retry for ever what nobody will see, or lose the rest of its request.
//!
//! What is shown goes by the clock, and what is dropped for good by the time that is [believed](super::timekeeper): a clock that
//! is years ahead for a moment hides samples for that moment.
//!
//! Series without samples leave the index later, see `index_gc`.

use std::{path::Path, sync::Arc};

use super::{discard::discard, error::StorageError, layout, rewrite::rewrite_one, state::Shared, version::LiveTable};
use crate::{model::TimeRange, seams::append::Batch, wal};

/// Beyond what is too much, this part of the limit goes along, so that not each flush makes a table be written anew.
const SLACK: u64 = 16;
/// Tables keep at least this part of the limit.
const LEAST: u64 = 4;

impl Shared {
    /// Samples before this time (ms) have expired, and are not shown.
    pub(super) fn shown_cutoff(&self) -> i64 {
        self.cutoff_at(|| self.clock.now())
    }

    /// Samples before this time (ms) may be dropped for good.
    pub(super) fn drop_cutoff(&self) -> i64 {
        self.cutoff_at(|| self.timekeeper.now(&*self.clock))
    }

    fn cutoff_at(&self, now: impl FnOnce() -> i64) -> i64 {
        let aged = self.options.retention_time.map_or(i64::MIN, |ms| now().saturating_sub(ms.max(0)));
        if self.options.retention_size.is_some() { aged.max(self.versions.size_cutoff()) } else { aged }
    }

    /// What of `range` has not expired.
    pub(super) fn visible(&self, range: TimeRange) -> TimeRange {
        TimeRange::new(range.start.max(self.shown_cutoff()), range.end)
    }

    /// Takes expired samples out of a batch.
    pub(super) fn drop_expired(&self, batch: &mut Batch) {
        let cutoff = self.drop_cutoff();
        if cutoff == i64::MIN {
            return;
        }
        let before = batch.floats.len() + batch.histograms.len();
        batch.floats.retain(|sample| sample.time >= cutoff);
        batch.histograms.retain(|sample| sample.time >= cutoff);
        batch.exemplars.retain(|(_, exemplar)| exemplar.time >= cutoff);
        let dropped = before - batch.floats.len() - batch.histograms.len();
        self.counters.expired.inc_by(dropped as u64);
    }
}

/// Drops tables that are wholly behind the cutoff, and rewrites one that has much behind it while the size is over its limit.
/// Answers whether there was any.
pub(super) fn enforce(shared: &Shared) -> Result<bool, StorageError> {
    let view = shared.versions.keep_view();
    let size_cutoff = needed_cutoff(shared, &view.tables);
    let cutoff = shared.drop_cutoff().max(size_cutoff.unwrap_or(i64::MIN));
    let expired: Vec<Arc<LiveTable>> =
        view.tables.iter().filter(|live| live.table.summary().times.end < cutoff).cloned().collect();
    if expired.is_empty() && size_cutoff.is_none() {
        return Ok(false);
    }
    if !expired.is_empty() || size_cutoff > Some(shared.versions.size_cutoff()) {
        drop_expired_tables(shared, &expired, size_cutoff)?;
    }
    if expired.is_empty() { shrink(shared, cutoff) } else { Ok(true) }
}

/// Takes `expired` out of the version and raises the size cutoff, then removes their files.
fn drop_expired_tables(
    shared: &Shared,
    expired: &[Arc<LiveTable>],
    size_cutoff: Option<i64>,
) -> Result<(), StorageError> {
    shared.commit_version(|version| {
        version.replace_tables(expired, &[]);
        size_cutoff.into_iter().for_each(|size_cutoff| version.raise_size_cutoff(size_cutoff));
        Ok(())
    })?;
    if !expired.is_empty() {
        let bytes: u64 = expired.iter().map(|live| live.table.summary().bytes).sum();
        shared.counters.dropped_bytes.inc_by(bytes);
        tracing::info!(tables = expired.len(), bytes, "dropped expired tables");
        expired.iter().for_each(|live| discard(&*shared.disk, &layout::table(live.number)));
    }
    shared.note_dropped();
    Ok(())
}

/// Rewrites the table that most is behind the cutoff of, without that. Answers whether there was one.
fn shrink(shared: &Shared, cutoff: i64) -> Result<bool, StorageError> {
    let view = shared.versions.keep_view();
    let behind = |live: &&Arc<LiveTable>| live.table.bytes_before(cutoff);
    let most = view.tables.iter().filter(|live| can_shrink(shared, live)).max_by_key(behind);
    let Some(live) = most.filter(|live| behind(live) > 0) else { return Ok(false) };
    rewrite_one(shared, &view, live)?;
    Ok(true)
}

/// How far the size cutoff must rise for the rest to fit: so far that a little more than what is too much lies behind it. Some of the
/// tables always stays, whatever else takes the room.
fn needed_cutoff(shared: &Shared, tables: &[Arc<LiveTable>]) -> Option<i64> {
    let limit = shared.options.retention_size?;
    let excess = disk_bytes(shared).checked_sub(limit).filter(|excess| *excess > 0)?;
    let all: u64 = tables.iter().map(|live| live.table.summary().bytes).sum();
    let excess = (excess + limit / SLACK).min(all.saturating_sub(limit / LEAST));
    let behind = |time: i64| -> u64 {
        let of = |live: &Arc<LiveTable>| {
            let whole = live.table.summary().times.end < time || can_shrink(shared, live);
            if whole { live.table.bytes_before(time) } else { 0 }
        };
        tables.iter().map(of).sum()
    };
    let times = tables.iter().map(|live| live.table.summary().times).reduce(TimeRange::join)?;
    if excess == 0 || behind(times.end) < excess {
        return None;
    }
    // The least time before which that much lies.
    let (mut low, mut high) = (times.start, times.end);
    while low < high {
        let middle = low.midpoint(high);
        if behind(middle) < excess { low = middle.saturating_add(1) } else { high = middle }
    }
    Some(low)
}

/// Whether the table can be written anew.
fn can_shrink(shared: &Shared, live: &LiveTable) -> bool {
    live.table.is_whole() && !shared.unmergeable.lock().contains(&live.number)
}

/// Bytes of all files that the store keeps, but for copies: snapshots, and what is in quarantine.
fn disk_bytes(shared: &Shared) -> u64 {
    let tables: u64 = shared.view().tables.iter().map(|t| t.table.summary().bytes).sum();
    let log = wal::size(&*shared.disk, Path::new(layout::WAL)).unwrap_or_default();
    let len = |name: &str| shared.disk.open(Path::new(name)).map_or(0, |file| file.len());
    let others: u64 = [layout::MANIFEST, layout::EXTRAS, layout::CATALOG, layout::RESERVE].into_iter().map(len).sum();
    tables + shared.index.counts().segment_bytes + log + others
}
