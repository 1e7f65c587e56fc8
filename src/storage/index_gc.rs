//! The index forgets series that have no samples any more, while its segments are merged.
//!
//! # No id dangles
//!
//! An id that leaves the index must not be used by a write that is under way: samples would be stored that no label
//! finds. Ids are held by remembered fingerprints, by batches being built, and by batches in the queue. So an id is
//! first *retired*, in one step while no batch can be committed:
//!
//! 1. It has no sample in any table or memtable (a batch is committed wholly before or after this look).
//! 2. Fingerprints forget it and don't take it again; the index no longer resolves labels to it: when the series is
//!    written again it gets a new id.
//! 3. From now on the committer refuses batches that name it, all of each; the sender's retry resolves its labels anew.
//!
//! Only then is it left out of the merged segment. A crash in between brings it back, without samples, beside a new id of
//! the same labels; it never gets samples, because labels resolve to the newest part of the index that has them, and
//! segments keep their order; every merge leaves out what has no samples, so the two never end up in one segment.
//!
//! While a damaged table is set aside nothing is retired: whoever repairs it needs its series' labels.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use roaring::RoaringBitmap;

use super::{
    discard::discard,
    error::{StorageError, Tried},
    layout,
    state::Shared,
    tiers::pick,
    version::LiveSegment,
};
use crate::index::Segment;

/// Assumed bytes per series of an index segment, to put segments in tiers.
const SEGMENT_BYTES_PER_SERIES: u64 = 40;
/// A segment is rewritten when at least one in so many of its series has no samples.
const WORTHWHILE: u64 = 8;

/// Merges a run of segments of like size, or rewrites one that has many series without samples. Answers whether it did.
pub(super) fn compact_segments(shared: &Shared) -> Result<bool, StorageError> {
    let view = shared.versions.keep_view();
    let live = &view.segments;
    // A damaged segment stays as it is until it is repaired; neighbours on both sides of it are merged apart.
    let mut whole = live.split(|live| !live.segment.is_whole());
    let run = whole.find_map(|stretch| {
        let sizes: Vec<u64> =
            stretch.iter().map(|live| live.segment.summary().series * SEGMENT_BYTES_PER_SERIES).collect();
        stretch.get(pick(&sizes, shared.options.compaction_fan_in, u64::MAX)?)
    });
    let run = run.or_else(|| {
        let unused = shared.ghosts.swap(false, Ordering::Relaxed).then(|| unused(shared, &union(live)))?;
        if unused.is_empty() {
            return None;
        }
        shared.note_dropped();
        let many = |live: &LiveSegment| {
            let s = &live.segment;
            let gone = s.ids().intersection_len(&unused);
            s.is_whole() && gone > 0 && gone.saturating_mul(WORTHWHILE) >= s.ids().len()
        };
        live.iter().find(|live| many(live)).map(std::slice::from_ref)
    });
    match run {
        Some(run) => merge(shared, run).map(|()| true),
        None => Ok(false),
    }
}

fn union(segments: &[LiveSegment]) -> RoaringBitmap {
    segments.iter().fold(RoaringBitmap::new(), |ids, live| ids | live.segment.ids())
}

/// Those of `among` that have no samples.
fn unused(shared: &Shared, among: &RoaringBitmap) -> RoaringBitmap {
    if shared.versions.manifest().tables.iter().any(|entry| entry.set_aside) {
        return RoaringBitmap::new();
    }
    let view = shared.view();
    let mut unused = among.clone();
    view.tables.iter().for_each(|live| unused -= live.table.series());
    view.memtables().for_each(|memtable| unused -= memtable.series());
    unused
}

/// Takes those of `among` that have no samples out of use, and answers them.
fn retire(shared: &Shared, among: &RoaringBitmap) -> RoaringBitmap {
    let _nothing_is_committed = shared.committer.lock();
    let unused = unused(shared, among);
    if !unused.is_empty() {
        shared.known.retire(&unused);
        shared.index.retire(&unused);
        let mut retired = shared.retired.lock();
        *retired |= &unused;
        retired.optimize();
    }
    unused
}

fn merge(shared: &Shared, old: &[LiveSegment]) -> Result<(), StorageError> {
    shared.standing.check()?;
    let segments: Vec<Arc<Segment>> = old.iter().map(|live| Arc::clone(&live.segment)).collect();
    let all = union(old);
    let keep = &all - retire(shared, &all);
    let (number, path) = shared.versions.new_file(layout::segment);
    let merged = if keep.is_empty() {
        None
    } else {
        let written = (|| {
            Segment::merge(&*shared.disk, &path, &segments, &keep)?;
            shared.disk.sync_dir(Path::new(layout::INDEX)).tried("syncing the index directory")?;
            Ok::<_, StorageError>(Segment::open_with(&*shared.disk, &path, shared.index.pages().clone())?)
        })();
        Some(Arc::new(written.inspect_err(|_| discard(&*shared.disk, &path))?))
    };
    let merged = merged.map(|segment| LiveSegment { number, segment });
    shared.commit_version(|version| {
        version.replace_segments(old, merged);
        Ok(())
    })?;
    tracing::info!(segments = old.len(), dropped = all.len() - keep.len(), "merged index segments");
    old.iter().for_each(|live| discard(&*shared.disk, &layout::segment(live.number)));
    Ok(())
}
