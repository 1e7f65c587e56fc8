//! How the store is doing: what `/api/v1/status/tsdb` and `/metrics` show.

pub use super::detail::MemoryPart;
use super::{detail::StorageDetail, interrupt::Interrupt, select::SelectError};
use crate::model::TimeRange;

/// Where reads of table blocks found them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlockReads {
    /// In memory.
    pub hits: u64,
    /// In a file.
    pub misses: u64,
}

/// The store in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreStatus {
    /// Series with samples in the memtables.
    pub head_series: u64,
    /// Series in the index.
    pub series: u64,
    /// Distinct label pairs in the index.
    pub label_pairs: u64,
    /// Bytes of the memtables.
    pub memtable_bytes: u64,
    /// Samples in the memtables.
    pub memtable_samples: u64,
    /// Number of tables.
    pub tables: u64,
    /// Samples in the tables.
    pub table_samples: u64,
    /// Bytes of the tables on disk.
    pub table_bytes: u64,
    /// Bytes of the write-ahead log on disk.
    pub wal_bytes: u64,
    /// Bytes of the index segments on disk.
    pub index_bytes: u64,
    /// First and last sample time there is.
    pub times: Option<TimeRange>,
    /// Samples before this time have been dropped, or will be and are not shown any more.
    pub cutoff: Option<i64>,
    /// Deletes that some table still has to be cleaned of.
    pub tombstones: u64,
    /// Reads of table blocks since the store was opened.
    pub block_reads: BlockReads,
    /// What the store's parts of the memory budget are and hold.
    pub memory: Vec<MemoryPart>,
    /// What was found damaged and set aside, in words, one entry per file or part of a file.
    pub damage: Vec<String>,
}

/// The names and pairs with most series, each list with the largest count first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cardinality {
    /// Series per metric name.
    pub series_by_metric: Vec<(String, u64)>,
    /// Distinct values per label name.
    pub values_by_label: Vec<(String, u64)>,
    /// Bytes of distinct values per label name.
    pub bytes_by_label: Vec<(String, u64)>,
    /// Series per `name=value`.
    pub series_by_pair: Vec<(String, u64)>,
}

/// The store, for people and dashboards.
pub trait Status: Send + Sync {
    /// The current numbers.
    fn status(&self) -> StoreStatus;

    /// Why the store takes no writes until somebody helps, if so; questions go on.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// The store file by file.
    fn detail(&self) -> StorageDetail;

    /// The heaviest names, at most `limit` in each list.
    ///
    /// # Errors
    /// When the index can't be read.
    fn cardinality(&self, limit: usize, interrupt: &dyn Interrupt) -> Result<Cardinality, SelectError>;
}

pub mod fake {
    //! A [`Status`] that says what it was given, for tests of the layers above.

    use super::{Cardinality, Interrupt, SelectError, Status, StorageDetail, StoreStatus};

    /// Fixed numbers.
    #[derive(Debug, Clone, Default)]
    pub struct FixedStatus {
        /// The numbers.
        pub status: StoreStatus,
        /// The same, file by file.
        pub detail: StorageDetail,
        /// The lists, cut at the limit when asked.
        pub cardinality: Cardinality,
        /// Why it takes no writes.
        pub trouble: Option<String>,
    }

    impl Status for FixedStatus {
        fn status(&self) -> StoreStatus {
            self.status.clone()
        }

        fn trouble(&self) -> Option<String> {
            self.trouble.clone()
        }

        fn detail(&self) -> StorageDetail {
            self.detail.clone()
        }

        fn cardinality(&self, limit: usize, _: &dyn Interrupt) -> Result<Cardinality, SelectError> {
            let mut cut = self.cardinality.clone();
            for list in
                [&mut cut.series_by_metric, &mut cut.values_by_label, &mut cut.bytes_by_label, &mut cut.series_by_pair]
            {
                list.truncate(limit);
            }
            Ok(cut)
        }
    }
}
