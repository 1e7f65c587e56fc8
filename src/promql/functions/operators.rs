//! What operators do to two values.

use std::sync::Arc;

use crate::{
    model::ResetHint,
    promql::{
        data::{annotations::AnnotationKind, row::Sample},
        functions::{
            elementary,
            native::{Combined, FloatHistogram, Incompatible},
        },
        names::BinaryOp,
    },
};

/// The function of an arithmetic operator.
pub(crate) fn arithmetic(op: BinaryOp) -> Option<fn(f64, f64) -> f64> {
    Some(match op {
        BinaryOp::Add => |a, b| a + b,
        BinaryOp::Sub => |a, b| a - b,
        BinaryOp::Mul => |a, b| a * b,
        BinaryOp::Div => |a, b| a / b,
        BinaryOp::Mod => |a, b| a % b,
        BinaryOp::Pow => elementary::pow,
        BinaryOp::Atan2 => elementary::atan2,
        _ => return None,
    })
}

/// The function of a comparison.
pub(crate) fn comparison(op: BinaryOp) -> Option<fn(f64, f64) -> bool> {
    Some(match op {
        BinaryOp::Equal => |a, b| a == b,
        BinaryOp::NotEqual => |a, b| a != b,
        BinaryOp::Greater => |a, b| a > b,
        BinaryOp::Less => |a, b| a < b,
        BinaryOp::GreaterEqual => |a, b| a >= b,
        BinaryOp::LessEqual => |a, b| a <= b,
        _ => return None,
    })
}

/// The operator on two scalars, where it has a meaning there.
pub(crate) fn fold(op: BinaryOp, a: f64, b: f64) -> Option<f64> {
    match (arithmetic(op), comparison(op)) {
        (Some(f), _) => Some(f(a, b)),
        (None, Some(holds)) => Some(f64::from(u8::from(holds(a, b)))),
        (None, None) => None,
    }
}

/// A histogram as a sample.
fn sample(h: FloatHistogram) -> Sample {
    Sample::Histogram(Arc::new(h.compact().to_model()))
}

/// `h` times `factor`, every bucket kept.
pub(crate) fn scaled(h: &FloatHistogram, factor: f64) -> Sample {
    let mut h = h.clone();
    h.multiply(factor);
    Sample::Histogram(Arc::new(h.to_model()))
}

/// One of the operators that take a histogram and a number.
pub(crate) fn apply_scalar(h: &FloatHistogram, op: BinaryOp, number: f64) -> Sample {
    let mut h = h.clone();
    match op {
        BinaryOp::Mul => h.multiply(number),
        BinaryOp::Div => h.divide(number),
        BinaryOp::TrimUpper => h.keep_below(number),
        BinaryOp::TrimLower => h.keep_above(number),
        _ => {}
    }
    sample(h)
}

/// What came of an operator on two samples.
pub(crate) struct Outcome {
    /// The value, and whether a comparison holds.
    pub(crate) value: Option<(Sample, bool)>,
    /// What is to be said.
    pub(crate) annotations: Vec<AnnotationKind>,
}

/// The operator on two samples of vectors.
pub(crate) fn apply(op: BinaryOp, l: &Sample, r: &Sample) -> Outcome {
    let value = |sample, holds| Outcome { value: Some((sample, holds)), annotations: Vec::new() };
    let incompatible =
        |l, r| Outcome { value: None, annotations: vec![AnnotationKind::IncompatibleTypes(l, op.as_str(), r)] };
    match (l, r) {
        (Sample::Float(a), Sample::Float(b)) => match (arithmetic(op), comparison(op)) {
            (Some(f), _) => value(Sample::Float(f(*a, *b)), true),
            (None, Some(holds)) => value(Sample::Float(*a), holds(*a, *b)),
            (None, None) => incompatible("float", "float"),
        },
        (Sample::Histogram(a), Sample::Histogram(b)) => {
            let (mut a, b) = (FloatHistogram::from_model(a), FloatHistogram::from_model(b));
            match op {
                BinaryOp::Equal => value(l.clone(), a.says_the_same(&b)),
                BinaryOp::NotEqual => value(l.clone(), !a.says_the_same(&b)),
                BinaryOp::Add => {
                    let combined = a.add(&b);
                    combination(op, a, combined, "addition")
                }
                BinaryOp::Sub => {
                    let combined = a.subtract(&b);
                    a.hint = ResetHint::Gauge;
                    combination(op, a, combined, "subtraction")
                }
                _ => incompatible("histogram", "histogram"),
            }
        }
        (Sample::Float(number), Sample::Histogram(h)) if op == BinaryOp::Mul => {
            value(apply_scalar(&FloatHistogram::from_model(h), op, *number), true)
        }
        (Sample::Float(_), Sample::Histogram(_)) => incompatible("float", "histogram"),
        (Sample::Histogram(h), Sample::Float(number)) => match op {
            BinaryOp::Mul | BinaryOp::Div | BinaryOp::TrimLower | BinaryOp::TrimUpper => {
                value(apply_scalar(&FloatHistogram::from_model(h), op, *number), true)
            }
            _ => incompatible("histogram", "float"),
        },
    }
}

fn combination(
    op: BinaryOp,
    h: FloatHistogram,
    combined: Result<Combined, Incompatible>,
    what: &'static str,
) -> Outcome {
    match combined {
        Ok(combined) => {
            let collision = combined.hints_collide.then_some(AnnotationKind::HintsCollide(what));
            let reconciled = combined.bounds_reconciled.then_some(AnnotationKind::BoundsReconciled(what));
            Outcome { value: Some((sample(h), true)), annotations: collision.into_iter().chain(reconciled).collect() }
        }
        Err(Incompatible) => {
            Outcome { value: None, annotations: vec![AnnotationKind::IncompatibleBuckets(op.as_str())] }
        }
    }
}
