//! What the store counts about its own work, for `/metrics`.

use std::sync::LazyLock;

use prometheus::{Histogram, IntCounter, IntCounterVec};

use crate::telemetry::{SECONDS, counter, counters, histogram};

/// The process' storage counters.
pub(super) static COUNTERS: LazyLock<Counters> = LazyLock::new(Counters::new);

pub(super) struct Counters {
    /// Samples applied to memtables.
    pub(super) samples: IntCounter,
    /// Batches refused because the log could not be written.
    pub(super) refused: IntCounter,
    /// New series refused, by the limit that stood in the way.
    pub(super) refused_series: IntCounterVec,
    /// Durations of log writes with their sync.
    pub(super) syncs: Histogram,
    /// Durations of flushes.
    pub(super) flushes: Histogram,
    pub(super) flush_failures: IntCounter,
    /// Bytes of tables that were merged into others.
    pub(super) compacted_bytes: IntCounter,
    /// Bytes of tables that merging wrote.
    pub(super) compaction_written_bytes: IntCounter,
    /// Durations of table merges.
    pub(super) compactions: Histogram,
    pub(super) compaction_failures: IntCounter,
    /// Bytes of tables that flushing wrote.
    pub(super) flushed_bytes: IntCounter,
    /// Samples dropped on arrival because retention doesn't cover their time.
    pub(super) expired: IntCounter,
    /// Bytes of tables that retention dropped.
    pub(super) dropped_bytes: IntCounter,
    /// Samples deleted on request.
    pub(super) deleted: IntCounter,
}

impl Counters {
    fn new() -> Self {
        Self {
            samples: counter("vctsdb_storage_samples_appended_total", "Samples that were made durable."),
            refused: counter(
                "vctsdb_wal_batches_refused_total",
                "Batches refused because the write-ahead log could not be written.",
            ),
            refused_series: refused_series(),
            syncs: histogram(
                "vctsdb_wal_sync_duration_seconds",
                "Time to write and sync the waiting batches.",
                SECONDS,
            ),
            flushes: histogram("vctsdb_flush_duration_seconds", "Time to flush a memtable.", SECONDS),
            flush_failures: counter("vctsdb_flush_failures_total", "Flushes that failed and were tried again."),
            compacted_bytes: counter("vctsdb_compaction_read_bytes_total", "Bytes of tables merged into others."),
            compaction_written_bytes: counter(
                "vctsdb_compaction_written_bytes_total",
                "Bytes of tables that merging wrote; with the flushed bytes, the write amplification.",
            ),
            compactions: histogram("vctsdb_compaction_duration_seconds", "Time to merge some tables.", SECONDS),
            flushed_bytes: counter("vctsdb_flush_bytes_total", "Bytes of tables that flushing wrote."),
            expired: counter(
                "vctsdb_storage_samples_expired_total",
                "Samples accepted and dropped because they were older than retention keeps.",
            ),
            dropped_bytes: counter("vctsdb_retention_dropped_bytes_total", "Bytes of tables dropped by retention."),
            deleted: counter("vctsdb_storage_samples_deleted_total", "Samples deleted on request."),
            compaction_failures: counter("vctsdb_compaction_failures_total", "Merges that failed."),
        }
    }
}

fn refused_series() -> IntCounterVec {
    let refused = counters(
        "vctsdb_new_series_refused_total",
        "New series refused, each time they were sent, because of --ingest.max-series (all) or --ingest.max-new-series-per-minute (new).",
        &["limit"],
    );
    for limit in ["all", "new"] {
        refused.with_label_values(&[limit]).inc_by(0);
    }
    refused
}
