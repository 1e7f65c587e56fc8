//! Whether the store can take more now: new samples, labels of new series, or a batch at all.

use std::sync::atomic::Ordering;

use super::{queue::unavailable, state::Shared, version::View};
use crate::seams::append::AppendError;

/// The labels of new series may always have so many bytes.
const LEAST_LABELS: usize = 4 << 20;

/// Whether new samples, and the labels of series new with them, have the memory they may take, or all that is new since
/// the last seal the log: exemplars and metadata make that longer and fill no memtable.
pub(super) fn is_full(shared: &Shared, view: &View) -> bool {
    let options = &shared.options;
    let (logged, used) =
        (shared.logged.load(Ordering::Relaxed), view.active.bytes() + shared.index.active_head_bytes());
    if logged < options.log_bytes && used < options.memtable_bytes {
        return false;
    }
    let series = view.active.series_count();
    logged >= options.log_limit(series) || used >= options.memtable_limit(series)
}

/// Whether all that isn't flushed yet takes the memory it may, and flushing something would help.
pub(super) fn is_out_of_memory(shared: &Shared, view: &View) -> bool {
    !view.sealed.is_empty() && view.unflushed_bytes() + shared.index.head_bytes() >= shared.options.unflushed_bytes
}

/// Makes sure that there is memory for the labels of more series, some of which may belong to batches that are never
/// handed over.
pub(super) fn make_room_for_series(shared: &Shared) -> Result<(), AppendError> {
    let head = shared.index.active_head_bytes();
    if head < shared.options.memtable_bytes {
        return Ok(());
    }
    let most = shared.options.memtable_limit(shared.view().active.series_count());
    if head < most {
        return Ok(());
    }
    // It seals the head.
    shared.queue.wake();
    if head < (2 * most).max(LEAST_LABELS) {
        Ok(())
    } else {
        Err(unavailable("the memory for labels of new series is full until the disk has taken older ones"))
    }
}

/// Why a batch can't be taken now, if it can't.
pub(super) fn refuse_when_full(shared: &Shared) -> Result<(), AppendError> {
    if let Some(why) = shared.standing.ended() {
        return Err(unavailable(why));
    }
    let view = shared.view();
    if let Some(reason) = shared.reserve.refusal(&*shared.disk, view.unflushed_bytes() as u64) {
        return Err(unavailable(reason));
    }
    let backlog = view.backlog();
    if backlog >= shared.options.backlog_limit {
        return Err(unavailable(format!("{backlog} flushed tables wait for compaction, which can't keep up")));
    }
    let full = view.sealed.len() >= shared.options.sealed_limit && is_full(shared, &view);
    if full || is_out_of_memory(shared, &view) {
        Err(unavailable("the log or the memory for new samples is full until the disk has taken older ones"))
    } else {
        Ok(())
    }
}
