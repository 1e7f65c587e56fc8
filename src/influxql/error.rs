//! Why a text is no query, and why a statement fails.

use crate::seams::{interrupt::Interrupted, select::SelectError};

/// What is wrong with a text, in InfluxDB's words.
///
/// Clients show these to people and some tools look for them, so they are the ones of InfluxDB 1.8, with positions as it counts
/// them: `at line 1, char 8`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(pub(super) String);

/// Why a statement fails, in InfluxDB's words where it has any.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// It can't be answered as it stands.
    #[error("{0}")]
    Refused(String),
    /// It asks for more than its limits allow; the text says what to narrow.
    #[error("{0}")]
    Limit(String),
    /// It lacks memory that other queries have now; it may come again.
    #[error("{0}")]
    NoRoom(String),
    /// Its time is over.
    #[error("query-timeout limit exceeded")]
    TimedOut,
    /// It was killed, or its client has gone.
    #[error("query interrupted")]
    Interrupted,
    /// Stored data can't be read.
    #[error("{0}")]
    Storage(SelectError),
}

impl QueryError {
    pub(super) fn refused<T>(why: impl Into<String>) -> Result<T, Self> {
        Err(Self::Refused(why.into()))
    }
}

impl From<Interrupted> for QueryError {
    fn from(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::TimedOut => Self::TimedOut,
            Interrupted::Canceled => Self::Interrupted,
        }
    }
}

impl From<SelectError> for QueryError {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::Limit(why) => Self::Limit(why),
            SelectError::Interrupted(interrupted) => interrupted.into(),
            error @ SelectError::Storage(_) => Self::Storage(error),
        }
    }
}
