//! Durations and their arithmetic, down to milliseconds.

use super::lower::Bounds;
use crate::promql::{
    QueryError,
    ast::{BinaryOp, DurationExpr, DurationKind},
    functions::elementary,
};

/// Prometheus holds durations in nanoseconds in an i64; what doesn't fit there is refused (seconds).
const LONGEST: f64 = (1u64 << 63) as f64 / 1e9;

/// The duration in ms. Only an offset may be zero or negative.
pub(super) fn resolve(expr: &DurationExpr, bounds: &Bounds<'_>, any_sign: bool) -> Result<i64, QueryError> {
    if let DurationKind::Millis(ms) = expr.kind
        && (any_sign || ms > 0)
    {
        return Ok(ms);
    }
    let refused = |message: &str| Err(bounds.refused(expr.span, message));
    let seconds = evaluate(expr, bounds)?;
    if !seconds.is_finite() {
        return refused("duration is NaN or infinite");
    }
    if seconds <= 0.0 && !any_sign {
        return refused("duration must be greater than 0");
    }
    if seconds.abs() > LONGEST {
        return refused("duration is out of range");
    }
    Ok((seconds * 1000.0) as i64)
}

fn evaluate(expr: &DurationExpr, bounds: &Bounds<'_>) -> Result<f64, QueryError> {
    Ok(match &expr.kind {
        DurationKind::Millis(ms) => *ms as f64 / 1000.0,
        DurationKind::Number(n) => *n,
        DurationKind::Step => bounds.step_seconds(),
        DurationKind::Range => bounds.range_seconds(),
        DurationKind::Negate(inner) => -evaluate(inner, bounds)?,
        DurationKind::Paren(inner) => evaluate(inner, bounds)?,
        DurationKind::Extreme { max, lhs, rhs } => {
            let (a, b) = (evaluate(lhs, bounds)?, evaluate(rhs, bounds)?);
            if *max { a.max(b) } else { a.min(b) }
        }
        DurationKind::Binary { op, lhs, rhs } => {
            let (a, b) = (evaluate(lhs, bounds)?, evaluate(rhs, bounds)?);
            match op {
                BinaryOp::Add => a + b,
                BinaryOp::Sub => a - b,
                BinaryOp::Mul => a * b,
                BinaryOp::Div if b == 0.0 => return Err(bounds.refused(expr.span, "division by zero")),
                BinaryOp::Div => a / b,
                BinaryOp::Mod if b == 0.0 => return Err(bounds.refused(expr.span, "modulo by zero")),
                BinaryOp::Mod => a % b,
                BinaryOp::Pow => elementary::pow(a, b),
                _ => return Err(bounds.refused(expr.span, "operator not allowed in a duration")),
            }
        }
    })
}
