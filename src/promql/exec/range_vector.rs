//! Where windows get their samples from: storage, or a subquery's rows.

use std::{borrow::Cow, sync::Arc};

use super::{
    build::build,
    context::Context,
    fault, hints,
    kept::build_subquery,
    materialized::Materialized,
    operator::{Op, RowError, Scratch, Series},
    profile::SelectorCost,
    select::find,
    selectors::read_range,
    stats::drop_buckets,
};
use crate::{
    model::{Histogram, METRIC_NAME, ResetHint, SeriesBuf, is_stale},
    promql::{
        QueryError,
        ast::Edges,
        data::{
            grid::{Grid, Shift},
            row::Sample,
        },
        plan::{self, Kind, Node, NodeId},
    },
    seams::select::{Projection, ProjectionVisitor, SeriesSet},
};

/// A range vector: for every series its samples over all windows at once.
pub(super) struct RangeVector<'c> {
    cx: &'c Context<'c>,
    from: From<'c>,
    /// Length of a window in ms.
    pub(super) range: i64,
    pub(super) shift: Shift,
    pub(super) edges: Edges,
    name: Option<String>,
}

enum From<'c> {
    /// A selector's series, whether histograms are needed without their buckets, and where to count what is read.
    Storage(Arc<dyn SeriesSet>, bool, Option<Arc<SelectorCost>>),
    /// A subquery; its inner expression over its own grid.
    Rows(Op<'c>, Grid),
}

impl<'c> RangeVector<'c> {
    /// The source of a range selector or subquery for a function; without one, its samples are the answer.
    pub(super) fn new(cx: &'c Context<'c>, node: &Node, grid: Grid, function: &str) -> Result<Self, QueryError> {
        match &node.kind {
            Kind::Window(select, range) => Self::storage(cx, select, *range, grid, function),
            Kind::Subquery(subquery) => Self::subquery(cx, node.id, subquery, grid, function.is_empty()),
            _ => Err(QueryError::Execution("expected a range vector".to_owned())),
        }
    }

    /// The samples of a selector in windows of `range` ms.
    pub(super) fn storage(
        cx: &'c Context<'c>,
        select: &plan::Select,
        range: i64,
        grid: Grid,
        function: &str,
    ) -> Result<Self, QueryError> {
        let hint_step = if grid.instant { 0 } else { grid.step };
        let set = find(cx, select, read_range(select, Some(range), cx.settings.lookback, &grid), hint_step, function)?;
        let reader = cx.profile.reader(select);
        reader.iter().for_each(|reader| reader.found(set.len()));
        let name = select.metric_name().map(str::to_owned);
        Ok(Self {
            cx,
            from: From::Storage(set, select.stats_only, reader),
            range,
            shift: select.shift.on(grid),
            edges: select.edges,
            name,
        })
    }

    fn subquery(
        cx: &'c Context<'c>,
        node: NodeId,
        subquery: &plan::Subquery,
        grid: Grid,
        is_answer: bool,
    ) -> Result<Self, QueryError> {
        let inner = subquery_grid(subquery, &grid);
        // One row of it must fit, or there is no use in starting.
        cx.budget.foresee(1, inner.steps)?;
        let window = if is_answer { (0, 0) } else { (subquery.shift.offset, subquery.range) };
        let inner = cx.profile.for_subquery(inner, window, &grid);
        let inner = if is_answer { Grid { weight: 1, ..inner } } else { inner };
        // What is never evaluated brings no faults.
        let op: Op<'c> = match (inner.steps, is_answer) {
            (0, _) => Box::new(Materialized::new(cx, 0)),
            (_, true) => build(cx, &subquery.expr, inner)?,
            (_, false) => build_subquery(cx, node, &subquery.expr, inner)?,
        };
        let (from, shift) = (From::Rows(op, inner), subquery.shift.on(grid));
        Ok(Self { cx, from, range: subquery.range, shift, edges: Edges::Plain, name: None })
    }

    pub(super) fn len(&self) -> usize {
        match &self.from {
            From::Storage(set, ..) => set.len(),
            From::Rows(op, _) => op.len(),
        }
    }

    /// Whether it reads stored samples, and not what another operator has read.
    pub(super) fn is_stored(&self) -> bool {
        matches!(self.from, From::Storage(..))
    }

    pub(super) fn series(&self, i: usize) -> Result<Series, QueryError> {
        match &self.from {
            From::Storage(set, ..) => Ok(Series::new(set.labels(i)?)),
            From::Rows(op, _) => op.series(i),
        }
    }

    pub(super) fn each_projection(
        &self,
        projection: &Projection<'_>,
        visit: &mut ProjectionVisitor<'_>,
    ) -> Result<(), QueryError> {
        match &self.from {
            From::Storage(set, ..) => Ok(set.each_projection(projection, visit)?),
            From::Rows(op, _) => op.each_projection(projection, visit),
        }
    }

    /// The times `(from, to]` that are looked at for the window `(start, end]`.
    pub(super) fn read_range(&self, start: i64, end: i64) -> (i64, i64) {
        let lookback = self.cx.settings.lookback;
        match self.edges {
            Edges::Plain => (start, end),
            Edges::Anchored => (start.saturating_sub(lookback), end),
            Edges::Smoothed => (start.saturating_sub(lookback), end.saturating_add(lookback)),
        }
    }

    /// The metric name of series `i`, for annotations.
    pub(super) fn metric_name(&self, i: usize) -> Cow<'_, str> {
        match &self.name {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(
                self.series(i)
                    .map_or_else(|_| String::new(), |s| s.labels.get(METRIC_NAME).unwrap_or_default().to_owned()),
            ),
        }
    }

    pub(super) fn one_name(&self) -> bool {
        match &self.from {
            From::Storage(..) => self.name.is_some(),
            From::Rows(op, _) => op.one_name(),
        }
    }

    /// The fault to tell where `later` was found: Prometheus has evaluated all of a subquery before it goes on.
    pub(super) fn settle(&self, later: QueryError) -> QueryError {
        match &self.from {
            From::Storage(..) => later,
            From::Rows(op, grid) => fault::settle(self.cx, &[&**op], *grid, fault::At::Later, later),
        }
    }

    /// Replaces what `out` holds by the samples of series `i`, without staleness markers.
    pub(super) fn read(&self, i: usize, scratch: &mut Scratch, out: &mut SeriesBuf) -> Result<(), RowError> {
        match &self.from {
            From::Storage(set, stats_only, reader) => {
                set.read(i, out)?;
                self.cx.settings.settle_starts(out);
                self.cx.budget.read(out)?;
                reader.iter().for_each(|reader| reader.read(out.len()));
                hints::settle(out);
                drop_stale(out);
                if *stats_only {
                    drop_buckets(out);
                }
            }
            From::Rows(op, grid) => {
                out.clear();
                let mut row = scratch.take_row();
                op.row(i, scratch, &mut row)?;
                for step in row.present.ones() {
                    match row.sample(step) {
                        Some(Sample::Float(value)) => out.push_float(grid.time(step), value),
                        Some(Sample::Histogram(h)) => out.histograms.push((grid.time(step), without_hint(h))),
                        None => {}
                    }
                }
                scratch.give_row(row);
                self.cx.budget.read(out)?;
            }
        }
        Ok(())
    }
}

/// The steps that a subquery on `grid` evaluates its expression at.
pub(super) fn subquery_grid(subquery: &plan::Subquery, grid: &Grid) -> Grid {
    let shift = subquery.shift.on(*grid);
    let (first, last) = (shift.apply(grid.start), shift.apply(grid.last()));
    Grid { weight: 0, ..inner_grid(first.saturating_sub(subquery.range), last, subquery.step) }
}

/// The multiples of `step` after `from` (exclusive) up to `to`.
fn inner_grid(from: i64, to: i64, step: i64) -> Grid {
    let step = step.max(1);
    let start = from.div_euclid(step).saturating_add(1).saturating_mul(step);
    Grid::range(start, to, step)
}

/// A subquery may skip or repeat samples, so what they say about resets no longer holds.
fn without_hint(h: Arc<Histogram>) -> Arc<Histogram> {
    match h.reset_hint {
        ResetHint::Reset | ResetHint::NotReset => {
            Arc::new(Histogram { reset_hint: ResetHint::Unknown, ..Histogram::clone(&h) })
        }
        ResetHint::Unknown | ResetHint::Gauge => h,
    }
}

fn drop_stale(buffer: &mut SeriesBuf) {
    if buffer.values.iter().any(|v| is_stale(*v)) {
        let stale: Vec<bool> = buffer.values.iter().map(|v| is_stale(*v)).collect();
        let mut keep = stale.iter();
        buffer.times.retain(|_| !keep.next().copied().unwrap_or(false));
        buffer.values.retain(|v| !is_stale(*v));
        buffer.float_starts.retain(|i| !stale.get(i).copied().unwrap_or(false));
    }
    let histograms = &buffer.histograms;
    buffer.histogram_starts.retain(|i| histograms.get(i).is_some_and(|(_, h)| !h.is_stale()));
    buffer.histograms.retain(|(_, h)| !h.is_stale());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StartTimes;

    #[test]
    fn a_subquery_steps_at_absolute_multiples_inside_the_left_open_window() {
        assert_eq!(inner_grid(100, 130, 10), Grid::range(110, 130, 10));
        assert_eq!(inner_grid(95, 130, 10).start, 100);
        assert_eq!(inner_grid(-15, 10, 10).start, -10);
        assert_eq!(inner_grid(91, 95, 10).steps, 0);
    }

    #[test]
    fn staleness_markers_leave_both_columns() {
        let mut buffer = SeriesBuf::default();
        buffer.push_float(1, 1.0);
        buffer.push_float_from(2, crate::model::STALE_NAN, 1);
        buffer.push_float_from(3, f64::NAN, 2);
        buffer.push_histogram(4, Arc::new(Histogram::stale()), 1);
        drop_stale(&mut buffer);
        assert_eq!((buffer.times, buffer.float_starts), (vec![1, 3], StartTimes::new(vec![0, 2])));
        assert_eq!(buffer.histogram_starts, StartTimes::default());
        assert!(buffer.values[1].is_nan() && buffer.histograms.is_empty());
    }
}
