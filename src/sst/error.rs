//! What can go wrong with a table.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{codec::CodecError, seams::append::SeriesId};

/// Why a table could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SstError {
    /// The disk refused.
    #[error("{path}: {action} failed: {source}")]
    Io {
        /// The table.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the disk said.
        source: io::Error,
    },
    /// The file can't hold what every table has.
    #[error("{path}: {len} bytes are too few for a table, whose footer alone has {need}")]
    Short {
        /// The table.
        path: PathBuf,
        /// Its length.
        len: u64,
        /// The least length.
        need: u64,
    },
    /// The file ends with something else than a table does.
    #[error("{path}: the last 8 bytes are {got:02x?}, not a table's {want:02x?}")]
    Magic {
        /// The table.
        path: PathBuf,
        /// What it ends with.
        got: [u8; 8],
        /// What a table ends with.
        want: [u8; 8],
    },
    /// The table was written by another version of this program.
    #[error("{path}: table format version {got} is not known here (expected {want} at most); it needs a newer vctsdb")]
    Version {
        /// The table.
        path: PathBuf,
        /// Its version.
        got: u32,
        /// The newest that we read.
        want: u32,
    },
    /// Bytes are not what was written.
    #[error("{path}: {what} at {at} has crc {got:08x}, it was written with {want:08x}")]
    Crc {
        /// The table.
        path: PathBuf,
        /// Which part.
        what: &'static str,
        /// Where it begins.
        at: u64,
        /// The checksum of what was read.
        got: u32,
        /// The checksum that was stored.
        want: u32,
    },
    /// A column's bytes make no sense, although their checksum is right.
    #[error("{path}: the block at {at} can't be decoded: {source}")]
    Decode {
        /// The table.
        path: PathBuf,
        /// Where the block begins.
        at: u64,
        /// What is wrong.
        source: CodecError,
    },
    /// Parts of the table contradict each other, although their checksums are right.
    #[error("{path}: {what} at {at} contradicts the rest of the table: {why}")]
    Inconsistent {
        /// The table.
        path: PathBuf,
        /// Which part.
        what: &'static str,
        /// Where it begins.
        at: u64,
        /// What was expected.
        why: &'static str,
    },
    /// A writer was given samples out of order.
    #[error("{path}: series {} at {time} does not come after what was written before it", series.0)]
    Order {
        /// The table.
        path: PathBuf,
        /// The series.
        series: SeriesId,
        /// The time of the sample, in ms.
        time: i64,
    },
    /// A single block would pass 4 GiB.
    #[error("{path}: a block of {bytes} bytes is more than a table can hold")]
    BlockSize {
        /// The table.
        path: PathBuf,
        /// Its length.
        bytes: usize,
    },
}

impl SstError {
    /// Whether stored bytes are wrong or gone, as opposed to unreachable now or not for this version.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Io { source, .. } => matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof),
            Self::Version { .. } | Self::Order { .. } | Self::BlockSize { .. } => false,
            _ => true,
        }
    }

    pub(super) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), action, source }
    }

    pub(super) fn inconsistent(path: &Path, what: &'static str, at: u64, why: &'static str) -> Self {
        Self::Inconsistent { path: path.to_owned(), what, at, why }
    }
}
