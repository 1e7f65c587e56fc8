//! Why a query has no answer. The variants are Prometheus' error types.

use crate::{
    model::Span,
    seams::{interrupt::Interrupted, select::SelectError},
};

/// Where a query was when it ran out of time or was stopped, in Prometheus' words.
pub(super) const PLACE: &str = "expression evaluation";

/// Why a query has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// The text is no PromQL, or its types don't fit. `at` is one-based line and column.
    #[error("{}: parse error: {message}", place(*at))]
    Parse {
        /// Line and column of the offending part; zeros in a text without any.
        at: (usize, usize),
        /// What is wrong.
        message: String,
        /// The offending part.
        span: Span,
    },
    /// The query's type is none that a range query can have.
    #[error("{0}")]
    Type(String),
    /// The query can't be evaluated on this data.
    #[error("{0}")]
    Execution(String),
    /// Others hold the memory that it lacks; by itself it may fit.
    #[error("{0}")]
    NoRoom(String),
    /// The query is right, but this version can't evaluate it yet.
    #[error("{0} is not supported yet")]
    Unsupported(String),
    /// It took longer than allowed.
    #[error("query timed out in {0}")]
    Timeout(&'static str),
    /// The client went away or the server stops.
    #[error("query was canceled in {0}")]
    Canceled(&'static str),
    /// Reading the data failed.
    #[error(transparent)]
    Select(SelectError),
}

impl QueryError {
    /// Something is wrong at `span` of the query `text`.
    pub(super) fn parse(text: &str, span: Span, message: impl Into<String>) -> Self {
        Self::Parse { at: span.line_column(text), message: message.into(), span }
    }
}

impl From<SelectError> for QueryError {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::Interrupted(Interrupted::TimedOut) => Self::Timeout(PLACE),
            SelectError::Interrupted(Interrupted::Canceled) => Self::Canceled(PLACE),
            error => Self::Select(error),
        }
    }
}

/// A line and column as Prometheus writes them.
fn place((line, column): (usize, usize)) -> String {
    if line == 0 { "unknown position".to_owned() } else { format!("{line}:{column}") }
}
