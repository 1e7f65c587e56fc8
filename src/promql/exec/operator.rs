//! The contract between operators.

use super::context::Context;
use crate::{
    model::{Labels, METRIC_NAME, SeriesBuf},
    promql::{QueryError, data::row::Row, functions::window::Windows},
    seams::select::{Projection, ProjectionVisitor, SelectError},
};

/// Labels that describe the metric itself; they go when the values are no longer the metric's.
const METADATA_LABELS: [&str; 3] = [METRIC_NAME, "__type__", "__unit__"];

/// An output series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    /// Whether the metric name is still there but has to go at the end (only with delayed name removal).
    pub(crate) drop_name: bool,
}

impl Series {
    pub(crate) fn new(labels: Labels) -> Self {
        Self { labels, drop_name: false }
    }

    /// The series as it is after an operation that changes what the values mean.
    pub(crate) fn renamed(self, cx: &Context<'_>) -> Self {
        if cx.settings.delayed_name_removal {
            Self { drop_name: true, ..self }
        } else {
            Self { labels: without_metadata(&self.labels), drop_name: self.drop_name }
        }
    }
}

/// The labels of `projection` that a series still has where [`Series::renamed`] was done.
pub(crate) fn renamed<'n>(projection: &Projection<'n>, cx: &Context<'_>) -> Projection<'n> {
    if cx.settings.delayed_name_removal { projection.clone() } else { projection.without(&METADATA_LABELS) }
}

/// The labels without those that describe the metric.
pub(crate) fn without_metadata(labels: &Labels) -> Labels {
    labels.filtered(|name| !METADATA_LABELS.iter().any(|label| label.as_bytes() == name))
}

/// Why a row can't be computed.
///
/// Other rows of the same operator may fail too, and Prometheus may meet theirs first. Whoever has looked for that one
/// says so, and those above it pass the error on instead of looking again.
#[derive(Debug, Clone)]
pub(crate) struct RowError {
    pub(super) error: QueryError,
    /// Whether it is the first of all faults of the operator that answers with it.
    pub(super) is_first: bool,
}

impl From<QueryError> for RowError {
    fn from(error: QueryError) -> Self {
        Self { error, is_first: false }
    }
}

impl From<SelectError> for RowError {
    fn from(error: SelectError) -> Self {
        QueryError::from(error).into()
    }
}

/// A source of rows. Everything takes `&self`: any thread may ask for any row.
pub(crate) trait Operator: Sync {
    /// How many output series there are. Some may turn out to have no sample.
    fn len(&self) -> usize;

    /// Labels of output series `i`.
    fn series(&self, i: usize) -> Result<Series, QueryError>;

    /// Visits each series by its number, in any order, with the canonical bytes of those of its labels that `projection` keeps,
    /// until the visitor breaks. Cheaper than [`Self::series`] for who needs no more.
    fn each_projection(
        &self,
        projection: &Projection<'_>,
        visit: &mut ProjectionVisitor<'_>,
    ) -> Result<(), QueryError> {
        let mut bytes = Vec::new();
        for i in 0..self.len() {
            self.series(i)?.labels.filter_into(|name| projection.keeps(name), &mut bytes);
            if visit(i, &bytes).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Makes `out` the row of output series `i`.
    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError>;

    /// Whether series stay distinct when their metric names go; only a promise, never needed for a right answer.
    fn one_name(&self) -> bool {
        false
    }
}

/// An operator somewhere below.
pub(crate) type Op<'c> = Box<dyn Operator + 'c>;

/// Buffers of one thread, lent out and given back so that nothing is allocated per row.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    rows: Vec<Row>,
    buffers: Vec<SeriesBuf>,
    indexes: Vec<Vec<u32>>,
    windows: Vec<Windows>,
}

impl Scratch {
    pub(crate) fn take_row(&mut self) -> Row {
        self.rows.pop().unwrap_or_default()
    }

    pub(crate) fn give_row(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn take_buffer(&mut self) -> SeriesBuf {
        self.buffers.pop().unwrap_or_default()
    }

    pub(crate) fn give_buffer(&mut self, buffer: SeriesBuf) {
        self.buffers.push(buffer);
    }

    pub(crate) fn take_indexes(&mut self) -> Vec<u32> {
        self.indexes.pop().unwrap_or_default()
    }

    /// Windows as the last series left them: the next one's are the same, mostly.
    pub(crate) fn take_windows(&mut self) -> Windows {
        self.windows.pop().unwrap_or_default()
    }

    pub(crate) fn give_windows(&mut self, windows: Windows) {
        self.windows.push(windows);
    }

    pub(crate) fn give_indexes(&mut self, indexes: Vec<u32>) {
        self.indexes.push(indexes);
    }
}
