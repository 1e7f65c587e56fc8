//! What can go wrong with the index.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::seams::{append::SeriesId, interrupt::Interrupted, select::SelectError};

/// Why the index can't answer or grow.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The disk refused.
    #[error("{}: {action} failed: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// Bytes of a segment are not what was written.
    #[error("{}: {what} at byte {at} is damaged: {why}", path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Which piece of it.
        what: &'static str,
        /// Where the piece starts.
        at: u64,
        /// What is wrong with it.
        why: String,
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
    /// Series for a segment came in the wrong order.
    #[error("{}: series {id} can't follow series {previous}: ids must ascend", path.display())]
    Order {
        /// The segment being written.
        path: PathBuf,
        /// The offending id.
        id: u32,
        /// The one before it.
        previous: u32,
    },
    /// A segment's dictionary can't be built.
    #[error("{}: the dictionary can't be built: {why}", path.display())]
    Dictionary {
        /// The segment being written.
        path: PathBuf,
        /// What the builder said.
        why: String,
    },
    /// A definition contradicts one that is there.
    #[error("series {} is to be defined as {labels}, but {known}", id.0)]
    Conflict {
        /// The id of the new definition.
        id: SeriesId,
        /// Its labels.
        labels: String,
        /// What is known already.
        known: String,
    },
    /// There is no such series.
    #[error("series {0} is not in the index")]
    Unknown(u32),
    /// All ids are given out.
    #[error("no series id is left: 4294967296 ids have been given out")]
    Exhausted,
    /// A list of labels takes more memory than it may.
    #[error(
        "the labels found take more memory than there is for queries: narrow match[], start and end, or set a limit"
    )]
    NoRoom,
    /// Nobody waits for the answer, or not any longer.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// Which series are present can't be told.
    #[error(transparent)]
    Presence(SelectError),
    /// The head holds more label text than its offsets can name.
    #[error("the index head is full: it holds 4 GiB of label text; it must be flushed first")]
    HeadFull,
}

impl IndexError {
    /// For `map_err`: names what was tried on which path.
    pub(super) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }

    /// Whether stored bytes are wrong or gone, as opposed to unreachable.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Io { source, .. } => matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof),
            Self::Damaged { .. } => true,
            _ => false,
        }
    }
}
