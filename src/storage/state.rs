//! What the store's threads and callers share, and in which order they lock it.
//!
//! # The order of locks
//!
//! Whoever holds one of these takes only later ones:
//!
//! 1. `deleting`: a delete, from the flush before it to its tombstone.
//! 2. `compacting`, `flushing`, or `snapshots`: nobody holds two of them.
//! 3. `committer`: the log's end, the active memtable, and with them the moment at which nothing is committed.
//! 4. The manifest's, in `versions`: held while the manifest is synced. The committer waits for it only when a store is
//!    flushed whole ([`Committer::log`] says where the log goes on) and when series leave the index.
//! 5. The view's, in `versions`: held while a view is copied and replaced, never during file work.
//!
//! All others are held for a moment in which no other lock is taken, but that lists look at shards of memtables while they hold the
//! one inside `index`: those inside `index`, `catalog`, `known`, `journal`, `queue`,
//! `timekeeper`, `standing`, `series_limits` and `wakeup`, and `exemplars`, `metadata`, `unmergeable`, `retired`. Only the start, which is
//! alone, holds `damage` and `damaged_log` together.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use arc_swap::Guard;
use parking_lot::Mutex;
use roaring::RoaringBitmap;

use super::{
    counters::Counters,
    error::StorageError,
    exemplars::Exemplars,
    fingerprints::Fingerprints,
    journal::Journal,
    log_tail::LogTail,
    metadata::MetadataTable,
    options::StorageOptions,
    queue::Queue,
    reserve::Reserve,
    series_limits::SeriesLimits,
    standing::Standing,
    timekeeper::Timekeeper,
    version::{Version, Versions, View},
    wakeup::Wakeup,
};
use crate::{
    index::Index,
    seams::{
        catalog::Catalog,
        env::{Clock, Disk},
    },
    sst::BlockCache,
};

/// Everything the store's threads and callers share.
pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: StorageOptions,
    /// Whether anything may be changed on disk; holds the directory's lock.
    pub(super) standing: Standing,
    /// The time by which samples expire.
    pub(super) timekeeper: Timekeeper,
    pub(super) index: Index,
    /// What is live.
    pub(super) versions: Versions,
    pub(super) known: Fingerprints,
    /// Limits on new series.
    pub(super) series_limits: SeriesLimits,
    /// Which times have changed.
    pub(super) journal: Journal,
    pub(super) exemplars: Mutex<Exemplars>,
    pub(super) metadata: Mutex<MetadataTable>,
    /// Which fields there are.
    pub(super) catalog: Catalog,
    pub(super) queue: Queue,
    /// Locked by whoever commits.
    pub(super) committer: Mutex<Committer>,
    /// Bytes of records in the log since the last seal.
    pub(super) logged: AtomicU64,
    /// Blocks of tables that were read before.
    pub(super) blocks: Arc<BlockCache>,
    /// One memtable is flushed at a time.
    pub(super) flushing: Mutex<()>,
    /// Tables and segments are merged or dropped by one at a time.
    pub(super) compacting: Mutex<()>,
    /// One delete is made at a time.
    pub(super) deleting: Mutex<()>,
    /// One snapshot is made or deleted at a time.
    pub(super) snapshots: Mutex<()>,
    /// Numbers of tables that turned out damaged while they were merged.
    pub(super) unmergeable: Mutex<BTreeSet<u64>>,
    /// The index may have series without samples; see `index_gc`.
    pub(super) ghosts: AtomicBool,
    /// Series that have left the index since the store was opened.
    pub(super) retired: Mutex<RoaringBitmap>,
    /// Log segments found damaged at replay: they go to quarantine instead of being removed.
    pub(super) damaged_log: Mutex<Vec<u64>>,
    /// What was found damaged, for people.
    pub(super) damage: Mutex<Vec<String>>,
    pub(super) reserve: Reserve,
    pub(super) wakeup: Wakeup,
    pub(super) counters: &'static Counters,
}

/// What belongs to whoever commits; `group_commit` has what it does.
pub(super) struct Committer {
    pub(super) log: LogTail,
    /// When the active memtable got its first sample (ms).
    pub(super) active_since: Option<i64>,
    /// How many flushes there had been when the committing thread last gave memory back.
    pub(super) flushes: u64,
}

impl Shared {
    /// What readers see now.
    pub(super) fn view(&self) -> Guard<Arc<View>> {
        self.versions.view()
    }

    /// Changes what is live: see [`Versions::commit`].
    pub(super) fn commit_version<T>(
        &self,
        edit: impl FnOnce(&mut Version) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.versions.commit(&*self.disk, &self.standing, &self.index, edit)
    }

    /// Notes that samples went, so that series may be without any.
    pub(super) fn note_dropped(&self) {
        self.ghosts.store(true, Ordering::Relaxed);
    }
}
