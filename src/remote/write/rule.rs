//! The rules that a well-formed request can break.

use crate::model::{
    HistogramError, LabelsError,
    limits::{LabelLimit, MAX_EXEMPLAR},
};

/// A histogram counts for so many samples of a request.
pub(super) const HISTOGRAM: usize = 16;
/// A symbol counts for so many.
pub(super) const SYMBOL: usize = 1;

/// Why a series, or something in it, is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum Rule {
    #[error("{0}")]
    Labels(#[from] LabelsError),
    #[error("{0}")]
    Limit(#[from] LabelLimit),
    #[error("a label's name or value is not UTF-8: {0:?}")]
    NotUtf8(String),
    #[error("{0}")]
    SeriesLimit(String),
    #[error("it has no metric name (label __name__)")]
    NoName,
    #[error("it refers to symbol {symbol}, but there are {symbols}")]
    Symbol { symbol: u32, symbols: usize },
    #[error("it has {0} symbol references for its labels, which is no whole number of pairs")]
    OddSymbols(usize),
    #[error("the {what} at {time} ms lies too far in the future (the latest accepted now is {latest} ms)")]
    Future { what: &'static str, time: i64, latest: i64 },
    #[error("the histogram at {time} ms is invalid: {why}")]
    Histogram { time: i64, why: HistogramError },
    #[error("the labels of the exemplar at {time} ms have {chars} characters, more than the limit of {MAX_EXEMPLAR}")]
    LongExemplar { time: i64, chars: usize },
    #[error("the exemplar at {time} ms is invalid: {why}")]
    Exemplar { time: i64, why: Box<Rule> },
}
