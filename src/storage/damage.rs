//! What is damaged in an open store, for people: found at the start, or met since by reads.

use roaring::RoaringBitmap;

use super::{state::Shared, version::View};
use crate::{
    index::SegmentDamage,
    model::TimeRange,
    sst::{DamagedBlock, Table},
};

/// A time in ms as people write it.
pub(super) fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| format!("{ms} ms"), |time| time.to_string())
}

/// A range of times as people write it.
pub(super) fn times(range: TimeRange) -> String {
    match (range.start, range.end) {
        (i64::MIN, i64::MAX) => "of all times".to_owned(),
        (i64::MIN, end) => format!("up to {}", time(end)),
        (start, i64::MAX) => format!("from {} on", time(start)),
        (start, end) => format!("from {} to {}", time(start), time(end)),
    }
}

/// `1 series`, `3 series (5 to 9)`.
pub(super) fn series(ids: &RoaringBitmap) -> String {
    match (ids.min(), ids.max()) {
        (Some(first), Some(last)) if first == last => format!("series {first}"),
        (Some(first), Some(last)) => format!("{} series ({first} to {last})", ids.len()),
        _ => "no series".to_owned(),
    }
}

/// What it means that samples of these series are in a file, and nothing has their labels.
pub(super) fn nameless(ids: &RoaringBitmap) -> String {
    format!("it has samples of {}, which nothing gives labels", series(ids))
}

/// What a damaged block means.
pub(super) fn block(damage: &DamagedBlock) -> String {
    let DamagedBlock { at, len, first, last, samples, times: range, why } = damage;
    let series =
        if first == last { format!("series {}", first.0) } else { format!("series {} to {}", first.0, last.0) };
    format!("{why}; bytes {at} to {} held {samples} samples of {series} {}", at + u64::from(*len), times(*range))
}

/// What a damaged piece of the index means.
pub(super) fn index(damage: &SegmentDamage) -> String {
    match (damage.lost.min(), damage.lost.max()) {
        (Some(first), Some(last)) => format!(
            "{}; the labels of {} series ({first} to {last}) are lost with it, and their samples can't be found",
            damage.why,
            damage.lost.len()
        ),
        _ => format!("{}; answers stay complete, but are slower", damage.why),
    }
}

impl Shared {
    /// Everything known to be damaged, one entry per file or part of a file.
    pub(super) fn all_damage(&self) -> Vec<String> {
        let mut all = self.damage.lock().clone();
        all.extend(self.view().tables.iter().flat_map(|live| live.table.damaged_blocks()).map(|damage| block(&damage)));
        all.extend(self.index.segments().iter().flat_map(|segment| segment.damage()).map(|damage| index(&damage)));
        for text in self.index.damage() {
            // Looked-up pages that were found damaged: the same words stand at the head of an entry above.
            if !all.iter().any(|known| known.starts_with(&text)) {
                all.push(text);
            }
        }
        all
    }
}

impl View {
    /// What a reader of these series and times has to know.
    pub(super) fn warnings(&self, ids: &[u32], range: TimeRange) -> Vec<String> {
        let concerned = |damage: &DamagedBlock| {
            let from = ids.partition_point(|id| *id < damage.first.0);
            damage.times.overlaps(range) && ids.get(from).is_some_and(|id| *id <= damage.last.0)
        };
        let blocks = |table: &Table| table.damaged_blocks().into_iter().filter(concerned).collect::<Vec<_>>();
        let damaged = self.tables.iter().filter(|live| !live.table.is_whole());
        damaged
            .flat_map(|live| blocks(&live.table))
            .map(|damage| format!("samples are missing: {}", block(&damage)))
            .collect()
    }
}
