//! Binary operations.
//!
//! - [`op`]: what an operator does to two values,
//! - this file: a vector and a scalar, element-wise,
//! - [`matching`]: which series of two vectors belong together,
//! - [`pairs`]: the usual case, where that is known before any value is read: rows are computed pair by pair,
//! - [`stepwise`]: the general case, where it may differ from step to step,
//! - [`sets`]: `and`, `or`, `unless`.

mod matching;
mod op;
mod pairs;
mod sets;
mod stepwise;

pub(crate) use op::fold;

use super::{
    build::build as operator,
    context::Context,
    grid::Grid,
    map::{self, Change, Histograms},
    notes::Note,
    operator::Op,
    scalar::{Numbers, numbers},
};
use crate::{
    model::Span,
    promql::{
        QueryError,
        ast::{BinaryOp, Cardinality, ValueType},
        plan::Binary,
    },
};

/// The operator for a binary operation with a vector on at least one side.
pub(super) fn build<'c>(cx: &'c Context<'c>, b: &Binary, span: Span, grid: Grid) -> Result<Op<'c>, QueryError> {
    let scalar = |node: &crate::promql::plan::Node| node.value_type() == ValueType::Scalar;
    match (scalar(&b.lhs), scalar(&b.rhs)) {
        (true, true) => {
            let (lhs, rhs) = (numbers(cx, &b.lhs, grid)?, numbers(cx, &b.rhs, grid)?);
            super::call::series_of(cx, grid, |step| fold(b.op, lhs.at(step), rhs.at(step)).unwrap_or(f64::NAN))
        }
        (false, true) => {
            let scalar = numbers(cx, &b.rhs, grid)?;
            with_scalar(cx, b, operator(cx, &b.lhs, grid)?, scalar, false, span)
        }
        (true, false) => {
            let scalar = numbers(cx, &b.lhs, grid)?;
            with_scalar(cx, b, operator(cx, &b.rhs, grid)?, scalar, true, span)
        }
        (false, false) => {
            let (lhs, rhs) = (operator(cx, &b.lhs, grid)?, operator(cx, &b.rhs, grid)?);
            if b.matching.cardinality == Cardinality::ManyToMany {
                sets::build(cx, b, lhs, rhs, grid)
            } else {
                matching::build(cx, b, lhs, rhs, span, grid)
            }
        }
    }
}

/// A vector and a scalar; `swapped` when the scalar stands on the left.
fn with_scalar<'c>(
    cx: &'c Context<'c>,
    b: &Binary,
    vector: Op<'c>,
    scalar: Numbers,
    swapped: bool,
    span: Span,
) -> Result<Op<'c>, QueryError> {
    let histograms = match b.op {
        BinaryOp::Mul => Histograms::Unsupported("the product"),
        BinaryOp::Div if !swapped => Histograms::Unsupported("the quotient"),
        BinaryOp::TrimLower | BinaryOp::TrimUpper if !swapped => Histograms::Unsupported("a part"),
        op if swapped => Histograms::Remarked(Note::IncompatibleTypes("float", op::text(op), "histogram"), span),
        op => Histograms::Remarked(Note::IncompatibleTypes("histogram", op::text(op), "float"), span),
    };
    if let Some(f) = op::arithmetic(b.op) {
        let change: Box<dyn Fn(usize, f64) -> Option<f64> + Sync> = match swapped {
            false => Box::new(move |step, v| Some(f(v, scalar.at(step)))),
            true => Box::new(move |step, v| Some(f(scalar.at(step), v))),
        };
        return map::apply(cx, vector, Change::Stepwise(change), histograms, true);
    }
    let Some(holds) = op::comparison(b.op) else {
        // What only histograms can do leaves no float.
        cx.notes.add(Note::IncompatibleTypes("float", op::text(b.op), "float"), span);
        return map::apply(cx, vector, Change::Stepwise(Box::new(|_, _| None)), histograms, false);
    };
    let compare = move |step: usize, v: f64| {
        let s = scalar.at(step);
        if swapped { holds(s, v) } else { holds(v, s) }
    };
    let change: Box<dyn Fn(usize, f64) -> Option<f64> + Sync> = match b.return_bool {
        true => Box::new(move |step, v| Some(f64::from(u8::from(compare(step, v))))),
        false => Box::new(move |step, v| compare(step, v).then_some(v)),
    };
    map::apply(cx, vector, Change::Stepwise(change), histograms, b.return_bool)
}
