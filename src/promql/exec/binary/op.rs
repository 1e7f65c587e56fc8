//! What operators do to two values.

use crate::promql::{
    QueryError,
    ast::BinaryOp,
    exec::{notes::Note, row::Sample},
};

/// The operator as it is written.
pub(super) fn text(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Mod => "%",
        BinaryOp::Pow => "^",
        BinaryOp::Atan2 => "atan2",
        BinaryOp::Equal => "==",
        BinaryOp::NotEqual => "!=",
        BinaryOp::Greater => ">",
        BinaryOp::Less => "<",
        BinaryOp::GreaterEqual => ">=",
        BinaryOp::LessEqual => "<=",
        BinaryOp::TrimUpper => "</",
        BinaryOp::TrimLower => ">/",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
        BinaryOp::Unless => "unless",
    }
}

/// The function of an arithmetic operator.
pub(super) fn arithmetic(op: BinaryOp) -> Option<fn(f64, f64) -> f64> {
    Some(match op {
        BinaryOp::Add => |a, b| a + b,
        BinaryOp::Sub => |a, b| a - b,
        BinaryOp::Mul => |a, b| a * b,
        BinaryOp::Div => |a, b| a / b,
        BinaryOp::Mod => |a, b| a % b,
        BinaryOp::Pow => f64::powf,
        BinaryOp::Atan2 => f64::atan2,
        _ => return None,
    })
}

/// The function of a comparison.
pub(super) fn comparison(op: BinaryOp) -> Option<fn(f64, f64) -> bool> {
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

/// The operator on two samples of vectors: the value, and whether a comparison holds.
/// `Err(Ok(note))` tells why there is no value.
pub(super) fn apply(op: BinaryOp, l: &Sample, r: &Sample) -> Result<(Sample, bool), Result<Note, QueryError>> {
    let unsupported = |what: &str| Err(Err(QueryError::Unsupported(format!("{what} of native histograms"))));
    let incompatible = |l, r| Err(Ok(Note::IncompatibleTypes(l, text(op), r)));
    match (l, r) {
        (Sample::Float(a), Sample::Float(b)) => match (arithmetic(op), comparison(op)) {
            (Some(f), _) => Ok((Sample::Float(f(*a, *b)), true)),
            (None, Some(holds)) => Ok((Sample::Float(*a), holds(*a, *b))),
            (None, None) => incompatible("float", "float"),
        },
        (Sample::Histogram(a), Sample::Histogram(b)) => match op {
            BinaryOp::Equal => Ok((l.clone(), a.same_bits(b))),
            BinaryOp::NotEqual => Ok((l.clone(), !a.same_bits(b))),
            BinaryOp::Add => unsupported("the sum"),
            BinaryOp::Sub => unsupported("the difference"),
            _ => incompatible("histogram", "histogram"),
        },
        (Sample::Float(_), Sample::Histogram(_)) => match op {
            BinaryOp::Mul => unsupported("the product"),
            _ => incompatible("float", "histogram"),
        },
        (Sample::Histogram(_), Sample::Float(_)) => match op {
            BinaryOp::Mul => unsupported("the product"),
            BinaryOp::Div => unsupported("the quotient"),
            BinaryOp::TrimLower | BinaryOp::TrimUpper => unsupported("a part"),
            _ => incompatible("histogram", "float"),
        },
    }
}
