//! Compaction: tables are merged by time windows that grow with age.
//!
//! # The invariant
//!
//! *At equal series and time the sample of the later table in the manifest's order wins*, memtables after all tables.
//! Everything here keeps the samples of tables that overlap in time in that order:
//!
//! - Flushed tables are appended to the list. A table that has been put in its place is *windowed*; in the list all
//!   windowed tables come before all that are not.
//! - The oldest flushed tables become windowed: one whose samples have one place (see `rewrite::windows`) as it is, by a flag
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

mod plan;

use std::{sync::Arc, time::Duration};

use self::plan::{Facts, Plan, Planner};
use super::{
    error::StorageError,
    index_gc, retention,
    rewrite::{Calendar, exchange, rewrite, rewrite_one},
    state::Shared,
    version::LiveTable,
};
use crate::{seams::allocator, telemetry::log_each_minute};

/// How often retention and window ends are looked at when nothing is flushed.
const IDLE_PAUSE: Duration = Duration::from_secs(60);
/// Of the thread that merges: a thread that somebody waits for needn't wait for the end of its time slice then, some
/// milliseconds.
#[cfg(target_os = "linux")]
const COMPACTION_NICENESS: i32 = 5;

/// The loop of the thread that merges; ends when the store closes.
pub(super) fn run(shared: &Shared) {
    give_way();
    let mut seen = 0;
    while !shared.wakeup.stopped() {
        match compact_once(shared) {
            Ok(true) => {
                allocator::give_back();
                continue;
            }
            Ok(false) | Err(StorageError::Stopped | StorageError::NothingWritten(_)) => {}
            Err(error) => {
                shared.counters.compaction_failures.inc();
                log_each_minute!(error, %error, "merging tables failed, trying again after the next flush");
            }
        }
        shared.wakeup.wait(&mut seen, Some(IDLE_PAUSE));
    }
}

/// Lets threads that somebody waits for go before this one.
fn give_way() {
    // Elsewhere a priority is that of the process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, COMPACTION_NICENESS) {
        tracing::debug!(%error, "merging goes on at the usual priority");
    }
}

/// Drops expired tables, or merges one run of tables or segments. Answers whether there was anything to do.
pub(super) fn compact_once(shared: &Shared) -> Result<bool, StorageError> {
    let _one_at_a_time = shared.compacting.lock();
    let work = || Ok(retention::enforce(shared)? || compact_tables(shared)? || index_gc::compact_segments(shared)?);
    // What memory holds comes first: a merge that still finds no room gives all it took of the reserve back, as free space.
    if shared.view().sealed.is_empty() { shared.reserve.with_room(&*shared.disk, work) } else { work() }
}

fn compact_tables(shared: &Shared) -> Result<bool, StorageError> {
    let view = shared.versions.keep_view();
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
            let new: Vec<_> =
                moved.iter().map(|live| Arc::new(LiveTable { windowed: true, ..live.reference() })).collect();
            exchange(shared, &moved, &new)?;
            Ok(true)
        }
        Some(Plan::Merge(positions)) => {
            rewrite(shared, &view, &at(positions), Some(calendar), true)?;
            Ok(true)
        }
    }
}

/// Rewrites every table that has deleted samples, so that nothing of them is left on disk.
pub(super) fn clean(shared: &Shared) -> Result<(), StorageError> {
    let _one_at_a_time = shared.compacting.lock();
    let newest = shared.view().deletes.newest;
    loop {
        let view = shared.versions.keep_view();
        let concerned = view.tables.iter().find(|live| live.settled < newest && view.heeds(live));
        let Some(live) = concerned else { break };
        rewrite_one(shared, &view, live)?;
    }
    // Tombstones that concern no table at all.
    exchange(shared, &[], &[])
}
