//! From plan nodes to operators: the one place that knows both.

use super::{
    aggregate::aggregate,
    binary,
    call::{self, call},
    context::Context,
    map, memo,
    operator::Op,
    select::{Give, Selector},
    smoothed::Smoothed,
    step_invariant::StepInvariant,
};
use crate::promql::{
    QueryError,
    ast::Edges,
    data::grid::Grid,
    functions::operators,
    plan::{Kind, Node},
};

/// The operator for an expression whose value is an instant vector.
pub(crate) fn build<'c>(cx: &'c Context<'c>, node: &Node, grid: Grid) -> Result<Op<'c>, QueryError> {
    build_within(cx, node, grid, "")
}

/// The operator for an expression whose value is an instant vector. `function` is the name of the function or aggregation
/// right around it, a hint for storage.
pub(crate) fn build_within<'c>(
    cx: &'c Context<'c>,
    node: &Node,
    grid: Grid,
    function: &str,
) -> Result<Op<'c>, QueryError> {
    cx.budget.check()?;
    cx.profile.watch(node, || operator(cx, node, grid, function))
}

fn operator<'c>(cx: &'c Context<'c>, node: &Node, grid: Grid, function: &str) -> Result<Op<'c>, QueryError> {
    match &node.kind {
        Kind::Select(select) if select.edges == Edges::Smoothed => {
            Ok(Box::new(Smoothed::new(cx, select, grid, function, node.span)?))
        }
        Kind::Select(select) => Ok(Box::new(Selector::new(cx, select, grid, function, Give::Values)?)),
        Kind::Call(c) => call(cx, c, node.span, grid),
        Kind::Aggregate(a) => match a.shared {
            Some(id) if cx.settings.optimise.share => {
                memo::aggregate(cx, id, grid, || aggregate(cx, a, node.span, grid))
            }
            _ => aggregate(cx, a, node.span, grid),
        },
        Kind::Binary(b) => binary::build(cx, b, node.span, grid),
        Kind::Negate(inner) => {
            let inner = build(cx, inner, grid)?;
            let negative = map::Histograms::Changed(Box::new(|_, h| Some(operators::scaled(h, -1.0))));
            map::apply(cx, inner, map::Change::Pure(|v| -v), negative, true)
        }
        Kind::Invariant(inner) => {
            let inner = build_within(cx, inner, grid.first(), function)?;
            Ok(Box::new(StepInvariant { inner, steps: grid.steps }))
        }
        Kind::Number(_) => call::vector(cx, node, grid),
        Kind::Text(_) | Kind::Window(..) | Kind::Subquery(_) => {
            Err(QueryError::Execution("expected an instant vector".to_owned()))
        }
    }
}
