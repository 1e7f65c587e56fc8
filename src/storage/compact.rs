//! Merging: runs of neighbouring tables of like size become one table, index segments likewise.
//!
//! Only neighbours in the manifest's order are merged, so precedence (a later table wins) is kept whatever times they
//! cover. A table's tier is the logarithm of its size to the base of the fan-in; a run of fan-in tables of at most one
//! tier is merged, lowest tier first, so that each sample is rewritten once per tier. This is size-tiered compaction as
//! Cassandra and others have it, restricted to neighbours.

use std::{ops::Range, path::Path, sync::Arc};

use super::{
    error::{StorageError, Tried},
    flush::discard,
    layout,
    manifest::FileEntry,
    merge::merge_over,
    store::Shared,
    view::LiveTable,
};
use crate::{
    index::Segment,
    model::SeriesBuf,
    seams::append::SeriesId,
    sst::{Table, TableScan, TableWriter},
};

/// Tables and segments below this size (bytes) are all of the lowest tier.
const SMALLEST: u64 = 1 << 20;
/// Assumed bytes per series of an index segment, to put segments in tiers.
const SEGMENT_BYTES_PER_SERIES: u64 = 40;

/// Merges one run of tables or segments. Answers whether there was one to merge.
pub(super) fn compact_once(shared: &Shared) -> Result<bool, StorageError> {
    let _one_at_a_time = shared.compacting.lock();
    Ok(compact_tables(shared)? || compact_segments(shared)?)
}

/// The first run of neighbours of at most one tier, `fan_in` of them of that very tier, together at most `limit` large;
/// the lowest tier that has one.
fn pick(sizes: &[u64], fan_in: usize, limit: u64) -> Option<Range<usize>> {
    let fan_in = fan_in.max(2);
    let tier = |size: u64| (size.max(SMALLEST) / SMALLEST).ilog(fan_in as u64);
    let highest = sizes.iter().map(|s| tier(*s)).max()?;
    for wanted in 0..=highest {
        let (mut start, mut total, mut of_tier) = (0, 0u64, 0);
        for (i, size) in sizes.iter().enumerate() {
            if tier(*size) > wanted || total + size > limit {
                (start, total, of_tier) = (i, 0, 0);
            }
            if tier(*size) > wanted {
                start = i + 1;
                continue;
            }
            total += size;
            of_tier += usize::from(tier(*size) == wanted);
            let last_of_run = sizes.get(i + 1).is_none_or(|s| tier(*s) > wanted || total + s > limit);
            if of_tier >= fan_in && last_of_run {
                return Some(start..i + 1);
            }
        }
    }
    None
}

fn compact_tables(shared: &Shared) -> Result<bool, StorageError> {
    let view = shared.view.load_full();
    let sizes: Vec<u64> = view.tables.iter().map(|t| t.table.summary().bytes).collect();
    let Some(run) = pick(&sizes, shared.options.compaction_fan_in, shared.options.table_bytes) else {
        return Ok(false);
    };
    let old: Vec<Arc<LiveTable>> = view.tables.get(run).unwrap_or_default().to_vec();
    let (number, path) = shared.new_file(layout::table);
    let written = (|| {
        merge_tables(shared, &old, &path)?;
        shared.disk.sync_dir(Path::new(layout::TABLES)).tried("syncing the tables directory")?;
        Ok::<_, StorageError>(Table::open(&shared.disk, &path)?)
    })();
    let table = written.inspect_err(|_| discard(&*shared.disk, &path))?;
    let merged = Arc::new(LiveTable { number, table });
    let replaced = |n: u64| old.iter().any(|t| t.number == n);

    let mut manifest = shared.manifest.lock();
    let mut next = manifest.clone();
    replace(&mut next.tables, |f| replaced(f.number), FileEntry { number, set_aside: false });
    next.store(&*shared.disk)?;
    *manifest = next;
    shared.change_view(|view| replace(&mut view.tables, |t| replaced(t.number), merged));
    drop(manifest);
    shared.counters.compacted_bytes.inc_by(old.iter().map(|t| t.table.summary().bytes).sum());
    tracing::info!(tables = old.len(), "merged tables");
    for table in &old {
        discard(&*shared.disk, &layout::table(table.number));
    }
    Ok(true)
}

/// Puts `new` where the first replaced item was.
fn replace<T>(items: &mut Vec<T>, replaced: impl Fn(&T) -> bool, new: T) {
    let at = items.iter().position(&replaced).unwrap_or(items.len());
    items.retain(|item| !replaced(item));
    items.insert(at.min(items.len()), new);
}

/// Merges `tables` (lowest precedence first) series by series into a new table at `path`.
fn merge_tables(shared: &Shared, tables: &[Arc<LiveTable>], path: &Path) -> Result<(), StorageError> {
    let mut writer = TableWriter::create(&shared.disk, path)?;
    let mut inputs = Vec::with_capacity(tables.len());
    for live in tables {
        let mut scan = live.table.scan();
        let head = scan.next().transpose()?;
        inputs.push((scan, head));
    }
    let (mut merged, mut scratch) = (SeriesBuf::default(), SeriesBuf::default());
    while let Some(id) = inputs.iter().filter_map(|(_, head)| head.as_ref().map(|h| h.0)).min() {
        merged.clear();
        for (scan, head) in &mut inputs {
            take_series(scan, head, id, |part| merge_over(&mut merged, part, &mut scratch))?;
        }
        writer.append(id, &merged)?;
    }
    writer.finish()?;
    Ok(())
}

/// Hands the scan's part of series `id`, if its head is that, to `each`, and moves on.
fn take_series(
    scan: &mut TableScan<'_>,
    head: &mut Option<(SeriesId, SeriesBuf)>,
    id: SeriesId,
    mut each: impl FnMut(&SeriesBuf),
) -> Result<(), StorageError> {
    while let Some((found, samples)) = head.as_ref().filter(|(found, _)| *found == id) {
        debug_assert_eq!(*found, id);
        each(samples);
        *head = scan.next().transpose()?;
    }
    Ok(())
}

fn compact_segments(shared: &Shared) -> Result<bool, StorageError> {
    let live = shared.segments.lock().clone();
    let sizes: Vec<u64> = live.iter().map(|(_, s)| s.summary().series * SEGMENT_BYTES_PER_SERIES).collect();
    let Some(run) = pick(&sizes, shared.options.compaction_fan_in, u64::MAX) else { return Ok(false) };
    let old = live.get(run).unwrap_or_default();
    let (numbers, segments): (Vec<u64>, Vec<Arc<Segment>>) = old.iter().cloned().unzip();
    let mut keep = roaring::RoaringBitmap::new();
    for segment in &segments {
        keep |= segment.ids();
    }
    let (number, path) = shared.new_file(layout::segment);
    let written = (|| {
        Segment::merge(&*shared.disk, &path, &segments, &keep)?;
        shared.disk.sync_dir(Path::new(layout::INDEX)).tried("syncing the index directory")?;
        Ok::<_, StorageError>(Segment::open(&*shared.disk, &path)?)
    })();
    let merged = Arc::new(written.inspect_err(|_| discard(&*shared.disk, &path))?);

    let mut manifest = shared.manifest.lock();
    let mut next = manifest.clone();
    replace(&mut next.segments, |f| numbers.contains(&f.number), FileEntry { number, set_aside: false });
    next.store(&*shared.disk)?;
    *manifest = next;
    shared.index.replace(&segments, merged.clone());
    replace(&mut shared.segments.lock(), |(n, _)| numbers.contains(n), (number, merged));
    drop(manifest);
    for number in numbers {
        discard(&*shared.disk, &layout::segment(number));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_run_of_like_neighbours_is_picked_lowest_tier_first() {
        assert_eq!(pick(&[1, 2, 3], 4, u64::MAX), None);
        assert_eq!(pick(&[1, 2, 3, 4], 4, u64::MAX), Some(0..4));
        assert_eq!(pick(&[70 * MIB, 1, 2, 3, 4], 4, u64::MAX), Some(1..5));
        assert_eq!(pick(&[1, 2, 70 * MIB, 3, 4], 4, u64::MAX), None, "no run of four neighbours is small");
        assert_eq!(pick(&[9 * MIB, 8 * MIB, 7 * MIB, 6 * MIB, 1], 4, u64::MAX), Some(0..5));
    }

    #[test]
    fn a_merge_stays_below_the_size_limit() {
        assert_eq!(pick(&[6 * MIB; 8], 4, 20 * MIB), None);
        assert_eq!(pick(&[5 * MIB; 8], 4, 20 * MIB), Some(0..4));
    }

    #[test]
    fn the_result_takes_the_place_of_the_first_replaced_item() {
        let mut items = vec![1, 2, 3, 4];
        replace(&mut items, |i| *i == 2 || *i == 3, 9);
        assert_eq!(items, [1, 9, 4]);
    }
}
