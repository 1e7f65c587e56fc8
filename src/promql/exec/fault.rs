//! Which of several faults is told: the one place that decides.
//!
//! Prometheus evaluates the inputs of an operation one after the other, each of them whole, and only then does something
//! with them: the first fault in that order is the one to tell. Here rows are computed one by one from all inputs, so what
//! fails first may be another. Once something has failed, the inputs are evaluated in order until one fails, but for one
//! whose first fault is known already: in a chain of operations each input so is evaluated once more at most, however long
//! the chain is. Of one input's rows [`for_each_row`] tells the first in series order that fails.

use super::{
    context::Context,
    operator::{Operator, RowError},
    parallel::for_each_row,
};
use crate::promql::{QueryError, data::grid::Grid};

/// Where something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// In a row of the input of this number.
    Input(usize),
    /// After the inputs.
    Later,
}

/// The fault to tell of an operation on `inputs`, in the order of the text, where `error` was met.
pub(super) fn settle(
    cx: &Context<'_>,
    inputs: &[&dyn Operator],
    grid: Grid,
    at: At,
    error: impl Into<RowError>,
) -> QueryError {
    let RowError { error, is_first } = error.into();
    let unknown = match at {
        At::Input(number) => number + usize::from(!is_first),
        At::Later => inputs.len(),
    };
    let fault_of = |input: &&dyn Operator| for_each_row(cx, *input, grid.steps, &mut |_, _| Ok(())).err();
    inputs.iter().take(unknown).find_map(fault_of).unwrap_or(error)
}
