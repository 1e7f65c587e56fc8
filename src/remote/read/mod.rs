//! Remote read: what another Prometheus, or a tool that speaks for one, asks of the stored series.
//!
//! [`decode`] turns a body into a [`ReadRequest`] (`request`); the server then answers it in the form the client
//! prefers, [`ReadRequest::response_type`]:
//!
//! - [`samples()`]: one compressed message with all samples, within [`ReadLimits`].
//! - [`chunks`] (`stream`): frame after frame of encoded chunks, series after series in label order, so that neither
//!   side holds more than one series; `chunk` has the encodings.
//!
//! Times are trimmed to the query exactly. A query without matchers selects nothing. The time that a hint names narrows
//! the query's; other hints never change an answer.

mod chunk;
mod request;
mod samples;
mod stream;

pub use request::{Query, ReadLimits, ReadRequest, ResponseType, decode, inflated_len};
pub use samples::{proto_labels, put_timeseries, samples};
pub use stream::{SinkClosed, chunks};

use std::sync::Arc;

use super::SnappyError;
use crate::{
    model::{Labels, MatcherError, SeriesBuf},
    seams::{
        interrupt::Interrupted,
        memory_budget::{ITEM_BYTES, MemoryBudget},
        select::{Select, SelectError},
    },
};

/// Why a read request was not answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The body is larger than allowed (413).
    #[error("the body has {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The body can't be inflated (400).
    #[error(transparent)]
    Snappy(#[from] SnappyError),
    /// The body is no read request (400).
    #[error("the body is not a valid prometheus.ReadRequest message: {0}")]
    Message(String),
    /// A matcher's expression is refused (400).
    #[error(transparent)]
    Matcher(#[from] MatcherError),
    /// A matcher's kind is none there is (400).
    #[error("matcher type {0} is unknown (expected 0 to 3)")]
    MatcherType(i32),
    /// The client accepts no response type that we know (400).
    #[error("none of the accepted response types {0:?} is known (expected 0, SAMPLES, or 1, STREAMED_XOR_CHUNKS)")]
    ResponseType(Vec<i32>),
    /// The request or its answer is too large; the message says what to narrow (400).
    #[error("{0}")]
    Limit(String),
    /// The memory there is doesn't suffice for the answer now (503).
    #[error(
        "the answer takes more memory than there is for queries now; try again later, or accept STREAMED_XOR_CHUNKS"
    )]
    NoRoom,
    /// Stored data can't be read (500).
    #[error("{0}")]
    Storage(#[source] SelectError),
    /// The client is gone; there is nobody to answer.
    #[error("the client hung up")]
    Closed,
    /// It took too long, or the client is gone (503).
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl From<SelectError> for ReadError {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::Limit(why) => Self::Limit(why),
            SelectError::Storage(_) => Self::Storage(error),
            SelectError::Interrupted(interrupted) => Self::Interrupted(interrupted),
        }
    }
}

/// Whether anybody still waits for the answer.
pub type Alive<'a> = &'a dyn Fn() -> bool;

/// Calls `visit` with each series that has samples for `query`, in label order if `sorted`, whose budget their labels take memory from.
/// Series get the labels of `external` that they don't have. Ends early when nobody waits any more.
fn each_series(
    query: &Query,
    external: &Labels,
    select: &dyn Select,
    alive: Alive<'_>,
    sorted: Option<&Arc<dyn MemoryBudget>>,
    mut visit: impl FnMut(&Labels, &SeriesBuf) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    if query.matchers.is_empty() || query.range.start > query.range.end {
        return Ok(());
    }
    let mut hints = query.hints.clone();
    hints.sorted = sorted.cloned();
    let set = select.select(&query.matchers, query.range, &hints)?;
    let mut buf = SeriesBuf::default();
    let mut visit_at = |i, labels: Option<Labels>| -> Result<(), ReadError> {
        if !alive() {
            return Err(ReadError::Closed);
        }
        set.read(i, &mut buf)?;
        if buf.is_empty() {
            return Ok(());
        }
        match labels {
            Some(labels) => visit(&labels, &buf),
            None => visit(&with_external(set.labels(i)?, external), &buf),
        }
    };
    let Some(budget) = sorted.filter(|_| !external.is_empty()) else {
        return (0..set.len()).try_for_each(|i| visit_at(i, None));
    };
    // A label that all get can change their order: `a` stands before `a, b`, but with `c` added behind it.
    let mut all = Vec::with_capacity(set.len());
    for i in 0..set.len() {
        let labels = with_external(set.labels(i)?, external);
        if !budget.take(labels.as_bytes().len() + ITEM_BYTES) {
            return Err(ReadError::Limit(
                "the labels of the series asked for take more memory than there is".to_owned(),
            ));
        }
        all.push((labels, i));
    }
    all.sort_unstable();
    all.into_iter().try_for_each(|(labels, i)| visit_at(i, Some(labels)))
}

/// `labels`, and those of `external` that it doesn't have.
fn with_external(labels: Labels, external: &Labels) -> Labels {
    if external.is_empty() {
        return labels;
    }
    let mut builder = labels.builder();
    for (name, value) in external.iter().filter(|(name, _)| labels.get(name).is_none()) {
        builder.set(name, value);
    }
    builder.build()
}

/// A door for the fuzzer to what tests use.
#[cfg(any(fuzzing, test))]
pub mod fuzzing {
    use super::chunk::{Chunks, decode::decode};
    use crate::model::SeriesBuf;

    /// The samples, encoded as chunks and decoded again.
    pub fn through_chunks(buf: &SeriesBuf) -> SeriesBuf {
        let mut found = SeriesBuf::default();
        for chunk in Chunks::of(buf) {
            let (floats, histograms) = decode(&chunk);
            floats.into_iter().for_each(|(time, value)| found.push_float(time, value));
            found.histograms.extend(histograms.into_iter().map(|(time, histogram)| (time, histogram.into())));
        }
        found
    }
}

#[cfg(test)]
mod testing {
    use super::{Query, ReadRequest, ResponseType};
    use crate::{
        model::{Histogram, Labels, MatchOp, Matcher, SeriesBuf, TimeRange},
        seams::select::{MemorySelect, SelectHints},
    };

    /// A query for the series whose name matches `pattern`.
    pub(super) fn query(pattern: &str, start: i64, end: i64) -> Query {
        Query {
            range: TimeRange::new(start, end),
            matchers: vec![Matcher::new(MatchOp::Regex, "__name__", pattern).unwrap()],
            hints: SelectHints::default(),
        }
    }

    /// A request for one query after the other.
    pub(super) fn request(queries: Vec<Query>) -> ReadRequest {
        ReadRequest { queries, response_type: ResponseType::Samples, external_labels: Labels::empty() }
    }

    /// A series' name, floats and histograms.
    pub(super) type Named<'a> = (&'a str, &'a [(i64, f64)], &'a [(i64, Histogram)]);

    /// A store with these series.
    pub(super) fn store(series: &[Named<'_>]) -> MemorySelect {
        let mut select = MemorySelect::default();
        for (name, floats, histograms) in series {
            let mut buf = SeriesBuf::default();
            floats.iter().for_each(|&(t, v)| buf.push_float(t, v));
            buf.histograms.extend(histograms.iter().map(|(t, h)| (*t, h.clone().into())));
            select.series.insert(Labels::from_pairs([("__name__", *name), ("job", "x")]).unwrap(), buf);
        }
        select
    }
}
