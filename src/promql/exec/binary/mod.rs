//! Binary operations; what an operator does to two values is in [`operators`].
//!
//! - this file: a vector and a scalar, element-wise,
//! - [`matching`]: which series of two vectors belong together,
//! - [`pairs`]: the usual case, where that is known before any value is read: rows are computed pair by pair,
//! - [`stepwise`]: the general case, where it may differ from step to step,
//! - [`sets`]: `and`, `or`, `unless`.

mod matching;
mod pairs;
mod sets;
mod stepwise;

use std::sync::Arc;

use super::{
    build::build as operator,
    context::Context,
    fault,
    map::{self, Change, Histograms},
    operator::Op,
    scalar::{Numbers, numbers},
};
use crate::{
    model::Span,
    promql::{
        QueryError,
        ast::{BinaryOp, Cardinality, ValueType},
        data::{annotations::AnnotationKind, grid::Grid, row::Sample},
        functions::{native::FloatHistogram, operators},
        plan::Binary,
    },
};

/// The operator for a binary operation with a vector on at least one side.
pub(super) fn build<'c>(cx: &'c Context<'c>, b: &Binary, span: Span, grid: Grid) -> Result<Op<'c>, QueryError> {
    let scalar = |node: &crate::promql::plan::Node| node.value_type() == ValueType::Scalar;
    match (scalar(&b.lhs), scalar(&b.rhs)) {
        (true, true) => {
            let (lhs, rhs) = (numbers(cx, &b.lhs, grid)?, numbers(cx, &b.rhs, grid)?);
            super::call::series_of(cx, grid, |step| {
                operators::fold(b.op, lhs.at(step), rhs.at(step)).unwrap_or(f64::NAN)
            })
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
            let lhs = operator(cx, &b.lhs, grid)?;
            let rhs = match operator(cx, &b.rhs, grid) {
                Ok(rhs) => rhs,
                Err(error) => {
                    // What is wrong on the left is told first, though it shows only as its rows come.
                    return Err(fault::settle(cx, &[&*lhs], grid, fault::At::Later, error));
                }
            };
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
    let scalar = Arc::new(scalar);
    let factor = Arc::clone(&scalar);
    let changed = |f: fn(&FloatHistogram, f64) -> Sample| {
        Histograms::Changed(Box::new(move |step, h| Some(f(h, factor.at(step)))))
    };
    let histograms = match b.op {
        BinaryOp::Mul => changed(|h, by| operators::apply_scalar(h, BinaryOp::Mul, by)),
        BinaryOp::Div if !swapped => changed(|h, by| operators::apply_scalar(h, BinaryOp::Div, by)),
        BinaryOp::TrimUpper if !swapped => changed(|h, at| operators::apply_scalar(h, BinaryOp::TrimUpper, at)),
        BinaryOp::TrimLower if !swapped => changed(|h, at| operators::apply_scalar(h, BinaryOp::TrimLower, at)),
        op if swapped => {
            Histograms::Annotated(AnnotationKind::IncompatibleTypes("float", op.as_str(), "histogram"), span)
        }
        op => Histograms::Annotated(AnnotationKind::IncompatibleTypes("histogram", op.as_str(), "float"), span),
    };
    if let Some(f) = operators::arithmetic(b.op) {
        let change: Box<dyn Fn(usize, f64) -> Option<f64> + Sync> = match swapped {
            false => Box::new(move |step, v| Some(f(v, scalar.at(step)))),
            true => Box::new(move |step, v| Some(f(scalar.at(step), v))),
        };
        return map::apply(cx, vector, Change::Stepwise(change), histograms, true);
    }
    let b_op = b.op;
    let Some(holds) = operators::comparison(b_op) else {
        // What only histograms can do leaves no float.
        let refused = move |_: usize, _: f64| {
            cx.annotations.add(AnnotationKind::IncompatibleTypes("float", b_op.as_str(), "float"), span);
            None
        };
        return map::apply(cx, vector, Change::Stepwise(Box::new(refused)), histograms, false);
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
