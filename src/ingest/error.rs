//! Why a body, or the rest of one, was not stored.

use crate::seams::{append::AppendError, batch_builder::BatchError};

/// Why a body, or the rest of one, was not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// What its sender says of it can't be (400).
    #[error("{0}")]
    Parameter(String),
    /// Records break rules of the format or of the store (400).
    #[error("{0}")]
    Faults(String),
    /// It is larger than allowed (413).
    #[error("the body holds more than {0}; post it in parts")]
    TooLarge(String),
    /// Its compression can't be undone (400).
    #[error("the body is not what its Content-Encoding {encoding} says: {why}")]
    Encoding {
        /// The announced encoding.
        encoding: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Its compression is none we know (415).
    #[error("Content-Encoding {0:?} is not supported (expected gzip, zstd or none)")]
    UnknownEncoding(String),
    /// There is no memory for what it holds (413).
    #[error("there is no memory for what the body holds")]
    NoRoom,
    /// The store can't take writes now, and a retry will help (503), or it failed (500).
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl From<BatchError> for ImportError {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::NoRoom => Self::NoRoom,
            BatchError::TooMany => Self::TooLarge(format!("{} samples", crate::model::limits::MAX_SAMPLES)),
            BatchError::Store(error) => error.into(),
        }
    }
}
