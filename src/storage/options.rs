//! How a store is run.

use crate::seams::replay_progress::ReplayProgress;

/// About what a known series' hash takes, with its place in a table that doubles now and then.
pub(super) const KNOWN_SERIES_BYTES: usize = 48;

/// Who does the work that isn't a caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// Threads of the store's own commit, flush and compact.
    Background,
    /// Nobody: an append commits on the caller's thread, and [`Storage::flush`](super::Storage::flush) and
    /// [`Storage::compact`](super::Storage::compact) are called by hand. Every run is repeatable then, which is what
    /// crash tests need.
    Manual,
}

/// How a store is run. Sizes are bytes, times are ms.
#[derive(Debug, Clone)]
pub struct StorageOptions {
    /// A memtable is sealed and flushed when it has this size together with the labels of the series that came with it.
    pub memtable_bytes: usize,
    /// A memtable is sealed and flushed when the log has this much of it: the more, the longer a start takes after a crash.
    pub log_bytes: u64,
    /// A memtable is sealed and flushed at this age, so that the log stays short on a quiet machine.
    pub memtable_age: i64,
    /// With this many memtables sealed and not yet flushed, writes are refused until one is.
    pub sealed_limit: usize,
    /// A log segment is closed at this size.
    pub wal_segment_bytes: u64,
    /// Batches waiting for the log may take this much; beyond it writes are refused until it shrinks. Whoever brings a batch
    /// counts its memory until it is stored, so this is no part of the store's own.
    pub queue_bytes: usize,
    /// Blocks of tables that were read take at most this much memory, for those who read them again.
    pub block_cache_bytes: usize,
    /// Unpacked pages of the index take at most this much memory.
    pub page_cache_bytes: usize,
    /// At most this many series are known by the hash of their labels, and found without parsing them.
    pub known_series: usize,
    /// At most this many exemplars are kept; the oldest leave first.
    pub exemplars: usize,
    /// At most this many metadata entries are kept.
    pub metadata: usize,
    /// Neighbouring tables of like size in a time window are merged once there are this many.
    pub compaction_fan_in: usize,
    /// Tables from this size on are not merged further.
    pub table_bytes: u64,
    /// With this many flushed tables waiting for compaction, writes are refused until there are fewer.
    pub backlog_limit: usize,
    /// Samples are dropped at this age (ms).
    pub retention_time: Option<i64>,
    /// The oldest samples are dropped when all files together, but for snapshots and quarantine, are larger than this.
    pub retention_size: Option<u64>,
    /// Space kept in the file `RESERVE` for flushing on a full disk, and the free space below which writes are refused.
    pub reserve_bytes: u64,
    /// Nothing is changed on disk: the directory may be one that can only be read. Writes are refused.
    pub read_only: bool,
    /// Who does the work.
    pub threads: Threads,
    /// Where the start tells how far it has replayed the log.
    pub replay_progress: ReplayProgress,
}

impl Default for StorageOptions {
    fn default() -> Self {
        Self {
            memtable_bytes: 64 << 20,
            log_bytes: 64 << 20,
            memtable_age: 2 * 3_600_000,
            sealed_limit: 2,
            wal_segment_bytes: 64 << 20,
            queue_bytes: 64 << 20,
            block_cache_bytes: 32 << 20,
            page_cache_bytes: 4 << 20,
            known_series: 1 << 20,
            exemplars: 100_000,
            metadata: 50_000,
            compaction_fan_in: 4,
            table_bytes: 4 << 30,
            backlog_limit: 64,
            retention_time: None,
            retention_size: None,
            reserve_bytes: 0,
            read_only: false,
            threads: Threads::Background,
            replay_progress: ReplayProgress::default(),
        }
    }
}

/// Of a limited size the log of a memtable takes this part at most, but always has so many bytes, and the reserve this part.
const LOG_PART: u64 = 8;
const LEAST_LOG: u64 = 1 << 20;
const RESERVE_PART: u64 = 16;

impl StorageOptions {
    /// The same where what isn't samples in tables takes only a part of a limited size.
    #[must_use]
    pub(super) fn fitted(mut self) -> Self {
        if let Some(size) = self.retention_size {
            self.log_bytes = self.log_bytes.min((size / LOG_PART).max(LEAST_LOG));
            self.reserve_bytes = self.reserve_bytes.min(size / RESERVE_PART);
        }
        self
    }

    /// Options for a store that may use `budget` bytes of memory for its own parts.
    ///
    /// Of 28 shares, 18 are for new samples and the labels of new series: one memtable that fills and two that are being
    /// flushed, with what flushing needs besides. Blocks of tables read before get 6, pages of the index 2, and the hashes of
    /// known series (about 48 bytes each) 2. Upper limits keep the rest for the page cache where a share would be more than
    /// is of use.
    #[must_use]
    pub fn for_memory(budget: usize) -> Self {
        let share = |shares: usize, low: usize, high: usize| (budget / 28 * shares).clamp(low, high);
        Self {
            memtable_bytes: share(5, 3 << 20, 128 << 20),
            block_cache_bytes: share(6, 3 << 20, 1 << 30),
            page_cache_bytes: share(2, 1 << 20, 64 << 20),
            queue_bytes: share(14, 16 << 20, 256 << 20),
            known_series: share(2, 1 << 20, 192 << 20) / KNOWN_SERIES_BYTES,
            reserve_bytes: super::reserve::RESERVE_BYTES,
            ..Self::default()
        }
    }
}
