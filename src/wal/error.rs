//! What can go wrong with the log.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::codec::CodecError;

/// Why the log can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// The disk refused.
    #[error("{}: {action} failed: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The segment was written by a newer version of this program.
    #[error("{}: has format version {got}, this program reads up to {want}", path.display())]
    Version {
        /// The segment.
        path: PathBuf,
        /// Its version.
        got: u32,
        /// The newest version known here.
        want: u32,
    },
    /// A record is larger than a frame may be.
    #[error("a record of {bytes} bytes was given to the write-ahead log, which takes at most {limit}")]
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// An earlier write to this segment failed; the next segment must take over.
    #[error("segment {segment} of the write-ahead log takes no more writes: {why}")]
    Poisoned {
        /// Number of the segment.
        segment: u64,
        /// The error that ended it.
        why: String,
    },
    /// A record's bytes are not what [`super::record::encode`] writes.
    #[error("a record of the write-ahead log can't be decoded: {0}")]
    Record(#[from] RecordError),
}

/// What is wrong with a record's bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A number or length makes no sense.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Labels are not in canonical form.
    #[error("{what}: {why}")]
    Text {
        /// Which text.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl WalError {
    /// For `map_err`: names what was tried on which path.
    pub(super) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }

    /// The kind of the operating system's error, if there is one: `StorageFull` can be waited out.
    #[must_use]
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { source, .. } => Some(source.kind()),
            _ => None,
        }
    }
}
