//! Writing tables anew: some go in, others come out that take their place, without what is deleted or has expired.
//!
//! A rewrite changes nothing until the manifest names its results; what it wrote before is removed, or cleared away by the
//! next start. `compact` says which tables, and in what order.

mod merge;
mod pace;
mod windows;

use std::{sync::Arc, time::Instant};

use self::merge::Rules;
pub(super) use self::windows::{Calendar, fits, window};
use super::{
    discard::discard,
    error::StorageError,
    layout,
    state::Shared,
    version::{LiveTable, View},
};

/// Writes one table anew, without what is deleted or expired.
pub(super) fn rewrite_one(shared: &Shared, view: &View, live: &Arc<LiveTable>) -> Result<(), StorageError> {
    rewrite(shared, view, std::slice::from_ref(live), None, live.windowed)
}

/// Merges `old` into new tables that take their place.
pub(super) fn rewrite(
    shared: &Shared,
    view: &View,
    old: &[Arc<LiveTable>],
    calendar: Option<Calendar>,
    windowed: bool,
) -> Result<(), StorageError> {
    shared.standing.check()?;
    let began = Instant::now();
    let rules = Rules { deletes: &view.deletes, cutoff: shared.drop_cutoff(), calendar };
    let new = merge::merge(shared, old, &rules, windowed)?;
    let bytes = |tables: &[Arc<LiveTable>]| tables.iter().map(|t| t.table.summary().bytes).sum::<u64>();
    let (read, written, made) = (bytes(old), bytes(&new), new.len());
    // If this fails the manifest may still have arrived: the new tables stay, and the next start knows.
    exchange(shared, old, &new)?;
    shared.counters.compacted_bytes.inc_by(read);
    shared.counters.compaction_written_bytes.inc_by(written);
    shared.counters.compactions.observe(began.elapsed().as_secs_f64());
    tracing::info!(tables = old.len(), into = made, read, written, "merged tables");
    old.iter().for_each(|table| discard(&*shared.disk, &layout::table(table.number)));
    Ok(())
}

/// Puts `new` where the first of `old` is.
pub(super) fn exchange(shared: &Shared, old: &[Arc<LiveTable>], new: &[Arc<LiveTable>]) -> Result<(), StorageError> {
    let may_lack_deleted = shared.commit_version(|version| {
        let deletes = version.manifest().deletes.clone();
        version.replace_tables(old, new);
        Ok(!deletes.tombstones.is_empty())
    })?;
    if may_lack_deleted || shared.shown_cutoff() > i64::MIN {
        shared.note_dropped();
    }
    Ok(())
}
