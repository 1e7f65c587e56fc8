//! Which fault of a binary operation is told.
//!
//! Prometheus evaluates all of the left side, then all of the right one, and only then operates on them: the first fault
//! in that order is the one to tell. Here rows are computed pair by pair, so the row that fails first may be another. The
//! sides are then evaluated in order until one fails, but for a side whose first fault is known already: in a chain of
//! operations each side so is evaluated once more at most, however long the chain is.

use crate::promql::{
    QueryError,
    data::grid::Grid,
    exec::{
        context::Context,
        operator::{Operator, RowError},
        parallel::for_each_row,
    },
};

/// A side of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// The first fault of the operation on `lhs` and `rhs`, where a row of `side` failed with `error`.
pub(super) fn first_fault(
    cx: &Context<'_>,
    [lhs, rhs]: [&dyn Operator; 2],
    grid: Grid,
    (side, error): (Side, RowError),
) -> QueryError {
    let of = |side: &dyn Operator| for_each_row(cx, side, grid.steps, &mut |_, _| Ok(())).err();
    let found = match (side, error.is_first) {
        (Side::Left, true) => None,
        (Side::Left, false) => of(lhs),
        (Side::Right, true) => of(lhs),
        (Side::Right, false) => of(lhs).or_else(|| of(rhs)),
    };
    found.unwrap_or(error.error)
}

/// The first fault of an operation whose right side has none before `error`.
pub(super) fn before_right(cx: &Context<'_>, lhs: &dyn Operator, grid: Grid, error: QueryError) -> QueryError {
    for_each_row(cx, lhs, grid.steps, &mut |_, _| Ok(())).err().unwrap_or(error)
}
