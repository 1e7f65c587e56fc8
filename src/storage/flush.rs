//! From memory to disk: a sealed memtable becomes a table, the index head a segment, and the log starts later.

use std::{io, path::Path, sync::Arc};

use super::{
    error::{StorageError, Tried},
    extras, layout, quarantine,
    store::Shared,
    sweep,
    trim::cut_before,
    version::LiveTable,
    version::{FileEntry, TableEntry},
};
use crate::{
    index::{Segment, Snapshot},
    memtable::Memtable,
    model::{SeriesBuf, TimeRange},
    seams::{append::SeriesId, env::Disk},
    sst::{Table, TableWriter},
    telemetry::log_each_minute,
    wal,
};

/// Flushes the oldest sealed memtable. Answers whether there was one.
pub(super) fn flush_oldest(shared: &Shared) -> Result<bool, StorageError> {
    let _one_at_a_time = shared.flushing.lock();
    let Some(sealed) = shared.view.load().sealed.first().cloned() else { return Ok(false) };
    persist(shared, &sealed.memtable, sealed.wal_end, |view| {
        view.sealed.remove(0);
    })?;
    remove_old_log(shared, sealed.wal_end);
    Ok(true)
}

/// Writes `memtable` and the index head to disk, commits them and `wal_start` to the manifest, and installs the table
/// in the same view in which `retire` takes the memtable out.
pub(super) fn persist(
    shared: &Shared,
    memtable: &Memtable,
    wal_start: u64,
    retire: impl FnOnce(&mut super::version::View),
) -> Result<(), StorageError> {
    shared.standing.check()?;
    let began = std::time::Instant::now();
    let table = write_table(shared, memtable)?;
    let head = shared.index.head_snapshot();
    let segment = write_segment(shared, &head)?;
    extras::save(shared)?;
    if shared.options.retention_time.is_some() {
        shared.timekeeper.store(&*shared.disk, &*shared.clock)?;
    }

    let mut manifest = shared.manifest.lock();
    let mut next = manifest.clone();
    next.wal_start = next.wal_start.max(wal_start);
    next.next_series = shared.index.next_id();
    // Memory was flushed before each delete, so what is flushed now was written after all of them.
    let settled = next.deletes.newest;
    let table = table.map(|(number, table)| Arc::new(LiveTable { number, table, windowed: false, settled }));
    next.tables.extend(table.iter().map(|t| TableEntry {
        number: t.number,
        set_aside: false,
        windowed: false,
        settled,
    }));
    next.segments.extend(segment.iter().map(|(number, _)| FileEntry { number: *number, set_aside: false }));
    shared.store_manifest(&next)?;
    *manifest = next;

    if let Some((number, segment)) = segment {
        shared.index.install(segment.clone());
        shared.segments.lock().push((number, segment));
    }
    shared.change_view(|view| {
        view.tables.extend(table.clone());
        retire(view);
    });
    drop(manifest);
    shared.counters.flushed_bytes.inc_by(table.as_ref().map_or(0, |t| t.table.summary().bytes));
    shared.counters.flushes.observe(began.elapsed().as_secs_f64());
    // Descriptions and exemplars move the log along without a sample, and a memtable may be older than retention.
    if let Some(live) = &table {
        tracing::info!(samples = memtable.samples(), bytes = live.table.summary().bytes, "flushed a memtable");
    }
    Ok(())
}

/// Writes what has not expired; `None` when that is nothing.
fn write_table(shared: &Shared, memtable: &Memtable) -> Result<Option<(u64, Arc<Table>)>, StorageError> {
    let line = shared.cutoff();
    if line > i64::MIN {
        sweep::note_dropped(shared);
    }
    if memtable.times().is_none_or(|times| times.end < line) {
        return Ok(None);
    }
    let series = memtable.series();
    let (number, path) = shared.new_file(layout::table);
    let written = (|| {
        let mut writer = TableWriter::create(&shared.disk, &path)?;
        let mut samples = SeriesBuf::default();
        for id in series {
            memtable.read(SeriesId(id), TimeRange::ALL, &mut samples);
            cut_before(&mut samples, line);
            if !samples.is_empty() {
                writer.append(SeriesId(id), &samples)?;
            }
        }
        writer.finish()?;
        shared.disk.sync_dir(Path::new(layout::TABLES)).tried("syncing the tables directory")?;
        Ok(Table::open_with(&shared.disk, &path, shared.blocks.clone())?)
    })();
    let table = written.inspect_err(|_: &StorageError| discard(&*shared.disk, &path))?;
    Ok(Some((number, Arc::new(table))))
}

fn write_segment(shared: &Shared, head: &Snapshot) -> Result<Option<(u64, Arc<Segment>)>, StorageError> {
    if head.is_empty() {
        return Ok(None);
    }
    let (number, path) = shared.new_file(layout::segment);
    let written = (|| {
        head.write(&*shared.disk, &path)?;
        shared.disk.sync_dir(Path::new(layout::INDEX)).tried("syncing the index directory")?;
        Ok(Segment::open_with(&*shared.disk, &path, shared.index.pages().clone())?)
    })();
    let segment = written.inspect_err(|_: &StorageError| discard(&*shared.disk, &path))?;
    Ok(Some((number, Arc::new(segment))))
}

/// Removes a file that nothing names. Failing to is no harm: the next start removes it.
pub(super) fn discard(disk: &dyn Disk, path: &Path) {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            log_each_minute!(warn, %error, path = %path.display(), "removing an unneeded file failed");
        }
        _ => {}
    }
}

/// Makes the log begin after all that it has, once nothing in memory rests on it: damaged segments that no flush would take
/// along go to the quarantine.
pub(super) fn end_log(shared: &Shared) -> Result<(), StorageError> {
    let view = shared.view.load();
    if !view.active.is_empty() || !view.sealed.is_empty() {
        return Ok(());
    }
    let start = shared.committer.lock().next_number();
    let mut manifest = shared.manifest.lock();
    let mut next = manifest.clone();
    next.wal_start = next.wal_start.max(start);
    next.next_series = shared.index.next_id();
    shared.store_manifest(&next)?;
    *manifest = next;
    drop(manifest);
    remove_old_log(shared, start);
    Ok(())
}

/// Removes log segments before `start`; damaged ones move to the quarantine instead.
fn remove_old_log(shared: &Shared, start: u64) {
    let dir = Path::new(layout::WAL);
    let mut damaged = shared.damaged_log.lock();
    for number in damaged.extract_if(.., |number| *number < start) {
        let path = wal::path_of(dir, number);
        if let Err(error) = quarantine::take(&*shared.disk, &path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %path.display(), "moving a damaged log segment to quarantine failed");
        }
    }
    if let Err(error) = wal::remove_before(&*shared.disk, dir, start) {
        log_each_minute!(warn, %error, "removing flushed log segments failed; the next flush or start tries again");
    }
}
