//! The rules that a well-formed request can break, and the limits behind some of them.
//!
//! The limits are far beyond what monitoring needs. Those on a series keep a single one from weighing on every index
//! page; the one on a request keeps empty messages of two bytes each from becoming gigabytes in memory.

use crate::model::{HistogramError, LabelsError};

/// Labels of one series.
pub(super) const MAX_LABELS: usize = 256;
/// Bytes of a label name.
pub(super) const MAX_NAME: usize = 1 << 10;
/// Bytes of a label value.
pub(super) const MAX_VALUE: usize = 64 << 10;
/// Bytes of all names and values of a series.
pub(super) const MAX_SERIES: usize = 256 << 10;
/// Samples of one request; what takes more memory counts for several. A body of 32 MiB full of honest samples has
/// less than half of it.
pub(super) const MAX_SAMPLES: usize = 4 << 20;
/// A histogram counts for so many samples.
pub(super) const HISTOGRAM: usize = 16;
/// An exemplar or a metadata entry counts for so many samples.
pub(super) const EXEMPLAR: usize = 8;
/// A symbol counts for so many samples.
pub(super) const SYMBOL: usize = 1;
/// Characters of all names and values of an exemplar, as OpenMetrics has it.
pub(super) const MAX_EXEMPLAR: usize = 128;

/// Why a series, or something in it, is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum Rule {
    #[error("{0}")]
    Labels(#[from] LabelsError),
    #[error("a label's name or value is not UTF-8: {0:?}")]
    NotUtf8(String),
    #[error("it has no metric name (label __name__)")]
    NoName,
    #[error("it has more than the {MAX_LABELS} labels allowed")]
    ManyLabels,
    #[error("a label name has {0} bytes, more than the limit of {MAX_NAME}")]
    LongName(usize),
    #[error("the value of label {name:?} has {bytes} bytes, more than the limit of {MAX_VALUE}")]
    LongValue { name: String, bytes: usize },
    #[error("its labels have {0} bytes, more than the limit of {MAX_SERIES}")]
    LongLabels(usize),
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
