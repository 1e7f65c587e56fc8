//! Rows of subqueries that an earlier question has left, and those that this one leaves.
//!
//! Steps whose kept values are still right are taken from there, the others are evaluated, and both become the rows of the
//! subquery, by labels. Whose rows these can be and what is still right is told by whoever keeps them.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use super::{
    answer::matrix,
    build::build,
    context::Context,
    materialized::Materialized,
    operator::{Op, Series},
    splice::{cut, join},
};
use crate::{
    model::TimeRange,
    promql::{
        MatrixSeries, QueryError, SAMPLE_BYTES,
        data::{annotations::NameAnnotation, grid::Grid, row::Row},
        plan::{Node, NodeId},
    },
};

/// Handing on so many values takes next to no time.
const FEW_CELLS: usize = 1 << 16;

/// Rows as they were kept, and of which steps they are still right.
#[derive(Debug)]
pub(crate) struct KeptRows {
    pub(crate) steps: TimeRange,
    /// All steps that are kept.
    pub(crate) all_steps: TimeRange,
    /// Sorted by labels; floats only.
    pub(crate) series: Arc<Vec<MatrixSeries>>,
    /// Of all steps together.
    pub(crate) annotations: Vec<NameAnnotation>,
}

/// Rows that may be kept.
#[derive(Debug)]
pub(crate) struct FreshRows {
    pub(crate) node: NodeId,
    pub(crate) steps: TimeRange,
    /// Nothing where rows like these are better not kept.
    pub(crate) series: Option<(Vec<MatrixSeries>, Vec<NameAnnotation>)>,
}

/// The subqueries whose rows may be kept.
#[derive(Debug, Default)]
pub(crate) struct Subqueries {
    /// What is kept of them.
    kept: HashMap<NodeId, Option<KeptRows>>,
    /// Rows of more values than this are not kept, nor held for that.
    most_cells: usize,
    fresh: Mutex<Vec<FreshRows>>,
}

impl Subqueries {
    /// These, and what is kept of each. Rows that take more than `most_bytes` are not kept.
    pub(crate) fn new(kept: HashMap<NodeId, Option<KeptRows>>, most_bytes: usize) -> Self {
        Self { kept, most_cells: most_bytes / SAMPLE_BYTES as usize, fresh: Mutex::default() }
    }

    fn leave(&self, rows: FreshRows) {
        self.fresh.lock().push(rows);
    }

    /// The rows that may be kept from now on.
    pub(crate) fn take_fresh(&self) -> Vec<FreshRows> {
        std::mem::take(&mut *self.fresh.lock())
    }

    /// Whether the rows of a subquery on `grid` are all kept, and so few that handing them on takes next to no time.
    pub(crate) fn has_all(&self, node: NodeId, grid: Grid) -> bool {
        let Some(kept) = self.kept.get(&node).and_then(Option::as_ref) else { return false };
        let cells = || kept.series.iter().map(|one| one.samples.times.len()).sum::<usize>();
        self.to_evaluate(node, grid).is_empty() && cells() <= FEW_CELLS
    }

    /// The steps of `grid` at which the expression of a subquery has to be evaluated.
    pub(super) fn to_evaluate(&self, node: NodeId, grid: Grid) -> Vec<Grid> {
        match self.pieces(node, grid) {
            Some([before, _, after]) => [before, after].into_iter().filter(|piece| piece.steps > 0).collect(),
            None => vec![grid],
        }
    }

    /// The steps before those that are kept, these, and those behind; `None` when nothing is kept.
    fn pieces(&self, node: NodeId, grid: Grid) -> Option<[Grid; 3]> {
        let kept = self.kept.get(&node)?.as_ref()?;
        let good = TimeRange::new(kept.steps.start.max(grid.start), kept.steps.end.min(grid.last()));
        if good.start > good.end || grid.steps < 2 {
            return None;
        }
        let piece = |start, end| Grid {
            instant: false,
            weight: grid.weight,
            reads: grid.reads,
            ..Grid::range(start, end, grid.step)
        };
        let before = piece(grid.start, good.start.saturating_sub(grid.step));
        let behind = piece(good.end.saturating_add(grid.step), grid.last());
        Some([before, piece(good.start, good.end), behind])
    }
}

/// The operator for the expression of subquery `node` on `grid`.
pub(super) fn build_subquery<'c>(
    cx: &'c Context<'c>,
    node: NodeId,
    expr: &Node,
    grid: Grid,
) -> Result<Op<'c>, QueryError> {
    let subqueries = &*cx.subqueries;
    let may_be_kept = grid.steps > 1 && subqueries.kept.contains_key(&node) && !cx.settings.delayed_name_removal;
    if may_be_kept {
        let pieces = subqueries.pieces(node, grid);
        let kept = subqueries.kept.get(&node).and_then(Option::as_ref).zip(pieces);
        let rows = match evaluated(cx, expr, grid, kept) {
            // What an annotation was about may have been at a step that isn't asked for any more.
            Ok(Spliced::Unsure) => evaluated(cx, expr, grid, None),
            rows => rows,
        };
        match rows {
            Ok(Spliced::Rows(series, annotations)) => {
                let rows = materialized(cx, &series, grid)?;
                let series = annotations.map(|annotations| (series, annotations));
                subqueries.leave(FreshRows { node, steps: TimeRange::new(grid.start, grid.last()), series });
                return Ok(Box::new(rows));
            }
            Ok(Spliced::Unfit) => {
                subqueries.leave(FreshRows { node, steps: TimeRange::new(grid.start, grid.last()), series: None });
            }
            // Which of several faults is the first is told by an evaluation row by row.
            Ok(Spliced::Unsure) | Err(_) => {}
        }
    }
    build(cx, expr, grid)
}

/// What became of rows that may be kept.
enum Spliced {
    /// Kept and new ones, by labels, and the annotations that go with them if they depend on names alone.
    Rows(Vec<MatrixSeries>, Option<Vec<NameAnnotation>>),
    /// They are better not held.
    Unfit,
    /// Nobody knows whether the annotations that were kept belong to them.
    Unsure,
}

/// Evaluates the steps of `grid` that are not among the kept ones, if there are any.
fn evaluated<'c>(
    cx: &'c Context<'c>,
    expr: &Node,
    grid: Grid,
    kept: Option<(&KeptRows, [Grid; 3])>,
) -> Result<Spliced, QueryError> {
    cx.annotations.record();
    let evaluate = |piece: Grid| -> Result<Option<Vec<MatrixSeries>>, QueryError> {
        if piece.steps == 0 {
            return Ok(Some(Vec::new()));
        }
        let op = build(cx, expr, piece)?;
        let fits = op.len().saturating_mul(grid.steps) <= cx.subqueries.most_cells;
        if fits { matrix(cx, op, piece).map(Some) } else { Ok(None) }
    };
    let series = match kept {
        None => evaluate(grid)?,
        Some((kept, [before, good, behind])) => {
            let (earlier, later) = (evaluate(before)?, evaluate(behind)?);
            let middle = || cut(&kept.series, TimeRange::new(good.start, good.last()));
            earlier.zip(later).map(|(earlier, later)| join(join(earlier, middle()), later))
        }
    };
    let mut annotations = cx.annotations.recorded();
    let Some(series) = series.filter(|all| all.iter().all(|one| one.samples.histograms.is_empty())) else {
        return Ok(Spliced::Unfit);
    };
    if let Some((kept, [_, good, _])) = kept
        && let Some(new) = &mut annotations
    {
        let is_whole = TimeRange::new(good.start, good.last()) == kept.all_steps;
        let more: Vec<_> = kept.annotations.iter().filter(|one| !new.contains(one)).cloned().collect();
        if !is_whole && !more.is_empty() {
            return Ok(Spliced::Unsure);
        }
        more.iter().for_each(|one| cx.annotations.add_again(one));
        new.extend(more);
    }
    Ok(Spliced::Rows(series, annotations))
}

fn materialized<'c>(cx: &'c Context<'c>, series: &[MatrixSeries], grid: Grid) -> Result<Materialized<'c>, QueryError> {
    let mut rows = Materialized::new(cx, grid.steps);
    let mut row = Row::new(grid.steps);
    for one in series {
        row.reset(grid.steps);
        for (time, value) in one.samples.times.iter().zip(&one.samples.values) {
            if let Ok(step) = usize::try_from((time - grid.start) / grid.step) {
                row.set(step, *value);
            }
        }
        rows.push(Series::new(one.labels.clone()), &row)?;
    }
    Ok(rows)
}
