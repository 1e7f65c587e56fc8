//! Reading: from matchers and a time range to decoded columns, one series at a time.
//!
//! - [`Select::select`] finds series; [`SeriesSet`] then gives their labels and samples by position, so that several threads
//!   can each take a share, and nothing is decoded or kept that wasn't asked for.
//! - [`SelectLabels`] lists series, label names and label values.
//! - [`SelectExemplars`] and [`SelectMetadata`] read what is stored beside samples.
//!
//! They are apart so that whoever stands between a reader and the store, to count or to watch, stands in for what it is
//! about and nothing else; and none has methods that work without being forwarded.

mod exemplars;
mod labels;
mod memory;
mod metadata;
mod projection;

use std::{ops::ControlFlow, sync::Arc};

pub use self::{
    exemplars::{SelectExemplars, SeriesExemplars},
    labels::{Limited, Listing, Lookup, SelectLabels},
    memory::MemorySelect,
    metadata::SelectMetadata,
    projection::Projection,
};
use super::{
    cause::Cause,
    interrupt::{Interrupt, Interrupted, Never},
    memory_budget::MemoryBudget,
};
use crate::model::{Labels, Matcher, SeriesBuf, TimeRange};

/// Why a read failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SelectError {
    /// The request asks for more than its limits allow; the message says what to narrow.
    #[error("{0}")]
    Limit(String),
    /// Stored data can't be read.
    #[error("reading stored data failed: {0}")]
    Storage(#[source] Cause),
    /// Nobody waits for the answer, or not any longer.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

/// What the reader is going to do. But for `sorted` it is advice that may save work and never changes the answer.
#[derive(Debug, Clone, Default)]
pub struct SelectHints {
    /// Step of the query in ms; 0 for an instant query.
    pub step: i64,
    /// The function or aggregation directly around the selector.
    pub function: String,
    /// The answer must come in [`Labels`] order; the labels are held for that, within this budget.
    pub sorted: Option<Arc<dyn MemoryBudget>>,
    /// Who may end the search for series.
    pub interrupt: Option<Arc<dyn Interrupt>>,
}

impl SelectHints {
    /// Who may end the search for series.
    #[must_use]
    pub fn interrupt(&self) -> &dyn Interrupt {
        self.interrupt.as_deref().unwrap_or(&Never)
    }
}

/// Equal when they ask for the same; who gives memory or interrupts is no part of that.
impl PartialEq for SelectHints {
    fn eq(&self, other: &Self) -> bool {
        let asked = |hints: &Self| (hints.step, hints.function.clone(), hints.sorted.is_some());
        asked(self) == asked(other)
    }
}

/// The stored samples, for reading.
pub trait Select: Send + Sync {
    /// The series that pass all `matchers` and may have samples in `range`.
    ///
    /// The set is a consistent view: data flushed or compacted later doesn't disturb it. It may hold series that turn
    /// out to have no sample in `range`.
    ///
    /// # Errors
    /// When the index can't be read, or the labels to sort by don't fit their budget.
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: &SelectHints,
    ) -> Result<Arc<dyn SeriesSet>, SelectError>;

    /// How long [`Select::select`] takes to find the series with these matchers.
    fn cost(&self, matchers: &[Matcher]) -> LookupCost;

    /// How the index finds series with these matchers, in the order it takes them, and how many series there are at all
    /// times. It looks every matcher up by itself: for people, not for planning.
    ///
    /// # Errors
    /// When the index can't be read.
    fn explain(&self, matchers: &[Matcher], interrupt: &dyn Interrupt) -> Result<IndexPath, SelectError>;
}

/// How long a lookup takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupCost {
    /// Next to no time, however many series there are: handing it over to another thread would take longer.
    Negligible,
    /// That isn't known, so it may be long.
    Unknown,
}

/// How the index finds series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexPath {
    /// The matchers, in the order in which they are looked up.
    pub steps: Vec<MatcherStep>,
    /// How many series there are at all times.
    pub series: u64,
}

/// What the index does with a matcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatcherStep {
    /// The matcher.
    pub matcher: String,
    /// How the series are found.
    pub path: String,
    /// Series that pass it, of those at all times.
    pub series: u64,
}

/// Takes the position of a series and the canonical bytes of some of its labels; says whether to go on.
pub type ProjectionVisitor<'v> = dyn FnMut(usize, &[u8]) -> ControlFlow<()> + 'v;

/// The series that a selection found. Positions run from 0 to `len() - 1` and keep their meaning.
pub trait SeriesSet: Send + Sync {
    /// How many series there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Labels of series `i`.
    ///
    /// # Errors
    /// When the index can't be read or `i` is out of range.
    fn labels(&self, i: usize) -> Result<Labels, SelectError>;

    /// Visits each series by its position, in any order, with the canonical bytes of those of its labels that `projection`
    /// keeps, until the visitor breaks.
    ///
    /// # Errors
    /// When the index can't be read.
    fn each_projection(
        &self,
        projection: &Projection<'_>,
        visit: &mut ProjectionVisitor<'_>,
    ) -> Result<(), SelectError> {
        let mut bytes = Vec::new();
        for i in 0..self.len() {
            self.labels(i)?.filter_into(|name| projection.keeps(name), &mut bytes);
            if visit(i, &bytes).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Replaces what `out` holds by the samples of series `i` in the selection's range.
    ///
    /// # Errors
    /// When the data can't be read or `i` is out of range.
    fn read(&self, i: usize, out: &mut SeriesBuf) -> Result<(), SelectError>;

    /// Like [`Self::read`] for who needs the newest sample only: earlier ones and start times may be left out. Saves decoding
    /// where it can be had without.
    ///
    /// # Errors
    /// As [`Self::read`].
    fn read_newest(&self, i: usize, out: &mut SeriesBuf) -> Result<(), SelectError> {
        self.read(i, out)
    }

    /// About how many samples the series have in the selection's range together, known without reading them; `None`
    /// when it isn't.
    fn samples(&self) -> Option<u64> {
        None
    }

    /// What a reader has to know about the samples read so far, such as that some are lost to damage.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}
