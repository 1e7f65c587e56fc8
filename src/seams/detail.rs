//! The store file by file: what `/api/v1/status/storage` shows.

use crate::model::TimeRange;

/// A part of the memory budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPart {
    /// What it is for.
    pub name: &'static str,
    /// Bytes in use.
    pub used: u64,
    /// Bytes it may use.
    pub limit: u64,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDetail {
    /// Its number, which is its file's name.
    pub number: u64,
    /// Times of its first and last sample, in ms; `None` without samples.
    pub times: Option<TimeRange>,
    /// Number of series.
    pub series: u64,
    /// Number of samples.
    pub samples: u64,
    /// Length of the file.
    pub bytes: u64,
    /// Damaged blocks met so far.
    pub damaged_blocks: u64,
}

/// An index segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentDetail {
    /// Its number, which is its file's name.
    pub number: u64,
    /// Number of series.
    pub series: u64,
    /// Distinct label pairs.
    pub label_pairs: u64,
    /// Length of the file.
    pub bytes: u64,
}

/// Samples in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemtableDetail {
    /// Whether it takes no more samples and waits to be flushed.
    pub sealed: bool,
    /// Times of its first and last sample, in ms; `None` without samples.
    pub times: Option<TimeRange>,
    /// Number of series.
    pub series: u64,
    /// Number of samples.
    pub samples: u64,
    /// Bytes of memory.
    pub bytes: u64,
}

/// The store in detail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageDetail {
    /// Tables, lowest precedence first.
    pub tables: Vec<TableDetail>,
    /// Index segments, oldest first.
    pub segments: Vec<SegmentDetail>,
    /// Memtables, oldest first; the last one takes what is written.
    pub memtables: Vec<MemtableDetail>,
    /// Bytes of the write-ahead log.
    pub wal_bytes: u64,
    /// What the store's parts of the memory budget are and hold.
    pub memory: Vec<MemoryPart>,
    /// Everything known to be damaged, in words.
    pub damage: Vec<String>,
    /// Bytes free on the disk; `None` when it doesn't say.
    pub disk_free: Option<u64>,
    /// Why no writes are taken, if none are.
    pub refusing: Option<String>,
}
