//! How a store is run.

use crate::seams::replay_progress::ReplayProgress;

/// What a known series' hash takes at most, with its place in a table that doubles now and then.
pub(super) const KNOWN_SERIES_BYTES: usize = 34;

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
    /// A memtable of so many series that they would have a sample or two each by then is sealed later, at this size at most.
    pub largest_memtable_bytes: usize,
    /// All memtables, and the labels of new series, together take no more than this: beyond it writes are refused until one
    /// is flushed.
    pub unflushed_bytes: usize,
    /// A memtable is sealed and flushed when the log has this much of it: the more, the longer a start takes after a crash.
    pub log_bytes: u64,
    /// The log of a memtable of many series is this long at most.
    pub largest_log_bytes: u64,
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
    /// The catalog of fields takes at most this much memory; beyond it new fields are refused.
    pub catalog_bytes: usize,
    /// Neighbouring tables of like size in a time window are merged once there are this many.
    pub compaction_fan_in: usize,
    /// Tables from this size on are not merged further.
    pub table_bytes: u64,
    /// With this many flushed tables waiting for compaction, writes are refused until there are fewer.
    pub backlog_limit: usize,
    /// How many series the index has at most: beyond, no new one is taken; 0 for no limit.
    pub max_series: u64,
    /// How many new series are taken in a minute of the clock; 0 for no limit.
    pub max_new_series_per_minute: u64,
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
            largest_memtable_bytes: 0,
            unflushed_bytes: 192 << 20,
            log_bytes: 64 << 20,
            largest_log_bytes: 0,
            memtable_age: 2 * 3_600_000,
            sealed_limit: 2,
            wal_segment_bytes: 64 << 20,
            queue_bytes: 64 << 20,
            block_cache_bytes: 32 << 20,
            page_cache_bytes: 4 << 20,
            known_series: 1 << 20,
            exemplars: 100_000,
            metadata: 50_000,
            catalog_bytes: 16 << 20,
            compaction_fan_in: 4,
            table_bytes: 4 << 30,
            backlog_limit: 64,
            max_series: 0,
            max_new_series_per_minute: 0,
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

/// Memory that each series of a memtable may take before it is sealed, where there is room for it: ten samples or so. With one
/// sample each, a series costs as much to flush and to merge as with ten.
const SERIES_BYTES: usize = 128;
/// What the log may have of each: five samples or so. A start after a crash takes some 0.2 µs of CPU for one.
const SERIES_LOG: u64 = 48;
/// Room for what is written while the largest memtable is flushed.
const NEXT_MEMTABLE: usize = 256 << 20;
/// From this part of the store's memory on, more of it goes where millions of active series need it.
const ORDINARY: usize = 896 << 20;

impl StorageOptions {
    /// The same where what isn't samples in tables takes only a part of a limited size.
    #[must_use]
    pub(super) fn fitted(mut self) -> Self {
        if let Some(size) = self.retention_size {
            let log = (size / LOG_PART).max(LEAST_LOG);
            self.log_bytes = self.log_bytes.min(log);
            self.largest_log_bytes = self.largest_log_bytes.min(log);
            self.reserve_bytes = self.reserve_bytes.min(size / RESERVE_PART);
        }
        self
    }

    /// The size at which a memtable of so many series is sealed.
    pub(super) fn memtable_limit(&self, series: u64) -> usize {
        let wanted = usize::try_from(series).unwrap_or(usize::MAX).saturating_mul(SERIES_BYTES);
        wanted.min(self.largest_memtable_bytes).max(self.memtable_bytes)
    }

    /// The length of the log at which a memtable of so many series is sealed.
    pub(super) fn log_limit(&self, series: u64) -> u64 {
        series.saturating_mul(SERIES_LOG).min(self.largest_log_bytes).max(self.log_bytes)
    }

    /// Options for a store that may use `budget` bytes of memory for its own parts.
    ///
    /// Up to 896 MiB are 28 shares, of which 18 are for new samples and the labels of new series: one memtable that fills
    /// and two that are being flushed, with what flushing needs besides. The catalog of fields may have half a share, blocks of
    /// tables read before get 5 1/2, pages of the index 2, and the hashes of known series (at most 34 bytes each) 2. Of what there
    /// is beyond, memtables get 19/32, so that each of ten million series has several samples when theirs is flushed, hashes
    /// 7/32, and blocks 5/32. Upper limits keep the rest for the page cache where a share would be more than is of use.
    #[must_use]
    pub fn for_memory(budget: usize) -> Self {
        let (ordinary, more) = (budget.min(ORDINARY), budget.saturating_sub(ORDINARY));
        let share = |shares: usize, low: usize, high: usize| (ordinary / 28 * shares).clamp(low, high);
        let memtable_bytes = share(5, 3 << 20, 128 << 20);
        let unflushed_bytes = share(15, 9 << 20, usize::MAX) + more / 32 * 19;
        let catalog_bytes = (ordinary / 56).clamp(1 << 20, 16 << 20);
        let largest_memtable_bytes = unflushed_bytes.saturating_sub(NEXT_MEMTABLE).max(memtable_bytes);
        Self {
            memtable_bytes,
            largest_memtable_bytes,
            unflushed_bytes,
            largest_log_bytes: largest_memtable_bytes as u64 / 8 * 5,
            block_cache_bytes: (share(6, 3 << 20, usize::MAX) - catalog_bytes + more / 32 * 5).min(1 << 30),
            page_cache_bytes: share(2, 1 << 20, 64 << 20),
            queue_bytes: (budget / 28 * 14).clamp(16 << 20, 256 << 20),
            catalog_bytes,
            known_series: (share(2, 1 << 20, usize::MAX) + more / 32 * 7) / KNOWN_SERIES_BYTES,
            reserve_bytes: super::reserve::RESERVE_BYTES,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memtable_of_many_series_is_sealed_later_where_memory_has_room() {
        let small = StorageOptions::for_memory(100 << 20);
        assert_eq!((small.memtable_limit(10_000_000), small.log_limit(10_000_000)), (small.memtable_bytes, 64 << 20));
        let large = StorageOptions::for_memory(2_000 << 20);
        assert_eq!((large.memtable_limit(500_000), large.log_limit(500_000)), (128 << 20, 64 << 20));
        assert!(large.memtable_limit(2_500_000) > 300 << 20 && large.log_limit(2_500_000) > 100 << 20);
        assert!(large.memtable_limit(u64::MAX) + NEXT_MEMTABLE <= large.unflushed_bytes);
        let limited = StorageOptions { retention_size: Some(1 << 30), ..large }.fitted();
        assert!(limited.log_limit(u64::MAX) <= 128 << 20);
    }
}
