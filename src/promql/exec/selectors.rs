//! Which series a plan asks for: all selectors are looked up before the first row is computed, so that what a query is
//! going to cost is known, and lookups are done once.

use std::{collections::HashMap, sync::Arc};

use super::{context::Context, kept::Subqueries, range_vector::subquery_grid};
use crate::{
    model::TimeRange,
    promql::{
        QueryError,
        ast::Edges,
        data::grid::Grid,
        plan::{self, Kind, Node, NodeId},
    },
    seams::select::SelectHints,
};

/// A selector of a plan, and where it is evaluated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SelectorUse<'p> {
    pub(crate) select: &'p plan::Select,
    pub(crate) grid: Grid,
    pub(crate) range: TimeRange,
    /// The function or aggregation right around it.
    function: &'static str,
}

/// What a selector has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) series: u64,
    /// Estimated samples; `None` when nobody knows.
    pub(crate) samples: Option<u64>,
}

/// The nodes right below `node`, and the steps they are evaluated at.
pub(crate) fn children<'p>(node: &'p Node, grid: &Grid) -> Vec<(&'p Node, Grid)> {
    let grid = match &node.kind {
        Kind::Subquery(subquery) => subquery_grid(subquery, grid),
        Kind::Invariant(_) => grid.first(),
        _ => *grid,
    };
    node.children().into_iter().map(|child| (child, grid)).collect()
}

/// Hands over the selectors below and at `node` whose series are going to be looked up, at the steps that are left to evaluate
/// of `kept` subqueries.
pub(crate) fn selectors<'p>(
    node: &'p Node,
    grid: Grid,
    lookback: i64,
    kept: &Subqueries,
    each: &mut dyn FnMut(SelectorUse<'p>),
) {
    below(node, grid, "", (lookback, kept), each);
}

/// The steps that the subqueries at and below `node` evaluate their expressions at, but for those inside of others.
pub(crate) fn subquery_steps(node: &Node, grid: Grid, each: &mut dyn FnMut(NodeId, Grid)) {
    for (child, inner) in children(node, &grid) {
        match &node.kind {
            Kind::Subquery(_) => each(node.id, inner),
            _ => subquery_steps(child, inner, each),
        }
    }
}

fn below<'p>(
    node: &'p Node,
    grid: Grid,
    function: &'static str,
    (lookback, kept): (i64, &Subqueries),
    each: &mut dyn FnMut(SelectorUse<'p>),
) {
    let function = match &node.kind {
        Kind::Select(select) => {
            let window = (select.edges == Edges::Smoothed).then_some(0);
            return each(SelectorUse { select, grid, range: read_range(select, window, lookback, &grid), function });
        }
        Kind::Window(select, window) => {
            return each(SelectorUse {
                select,
                grid,
                range: read_range(select, Some(*window), lookback, &grid),
                function,
            });
        }
        // The second argument says what to look for beside the first.
        Kind::Call(call) if call.function.looks_up_labels => {
            return call
                .args
                .iter()
                .take(1)
                .for_each(|arg| below(arg, grid, call.function.name, (lookback, kept), each));
        }
        Kind::Call(call) => call.function.name,
        Kind::Aggregate(a) => a.op.as_str(),
        Kind::Invariant(_) => function,
        _ => "",
    };
    for (child, grid) in children(node, &grid) {
        let pieces = match &node.kind {
            Kind::Subquery(_) => kept.to_evaluate(node.id, grid),
            _ => vec![grid],
        };
        pieces.into_iter().for_each(|grid| below(child, grid, function, (lookback, kept), each));
    }
}

/// The times that a selector looks at on `grid`, in a window of so many ms or, without one, as an instant vector.
pub(crate) fn read_range(select: &plan::Select, window: Option<i64>, lookback: i64, grid: &Grid) -> TimeRange {
    let (first, last) = (select.shift.apply(grid.start), select.shift.apply(grid.last()));
    let (before, after) = match (window, select.edges) {
        (None, _) => (lookback, 0),
        (Some(window), Edges::Plain) => (window, 0),
        (Some(window), Edges::Anchored) => (window.saturating_add(lookback), 0),
        (Some(window), Edges::Smoothed) => (window.saturating_add(lookback), lookback),
    };
    // The first instant is outside.
    TimeRange::new(first.saturating_sub(before).saturating_add(1), last.saturating_add(after))
}

/// Looks up the series of all selectors of a plan; the answer goes by the selectors' nodes.
pub(crate) fn select_all(cx: &Context<'_>, node: &Node, grid: Grid) -> Result<HashMap<NodeId, Found>, QueryError> {
    let mut all = Vec::new();
    selectors(node, grid, cx.settings.lookback, &cx.subqueries, &mut |ask| all.push(ask));
    let mut found = HashMap::with_capacity(all.len());
    for SelectorUse { select, grid, range, function } in all {
        cx.budget.check()?;
        let Some(id) = select.id else { continue };
        let set = match cx.memo.set(id, range) {
            Some(set) => set,
            None => {
                let step = if grid.instant { 0 } else { grid.step };
                let hints = SelectHints {
                    step,
                    function: function.to_owned(),
                    sorted: None,
                    interrupt: Some(cx.budget.interrupt()),
                };
                let set = cx.select.select(&select.matchers, range, &hints)?;
                cx.memo.keep_set(id, range, &set);
                set
            }
        };
        let here = Found { series: set.len() as u64, samples: Arc::as_ref(&set).samples() };
        found.insert(id.node, here);
    }
    Ok(found)
}
