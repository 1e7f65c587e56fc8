//! What the store counts about its own work, for `/metrics`.

use std::sync::LazyLock;

use prometheus::{Histogram, IntCounter};

use crate::telemetry::{SECONDS, counter, histogram};

/// The process' storage counters.
pub(super) static COUNTERS: LazyLock<Counters> = LazyLock::new(Counters::new);

pub(super) struct Counters {
    /// Samples applied to memtables.
    pub(super) samples: IntCounter,
    /// Batches refused because the log could not be written.
    pub(super) refused: IntCounter,
    /// Durations of log writes with their sync.
    pub(super) syncs: Histogram,
    /// Durations of flushes.
    pub(super) flushes: Histogram,
    pub(super) flush_failures: IntCounter,
    /// Bytes of tables that were merged into others.
    pub(super) compacted_bytes: IntCounter,
    pub(super) compaction_failures: IntCounter,
}

impl Counters {
    fn new() -> Self {
        Self {
            samples: counter("vctsdb_storage_samples_appended_total", "Samples that were made durable."),
            refused: counter(
                "vctsdb_wal_refused_batches_total",
                "Batches refused because the write-ahead log could not be written.",
            ),
            syncs: histogram("vctsdb_wal_sync_seconds", "Time to write and sync the waiting batches.", SECONDS),
            flushes: histogram("vctsdb_flush_seconds", "Time to flush a memtable.", SECONDS),
            flush_failures: counter("vctsdb_flush_failures_total", "Flushes that failed and were tried again."),
            compacted_bytes: counter("vctsdb_compaction_read_bytes_total", "Bytes of tables merged into others."),
            compaction_failures: counter("vctsdb_compaction_failures_total", "Merges that failed."),
        }
    }
}
