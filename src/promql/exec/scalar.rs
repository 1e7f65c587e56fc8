//! Scalar expressions: one number per step, known before any row is computed.

use super::{build::build, context::Context, parallel::for_each_row, select::seconds};
use crate::promql::{
    QueryError,
    data::{grid::Grid, row::Bits},
    functions::operators,
    plan::{Call, Kind, Node},
    signature::Computation,
};

/// A scalar over the grid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Numbers {
    /// The same at every step.
    Same(f64),
    /// One for each step.
    Each(Vec<f64>),
}

impl Numbers {
    pub(crate) fn at(&self, step: usize) -> f64 {
        match self {
            Self::Same(v) => *v,
            Self::Each(values) => values.get(step).copied().unwrap_or(f64::NAN),
        }
    }

    /// The numbers of all `steps`.
    pub(crate) fn iter(&self, steps: usize) -> impl Iterator<Item = f64> + '_ {
        (0..steps).map(|step| self.at(step))
    }

    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Same(v) => Self::Same(f(v)),
            Self::Each(values) => Self::Each(values.into_iter().map(f).collect()),
        }
    }

    fn zip(self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        match (self, other) {
            (Self::Same(a), Self::Same(b)) => Self::Same(f(a, *b)),
            (Self::Same(a), Self::Each(b)) => Self::Each(b.iter().map(|b| f(a, *b)).collect()),
            (Self::Each(a), b) => Self::Each(a.into_iter().enumerate().map(|(i, a)| f(a, b.at(i))).collect()),
        }
    }
}

/// Evaluates a scalar expression.
pub(crate) fn numbers<'c>(cx: &'c Context<'c>, node: &Node, grid: Grid) -> Result<Numbers, QueryError> {
    cx.budget.check()?;
    match &node.kind {
        Kind::Number(n) => Ok(Numbers::Same(*n)),
        Kind::Negate(inner) => Ok(numbers(cx, inner, grid)?.map(|v| -v)),
        Kind::Invariant(inner) => Ok(Numbers::Same(numbers(cx, inner, grid.first())?.at(0))),
        Kind::Call(call) => called(cx, call, grid),
        Kind::Binary(b) => {
            let (lhs, rhs) = (numbers(cx, &b.lhs, grid)?, numbers(cx, &b.rhs, grid)?);
            Ok(lhs.zip(&rhs, |l, r| operators::fold(b.op, l, r).unwrap_or(f64::NAN)))
        }
        _ => Err(QueryError::Execution("expected a scalar".to_owned())),
    }
}

fn called<'c>(cx: &'c Context<'c>, call: &Call, grid: Grid) -> Result<Numbers, QueryError> {
    match (call.function.computation, call.args.as_slice()) {
        (Computation::Time, _) => {
            cx.budget.foresee(1, grid.steps)?;
            Ok(Numbers::Each((0..grid.steps).map(|step| seconds(grid.time(step))).collect()))
        }
        (Computation::Constant(value), _) => Ok(Numbers::Same(value)),
        (Computation::OfTwo(f), [a, b]) => Ok(numbers(cx, a, grid)?.zip(&numbers(cx, b, grid)?, f)),
        (Computation::Scalar, [vector]) => of_vector(cx, vector, grid),
        _ => Err(QueryError::Unsupported(format!("{}()", call.function.name))),
    }
}

/// The value where the vector has exactly one float, NaN elsewhere.
fn of_vector<'c>(cx: &'c Context<'c>, vector: &Node, grid: Grid) -> Result<Numbers, QueryError> {
    cx.budget.foresee(1, grid.steps)?;
    let op = build(cx, vector, grid)?;
    let mut values = vec![f64::NAN; grid.steps];
    let mut seen = Bits::new(grid.steps);
    for_each_row(cx, &*op, grid.steps, &mut |_, row| {
        row.drop_histograms();
        for step in row.present.ones() {
            if let (Some(value), Some(float)) = (values.get_mut(step), row.float(step)) {
                *value = if seen.get(step) { f64::NAN } else { float };
                seen.set(step);
            }
        }
        Ok(())
    })?;
    Ok(Numbers::Each(values))
}
