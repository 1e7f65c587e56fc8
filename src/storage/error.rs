//! Why a store can't be opened, and why work inside an open one failed.

use std::{borrow::Cow, io};

use crate::{index::IndexError, seams::cause::Cause, sst::SstError, wal::WalError};

/// Why a data directory can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the data directory is in use by another vctsdb; stop that one or choose another --data-dir")]
    Locked,
    /// It lies on a file system that can only be read.
    #[error("the file system can only be read ({0}); with --read-only what is there is served")]
    ReadOnly(io::Error),
    /// It holds files that vctsdb didn't write.
    #[error("the directory holds {found:?} but no vctsdb MANIFEST; choose an empty directory or the right one")]
    NotOurs {
        /// The first foreign name.
        found: String,
    },
    /// It was written by a newer vctsdb.
    #[error("the data directory has format {found}, this vctsdb reads up to {known}; use a newer vctsdb")]
    Newer {
        /// Format in the directory.
        found: u32,
        /// Newest format this program knows.
        known: u32,
    },
    /// Both copies of the manifest are damaged.
    #[error("both copies in MANIFEST are damaged ({0}); `vctsdb repair` can rebuild it from the files it named")]
    Manifest(String),
    /// A copy into it was cut short.
    #[error("a copy into this directory was not finished; run `vctsdb {command}` again, it goes on where it stopped")]
    Unfinished {
        /// The command that made it.
        command: &'static str,
    },
    /// There is nothing of ours.
    #[error("there is no vctsdb data directory here")]
    NoData,
    /// There is data, but no manifest.
    #[error("MANIFEST is missing, but there is {found}; put it back, or have `vctsdb repair` rebuild it")]
    NoManifest {
        /// One of the files that nothing names now.
        found: String,
    },
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What it said.
        source: io::Error,
    },
    /// A file that the manifest names can't be opened, and not because its bytes are wrong.
    #[error(transparent)]
    File(Cause),
    /// The log can't be read.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// Flushing what the log held failed.
    #[error("flushing replayed data failed: {0}")]
    Flush(#[from] StorageError),
}

impl OpenError {
    /// That a file can't be opened, for another reason than its bytes.
    pub(super) fn file(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::File(Cause::new(error))
    }
}

/// Why a flush or compaction failed; it is tried again later.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: Cow<'static, str>,
        /// What it said.
        source: io::Error,
    },
    /// The store is closing.
    #[error("the store is closing")]
    Stopped,
    /// Nothing may be changed on disk.
    #[error("nothing was written: {0}")]
    NothingWritten(String),
    /// There are so many tombstones that the manifest would become unwieldy.
    #[error(
        "nothing was deleted: with this delete those not yet applied to the files would take {bytes} bytes, and {limit} are \
         allowed; clean tombstones first"
    )]
    TooManyDeletes {
        /// Bytes that all tombstones would take.
        bytes: usize,
        /// Bytes they may take.
        limit: usize,
    },
    /// There is no snapshot of this name.
    #[error("there is no snapshot {0:?}")]
    NoSnapshot(String),
    /// A snapshot can't be deleted as things are.
    #[error("the snapshot {name} was not deleted: {why}")]
    SnapshotNeeded {
        /// Its name.
        name: String,
        /// Who needs it.
        why: &'static str,
    },
    /// A table can't be written or read.
    #[error(transparent)]
    Sst(#[from] SstError),
    /// The index can't be written or read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The log can't be written.
    #[error(transparent)]
    Wal(#[from] WalError),
}

impl StorageError {
    /// Whether there was no room on the disk.
    pub(super) fn is_full(&self) -> bool {
        let kind = match self {
            Self::Io { source, .. } | Self::Sst(SstError::Io { source, .. }) => Some(source.kind()),
            Self::Index(IndexError::Io { source, .. }) => Some(source.kind()),
            Self::Wal(error) => error.io_kind(),
            _ => None,
        };
        kind.is_some_and(|kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}

/// Names what was tried at the start when the operating system refuses it.
pub(super) fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> OpenError {
    move |source| OpenError::Io { what: what.into(), source }
}

/// Names what was tried when the operating system refuses it.
pub(super) trait Tried<T> {
    fn tried(self, what: impl Into<Cow<'static, str>>) -> Result<T, StorageError>;
}

impl<T> Tried<T> for io::Result<T> {
    fn tried(self, what: impl Into<Cow<'static, str>>) -> Result<T, StorageError> {
        self.map_err(|source| StorageError::Io { what: what.into(), source })
    }
}
