//! Compaction: tables are merged by time windows that grow with age.
//!
//! # The invariant
//!
//! *At equal series and time the sample of the later table in the manifest's order wins*, memtables after all tables.
//! Everything here keeps the samples of tables that overlap in time in that order:
//!
//! - Flushed tables are appended to the list. A table that has been put in its place is *windowed*; in the list all
//!   windowed tables come before all that are not.
//! - The oldest flushed tables become windowed: one whose samples have one place (see [`windows`]) as it is, by a flag
//!   in the manifest; others, when there are enough of them, by a merge that writes one table for each place. What is
//!   merged is always the first few of the flushed ones, so its results come before the rest; they don't overlap each
//!   other, so their own order is free.
//! - Windowed tables are merged within a window, and only neighbours among all the windowed tables that overlap that
//!   window: there is none that the result could wrongly come before or after.
//!
//! # How often a sample is rewritten
//!
//! Within a window neighbours of like size are merged, which rewrites a sample once per tier of size; a window of 12
//! hours, 3 days or 18 days that has ended becomes one table, unless little has come since it was made one. Old data ends
//! in tables of 18 days or more, up to [`table_bytes`](super::StorageOptions::table_bytes). Files never reach across the
//! border of a place, so that retention can drop them whole. Backfill goes straight to the wide windows it belongs in.
//!
//! # Failure
//!
//! A merge changes nothing until the manifest names its results; what it wrote before is removed, or cleared away by the
//! next start. A table that turns out damaged is left out of merges from then on, so that others aren't held up.

mod merge;
mod pace;
mod plan;
mod windows;

use std::sync::Arc;

pub(super) use plan::pick;

use self::{
    merge::Rules,
    plan::{Facts, Plan, Planner},
    windows::Calendar,
};
use super::{
    error::StorageError,
    flush::discard,
    layout, retention,
    store::Shared,
    sweep,
    version::Manifest,
    version::{LiveTable, View},
};

/// Drops expired tables, or merges one run of tables or segments. Answers whether there was anything to do.
pub(super) fn compact_once(shared: &Shared) -> Result<bool, StorageError> {
    let _one_at_a_time = shared.compacting.lock();
    let work = || Ok(retention::enforce(shared)? || compact_tables(shared)? || sweep::compact_segments(shared)?);
    // What memory holds comes first: a merge that still finds no room gives all it took of the reserve back, as free space.
    if shared.view.load().sealed.is_empty() { shared.reserve.with_room(&*shared.disk, work) } else { work() }
}

fn compact_tables(shared: &Shared) -> Result<bool, StorageError> {
    let view = shared.view.load_full();
    let options = &shared.options;
    let calendar = Calendar::new(shared.clock.now(), options.retention_time);
    // Where the size is limited, dropping a table should not drop most of what there is.
    let limit = options.retention_size.map_or(options.table_bytes, |bytes| options.table_bytes.min(bytes / 16));
    let facts: Vec<Facts> = {
        let stuck = shared.unmergeable.lock();
        let facts = |live: &Arc<LiveTable>| Facts {
            times: live.table.summary().times,
            bytes: live.table.summary().bytes,
            windowed: live.windowed,
            stuck: stuck.contains(&live.number) || !live.table.is_whole(),
        };
        view.tables.iter().map(facts).collect()
    };
    let at = |positions: Vec<usize>| -> Vec<Arc<LiveTable>> {
        positions.into_iter().filter_map(|i| view.tables.get(i).cloned()).collect()
    };
    match (Planner { calendar, fan_in: options.compaction_fan_in, limit }).plan(&facts) {
        None => Ok(false),
        Some(Plan::Move(positions)) => {
            let moved = at(positions);
            let new = moved.iter().map(|live| Arc::new(LiveTable { windowed: true, ..live.reference() })).collect();
            exchange(shared, &moved, new)?;
            Ok(true)
        }
        Some(Plan::Merge(positions)) => {
            rewrite(shared, &view, &at(positions), Some(calendar), true)?;
            Ok(true)
        }
    }
}

/// Writes one table anew, without what is deleted or expired.
pub(super) fn rewrite_one(shared: &Shared, view: &View, live: &Arc<LiveTable>) -> Result<(), StorageError> {
    rewrite(shared, view, std::slice::from_ref(live), None, live.windowed)
}

/// Merges `old` into new tables that take their place.
fn rewrite(
    shared: &Shared,
    view: &View,
    old: &[Arc<LiveTable>],
    calendar: Option<Calendar>,
    windowed: bool,
) -> Result<(), StorageError> {
    shared.standing.check()?;
    let began = std::time::Instant::now();
    let rules = Rules { deletes: &view.deletes, line: shared.cutoff(), calendar };
    let new = merge::merge(shared, old, &rules, windowed)?;
    let bytes = |tables: &[Arc<LiveTable>]| tables.iter().map(|t| t.table.summary().bytes).sum::<u64>();
    let (read, written, made) = (bytes(old), bytes(&new), new.len());
    // If this fails the manifest may still have arrived: the new tables stay, and the next start knows.
    exchange(shared, old, new)?;
    shared.counters.compacted_bytes.inc_by(read);
    shared.counters.compaction_written_bytes.inc_by(written);
    shared.counters.compactions.observe(began.elapsed().as_secs_f64());
    tracing::info!(tables = old.len(), into = made, read, written, "merged tables");
    old.iter().for_each(|table| discard(&*shared.disk, &layout::table(table.number)));
    Ok(())
}

/// Puts `new` where the first of `old` is, in the manifest and then in the view.
fn exchange(shared: &Shared, old: &[Arc<LiveTable>], new: Vec<Arc<LiveTable>>) -> Result<(), StorageError> {
    let is_old = |number: u64| old.iter().any(|t| t.number == number);
    let mut manifest = shared.manifest.lock();
    let mut next: Manifest = manifest.clone();
    let entries: Vec<_> = new.iter().map(|live| live.entry()).collect();
    replace(&mut next.tables, |f| is_old(f.number), entries);
    let mut view = View::clone(&shared.view.load());
    replace(&mut view.tables, |t| is_old(t.number), new.clone());
    next.forget_heeded(&view);
    shared.store_manifest(&next)?;
    let deletes = next.deletes.clone();
    *manifest = next;
    shared.change_view(|view| {
        replace(&mut view.tables, |t| is_old(t.number), new);
        view.deletes = deletes;
    });
    drop(manifest);
    if !view.deletes.tombstones.is_empty() || shared.line() > i64::MIN {
        sweep::note_dropped(shared);
    }
    Ok(())
}

/// Puts `new` where the first replaced item was.
pub(super) fn replace<T>(items: &mut Vec<T>, replaced: impl Fn(&T) -> bool, new: impl IntoIterator<Item = T>) {
    let at = items.iter().position(&replaced).unwrap_or(items.len());
    items.retain(|item| !replaced(item));
    let at = at.min(items.len());
    items.splice(at..at, new);
}

/// Rewrites every table that has deleted samples, so that nothing of them is left on disk.
pub(super) fn clean(shared: &Shared) -> Result<(), StorageError> {
    let _one_at_a_time = shared.compacting.lock();
    let newest = shared.view.load().deletes.newest;
    loop {
        let view = shared.view.load_full();
        let concerned = view.tables.iter().find(|live| live.settled < newest && view.heeds(live));
        let Some(live) = concerned else { break };
        rewrite_one(shared, &view, live)?;
    }
    // Tombstones that concern no table at all.
    exchange(shared, &[], Vec::new())
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
