//! How a store is run.

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
    /// A memtable is sealed and flushed at this size.
    pub memtable_bytes: usize,
    /// A memtable is sealed and flushed when the log has this much of it: the more, the longer a start takes after a crash.
    pub log_bytes: u64,
    /// A memtable is sealed and flushed at this age, so that the log stays short on a quiet machine.
    pub memtable_age: i64,
    /// With this many memtables sealed and not yet flushed, writes are refused until one is.
    pub sealed_limit: usize,
    /// A log segment is closed at this size.
    pub wal_segment_bytes: u64,
    /// Batches waiting for the log may take this much; beyond it writes are refused until it shrinks.
    pub queue_bytes: usize,
    /// So many senders' series are found without parsing their labels.
    pub known_series: usize,
    /// So many exemplars are kept, the oldest leave first.
    pub exemplars: usize,
    /// So many metadata entries are kept.
    pub metadata: usize,
    /// Neighbouring tables of like size in a time window are merged once there are this many.
    pub compaction_fan_in: usize,
    /// Tables from this size on are not merged further.
    pub table_bytes: u64,
    /// With this many flushed tables waiting for compaction, writes are refused until there are fewer.
    pub backlog_limit: usize,
    /// Samples are dropped at this age (ms).
    pub retention_time: Option<i64>,
    /// The oldest samples are dropped when tables, index and log together are larger than this.
    pub retention_size: Option<u64>,
    /// Space kept in the file `RESERVE` for flushing on a full disk, and the free space below which writes are refused.
    pub reserve_bytes: u64,
    /// Who does the work.
    pub threads: Threads,
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
            known_series: 1 << 20,
            exemplars: 100_000,
            metadata: 50_000,
            compaction_fan_in: 4,
            table_bytes: 4 << 30,
            backlog_limit: 64,
            retention_time: None,
            retention_size: None,
            reserve_bytes: 0,
            threads: Threads::Background,
        }
    }
}

impl StorageOptions {
    /// Options for a store that may use `budget` bytes of memory.
    ///
    /// Two memtables (one filling, one being flushed) get three eighths of it, known series an eighth (about 48 bytes
    /// each), waiting batches a sixteenth; the rest is for queries, the index head and the page cache's benefit.
    #[must_use]
    pub fn for_memory(budget: usize) -> Self {
        let clamp = |bytes: usize, low: usize, high: usize| bytes.clamp(low, high);
        Self {
            memtable_bytes: clamp(budget * 3 / 16, 4 << 20, 256 << 20),
            queue_bytes: clamp(budget / 16, 8 << 20, 64 << 20),
            reserve_bytes: super::reserve::RESERVE_BYTES,
            known_series: clamp(budget / 8 / 48, 1 << 14, 1 << 22),
            ..Self::default()
        }
    }
}
