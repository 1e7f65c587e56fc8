//! From memory to disk: a sealed memtable becomes a table, the index head a segment, and the log starts later.

use std::{
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    catalog,
    discard::discard,
    error::{StorageError, Tried},
    extras, layout, quarantine,
    state::Shared,
    trim::cut_before,
    version::{FlushedTable, LiveSegment, Sealed},
};
use crate::{
    index::{Segment, Snapshot},
    memtable::Memtable,
    model::{SeriesBuf, TimeRange},
    seams::{allocator, append::SeriesId},
    sst::{Table, TableWriter},
    telemetry::log_each_minute,
    wal,
};

/// How long a failed flush waits before it is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The flusher's loop; ends when the store closes.
pub(super) fn run(shared: &Shared) {
    let mut seen = 0;
    while !shared.wakeup.stopped() {
        let pause = match flush_oldest_with_reserve(shared) {
            Ok(true) => {
                shared.reserve.keep(&*shared.disk);
                // The memtable was allocated by the thread that applied it, and the table's blocks by this one.
                allocator::give_back();
                shared.wakeup.notify();
                continue;
            }
            Ok(false) => None,
            // Why that is has been said.
            Err(StorageError::NothingWritten(_)) => Some(RETRY_PAUSE),
            Err(error) => {
                shared.counters.flush_failures.inc();
                log_each_minute!(error, %error, "flushing failed, trying again");
                Some(RETRY_PAUSE)
            }
        };
        shared.wakeup.wait(&mut seen, pause);
    }
}

/// Flushes the oldest sealed memtable, with the help of the reserve on a full disk. Answers whether there was one.
pub(super) fn flush_oldest_with_reserve(shared: &Shared) -> Result<bool, StorageError> {
    shared.reserve.with_room(&*shared.disk, || flush_oldest(shared))
}

/// Flushes the oldest sealed memtable. Answers whether there was one.
pub(super) fn flush_oldest(shared: &Shared) -> Result<bool, StorageError> {
    let _one_at_a_time = shared.flushing.lock();
    let Some(sealed) = shared.view().sealed.first().cloned() else { return Ok(false) };
    persist(shared, &sealed)?;
    remove_old_log(shared, sealed.wal_end);
    Ok(true)
}

/// Writes a sealed memtable and the index head to disk, and commits both with the new start of the log. Readers find the
/// samples in the table from the moment on at which they no longer find them in the memtable.
pub(super) fn persist(shared: &Shared, sealed: &Sealed) -> Result<(), StorageError> {
    shared.standing.check()?;
    let began = Instant::now();
    let memtable = &sealed.memtable;
    let table = write_table(shared, memtable)?;
    let segment = write_segment(shared, &shared.index.head_snapshot())?;
    extras::save(shared)?;
    catalog::save(shared)?;
    if shared.options.retention_time.is_some() {
        shared.timekeeper.store(&*shared.disk, &*shared.clock)?;
    }
    let table = shared.commit_version(|version| {
        version.begin_log_at(sealed.wal_end);
        segment.into_iter().for_each(|segment| version.add_segment(segment));
        version.flushed(Arc::clone(memtable));
        Ok(table.map(|table| version.add_flushed(table)))
    })?;
    shared.counters.flushed_bytes.inc_by(table.as_ref().map_or(0, |t| t.table.summary().bytes));
    shared.counters.flushes.observe(began.elapsed().as_secs_f64());
    // Descriptions and exemplars move the log along without a sample, and a memtable may be older than retention.
    if let Some(live) = &table {
        tracing::info!(samples = memtable.samples(), bytes = live.table.summary().bytes, "flushed a memtable");
    }
    Ok(())
}

/// Writes what has not expired; `None` when that is nothing.
fn write_table(shared: &Shared, memtable: &Memtable) -> Result<Option<FlushedTable>, StorageError> {
    let cutoff = shared.drop_cutoff();
    if cutoff > i64::MIN {
        shared.note_dropped();
    }
    if memtable.times().is_none_or(|times| times.end < cutoff) {
        return Ok(None);
    }
    let series = memtable.series();
    let (number, path) = shared.versions.new_file(layout::table);
    let written = (|| {
        let mut writer = TableWriter::create(&shared.disk, &path)?;
        let mut samples = SeriesBuf::default();
        for id in series {
            memtable.read(SeriesId(id), TimeRange::ALL, &mut samples);
            cut_before(&mut samples, cutoff);
            if !samples.is_empty() {
                writer.append(SeriesId(id), &samples)?;
            }
        }
        writer.finish()?;
        shared.disk.sync_dir(Path::new(layout::TABLES)).tried("syncing the tables directory")?;
        Ok(Table::open_with(&shared.disk, &path, shared.blocks.clone())?)
    })();
    let table = written.inspect_err(|_: &StorageError| discard(&*shared.disk, &path))?;
    Ok(Some(FlushedTable { number, table: Arc::new(table) }))
}

fn write_segment(shared: &Shared, head: &Snapshot) -> Result<Option<LiveSegment>, StorageError> {
    if head.is_empty() {
        return Ok(None);
    }
    let (number, path) = shared.versions.new_file(layout::segment);
    let written = (|| {
        head.write(&*shared.disk, &path)?;
        shared.disk.sync_dir(Path::new(layout::INDEX)).tried("syncing the index directory")?;
        Ok(Segment::open_with(&*shared.disk, &path, shared.index.pages().clone())?)
    })();
    let segment = written.inspect_err(|_: &StorageError| discard(&*shared.disk, &path))?;
    Ok(Some(LiveSegment { number, segment: Arc::new(segment) }))
}

/// Makes the log begin after all that it has, once nothing in memory rests on it: damaged segments that no flush would take
/// along go to the quarantine.
pub(super) fn end_log(shared: &Shared) -> Result<(), StorageError> {
    let view = shared.view();
    if !view.active.is_empty() || !view.sealed.is_empty() {
        return Ok(());
    }
    let start = shared.committer.lock().log.next_number();
    // Where the log had no samples no flush has saved the rest of it.
    extras::save(shared)?;
    catalog::save(shared)?;
    shared.commit_version(|version| {
        version.begin_log_at(start);
        Ok(())
    })?;
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
