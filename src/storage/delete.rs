//! Deletes: samples of chosen series and times vanish at once, from reads first and from the files later.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{compact, damage, error::StorageError, flush, state::Shared, store::Storage};
use crate::{
    index::IndexError,
    model::{Matcher, SeriesBuf, TimeRange},
    seams::{
        admin::{Admin, AdminError, Deleted, Snapshot},
        append::SeriesId,
        cause::Cause,
        interrupt::{Interrupt, Never, Ticks},
    },
    sst::Pass,
};

/// Tombstones together may take this many bytes (32 MiB) in the manifest, which each flush writes anew.
const MOST_BYTES: usize = 32 << 20;

impl Storage {
    /// See [`Admin::delete`].
    ///
    /// # Errors
    /// When stored data can't be read or the disk refuses.
    pub fn delete(&self, selectors: &[Vec<Matcher>], range: TimeRange, dry_run: bool) -> Result<Deleted, StorageError> {
        self.delete_unless(selectors, range, dry_run, &Never)
    }

    /// Deletes or counts samples, unless it is interrupted before anything is deleted.
    fn delete_unless(
        &self,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
        dry_run: bool,
        interrupt: &dyn Interrupt,
    ) -> Result<Deleted, StorageError> {
        let shared = &*self.shared;
        let range = shared.visible(range);
        if dry_run {
            return Ok(count(shared, selectors, range, true, interrupt)?.0);
        }
        shared.standing.check()?;
        interrupt.check().map_err(IndexError::from)?;
        let _one_at_a_time = shared.deleting.lock();
        // A tombstone hides what is in tables, so everything must be there; and the log must start behind it, or a
        // crash would bring it back.
        shared.committer.lock().seal_all(shared);
        while flush::flush_oldest(shared)? {}
        let (deleted, series) = count(shared, selectors, range, false, interrupt)?;
        if !series.is_empty() {
            bury(shared, series, range)?;
            shared.counters.deleted.inc_by(deleted.samples);
            let (Deleted { series, samples }, times) = (deleted, damage::times(range));
            tracing::info!(series, samples, "deleted samples {times}");
            shared.wakeup.notify();
        }
        Ok(deleted)
    }

    /// See [`Admin::clean_tombstones`].
    ///
    /// # Errors
    /// When a table can't be read or the disk refuses.
    pub fn clean_tombstones(&self) -> Result<(), StorageError> {
        compact::clean(&self.shared)
    }
}

/// What there is to delete, in memory too or only in tables.
fn count(
    shared: &Shared,
    selectors: &[Vec<Matcher>],
    range: TimeRange,
    memory: bool,
    interrupt: &dyn Interrupt,
) -> Result<(Deleted, RoaringBitmap), StorageError> {
    let view = shared.versions.keep_view();
    let mut series = RoaringBitmap::new();
    let mut samples = 0;
    if range.start > range.end {
        return Ok((Deleted::default(), series));
    }
    let mut matched = shared.find_any(selectors, interrupt)?;
    matched &= if memory { view.series_in(range) } else { view.stored_in(range) };
    let (mut buf, pass) = (SeriesBuf::default(), Pass::new());
    let ticks = Ticks::of(interrupt);
    for id in matched {
        ticks.tick().map_err(IndexError::from)?;
        if memory {
            view.read(SeriesId(id), range, pass, &mut buf)?;
        } else {
            view.read_tables(SeriesId(id), range, pass, &mut buf)?;
        }
        if !buf.is_empty() {
            series.insert(id);
            samples += buf.len() as u64;
        }
    }
    Ok((Deleted { series: series.len(), samples }, series))
}

/// Commits the tombstone.
fn bury(shared: &Shared, mut series: RoaringBitmap, range: TimeRange) -> Result<(), StorageError> {
    series.optimize();
    shared.commit_version(|version| {
        let bytes = version.manifest().deletes.bytes() + series.serialized_size();
        if bytes > MOST_BYTES {
            return Err(StorageError::TooManyDeletes { bytes, limit: MOST_BYTES });
        }
        version.bury(Arc::new(series), range);
        Ok(())
    })?;
    shared.journal.changed(range);
    Ok(())
}

impl From<StorageError> for AdminError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::TooManyDeletes { .. }
            | StorageError::NothingWritten(_)
            | StorageError::SnapshotNeeded { .. } => Self::Refused(error.to_string()),
            StorageError::NoSnapshot(_) => Self::NotFound(error.to_string()),
            StorageError::Index(IndexError::Interrupted(interrupted)) => Self::Interrupted(interrupted),
            _ => Self::Storage(Cause::new(error)),
        }
    }
}

impl Admin for Storage {
    fn delete(
        &self,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
        dry_run: bool,
        interrupt: &dyn Interrupt,
    ) -> Result<Deleted, AdminError> {
        Ok(self.delete_unless(selectors, range, dry_run, interrupt)?)
    }

    fn clean_tombstones(&self) -> Result<(), AdminError> {
        Ok(Storage::clean_tombstones(self)?)
    }

    fn snapshot(&self, skip_head: bool) -> Result<String, AdminError> {
        Ok(Storage::snapshot(self, skip_head)?)
    }

    fn snapshots(&self) -> Result<Vec<Snapshot>, AdminError> {
        Ok(Storage::snapshots(self)?)
    }

    fn delete_snapshot(&self, name: &str) -> Result<(), AdminError> {
        Ok(Storage::delete_snapshot(self, name)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Labels, MatchOp},
        seams::{
            append::{Append, Batch, FloatSample},
            env::{SimDisk, TestClock},
        },
        storage::{StorageOptions, Threads},
    };

    #[test]
    fn with_too_many_tombstones_a_delete_is_refused_with_what_to_do_and_takes_nothing() {
        let options = StorageOptions { threads: Threads::Manual, ..StorageOptions::default() };
        let storage = Storage::open(Arc::new(SimDisk::new()), Arc::new(TestClock::at(0)), options).unwrap();
        let mut batch = Batch::default();
        let series = storage.series(&Labels::from_pairs([("__name__", "a")]).unwrap(), None, &mut batch).unwrap();
        batch.floats.push(FloatSample { series, time: 5, value: 1.0, start: 0 });
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(storage.append(batch)).unwrap();
        storage.flush().unwrap();
        let wide: Arc<RoaringBitmap> = Arc::new((0..1_000_000).map(|i| i * 2 + 7).collect());
        let many = 0..=MOST_BYTES / wide.serialized_size();
        let buried = storage.shared.commit_version(|version| {
            many.for_each(|_| version.bury(wide.clone(), TimeRange::new(6, 7)));
            Ok(())
        });
        buried.unwrap();

        let selector = [vec![Matcher::new(MatchOp::Equal, "__name__", "a").unwrap()]];
        let all = |dry_run| Admin::delete(&storage, &selector, TimeRange::ALL, dry_run, &Never);
        let Err(AdminError::Refused(text)) = all(false) else { panic!("it was not refused") };
        assert!(text.contains("clean tombstones first"), "{text}");
        assert_eq!(all(true).unwrap(), Deleted { series: 1, samples: 1 }, "still there");
    }
}
