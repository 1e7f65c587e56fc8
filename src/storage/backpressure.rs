//! Whether the store can take more now: new samples, labels of new series, or a batch at all.

use std::sync::atomic::Ordering;

use super::{queue::unavailable, state::Shared, version::View};
use crate::seams::append::AppendError;

/// The labels of new series may always have so many bytes.
const LEAST_LABELS: usize = 4 << 20;

/// Whether new samples, and the labels of series new with them, have the memory they may take, or all that is new since
/// the last seal the log: exemplars and metadata make that longer and fill no memtable.
pub(super) fn is_full(shared: &Shared, view: &View) -> bool {
    if shared.logged.load(Ordering::Relaxed) >= shared.options.log_bytes {
        return true;
    }
    let most = shared.options.memtable_bytes;
    let samples = view.active.bytes();
    samples >= most || samples + shared.index.active_head_bytes() >= most
}

/// Makes sure that there is memory for the labels of more series, some of which may belong to batches that are never
/// handed over.
pub(super) fn make_room_for_series(shared: &Shared) -> Result<(), AppendError> {
    let (head, most) = (shared.index.active_head_bytes(), shared.options.memtable_bytes);
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
    let unflushed = view.memtables().map(|memtable| memtable.bytes() as u64).sum();
    if let Some(reason) = shared.reserve.refusal(&*shared.disk, unflushed) {
        return Err(unavailable(reason));
    }
    let backlog = view.backlog();
    if backlog >= shared.options.backlog_limit {
        return Err(unavailable(format!("{backlog} flushed tables wait for compaction, which can't keep up")));
    }
    let full = view.sealed.len() >= shared.options.sealed_limit && is_full(shared, &view);
    if full {
        Err(unavailable("the log or the memory for new samples is full until the disk has taken older ones"))
    } else {
        Ok(())
    }
}
