//! Values of fields, tags and columns, and what operators and mathematical functions make of them.
//!
//! Where an operand is missing the result is. Numbers of both types meet as floats; there is nothing that isn't a number: what has no
//! value, such as the root of -1, is missing.

use std::{cmp::Ordering, sync::Arc};

use super::ast::{BinaryOp, FieldType};

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// There is none.
    Null,
    /// A float. One that is no number is shown as nothing, but stands in its place.
    Float(f64),
    /// An integer.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// Text.
    Text(Arc<str>),
    /// A time, in ns since 1970: only in answers.
    Time(i64),
}

/// How integers are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Division {
    /// In columns: the quotient is a float.
    Exact,
    /// In conditions: the quotient is cut.
    Cut,
}

impl Value {
    pub(super) fn is_null(&self) -> bool {
        *self == Self::Null
    }

    pub(super) fn text(text: &str) -> Self {
        Self::Text(Arc::from(text))
    }

    /// A float, or nothing where it is no number.
    pub(super) fn float(value: f64) -> Self {
        if value.is_nan() { Self::Null } else { Self::Float(value) }
    }

    /// A stored sample as a value of this type.
    pub(super) fn stored(sample: f64, kind: FieldType) -> Self {
        match kind {
            _ if sample.is_nan() => Self::Null,
            FieldType::Float => Self::Float(sample),
            FieldType::Integer | FieldType::Unsigned => Self::Integer(sample as i64),
            FieldType::Boolean => Self::Boolean(sample != 0.0),
            FieldType::Text => Self::Null,
        }
    }

    /// As a number, where it is one.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            Self::Integer(number) => Some(*number as f64),
            _ => None,
        }
    }

    /// As a value of another type of numbers; other values have their own type only.
    pub(super) fn cast(self, kind: FieldType) -> Self {
        match (self, kind) {
            (Self::Integer(number), FieldType::Float) => Self::Float(number as f64),
            (Self::Float(number), FieldType::Integer | FieldType::Unsigned) => Self::Integer(number as i64),
            (value, kind) if value.kind() == Some(kind) => value,
            (value @ Self::Integer(_), FieldType::Unsigned) => value,
            _ => Self::Null,
        }
    }

    pub(super) fn kind(&self) -> Option<FieldType> {
        match self {
            Self::Float(_) => Some(FieldType::Float),
            Self::Integer(_) => Some(FieldType::Integer),
            Self::Boolean(_) => Some(FieldType::Boolean),
            Self::Text(_) => Some(FieldType::Text),
            Self::Null | Self::Time(_) => None,
        }
    }

    /// The order of two values of one type; those of several types are equal.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
                _ => Ordering::Equal,
            },
        }
    }

    /// Bytes that it takes beside its place.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 16,
            _ => 0,
        }
    }
}

/// What an operator makes of two values.
pub(super) fn binary(op: BinaryOp, left: &Value, right: &Value, division: Division) -> Value {
    if op.compares() {
        return Value::Boolean(compare(op, left, right));
    }
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => integers(op, *left, *right, division),
        (Value::Boolean(left), Value::Boolean(right)) => match op {
            BinaryOp::BitAnd => Value::Boolean(left & right),
            BinaryOp::BitOr => Value::Boolean(left | right),
            BinaryOp::BitXor => Value::Boolean(left ^ right),
            _ => Value::Null,
        },
        _ => match (left.number(), right.number()) {
            (Some(left), Some(right)) => floats(op, left, right),
            _ => Value::Null,
        },
    }
}

fn integers(op: BinaryOp, left: i64, right: i64, division: Division) -> Value {
    match op {
        BinaryOp::Add => Value::Integer(left.wrapping_add(right)),
        BinaryOp::Subtract => Value::Integer(left.wrapping_sub(right)),
        BinaryOp::Multiply => Value::Integer(left.wrapping_mul(right)),
        BinaryOp::Divide if division == Division::Exact => floats(op, left as f64, right as f64),
        BinaryOp::Divide => Value::Integer(left.checked_div(right).unwrap_or(0)),
        BinaryOp::Modulo => Value::Integer(left.checked_rem(right).unwrap_or(0)),
        BinaryOp::BitAnd => Value::Integer(left & right),
        BinaryOp::BitOr => Value::Integer(left | right),
        BinaryOp::BitXor => Value::Integer(left ^ right),
        _ => Value::Null,
    }
}

fn floats(op: BinaryOp, left: f64, right: f64) -> Value {
    match op {
        BinaryOp::Add => Value::float(left + right),
        BinaryOp::Subtract => Value::float(left - right),
        BinaryOp::Multiply => Value::float(left * right),
        BinaryOp::Divide if right == 0.0 => Value::Float(0.0),
        BinaryOp::Divide => Value::float(left / right),
        BinaryOp::Modulo => Value::float(left % right),
        _ => Value::Null,
    }
}

/// Values of several types, and missing ones, are neither equal nor unequal.
fn compare(op: BinaryOp, left: &Value, right: &Value) -> bool {
    let comparable = match (left, right) {
        (Value::Boolean(_), Value::Boolean(_)) => matches!(op, BinaryOp::Equal | BinaryOp::NotEqual),
        (Value::Text(_), Value::Text(_)) => matches!(op, BinaryOp::Equal | BinaryOp::NotEqual),
        _ => left.number().is_some() && right.number().is_some(),
    };
    let order = left.order(right);
    comparable
        && match op {
            BinaryOp::Equal => order.is_eq(),
            BinaryOp::NotEqual => order.is_ne(),
            BinaryOp::Less => order.is_lt(),
            BinaryOp::LessOrEqual => order.is_le(),
            BinaryOp::Greater => order.is_gt(),
            BinaryOp::GreaterOrEqual => order.is_ge(),
            _ => false,
        }
}

/// A function of one row's values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Math {
    pub(super) name: &'static str,
    /// How many operands it has.
    pub(super) arity: usize,
    /// Whether an integer's value is an integer.
    pub(super) keeps_type: bool,
    apply: fn(f64, f64) -> f64,
}

/// All of them.
const MATH: &[Math] = &[
    Math { name: "abs", arity: 1, keeps_type: true, apply: |x, _| x.abs() },
    Math { name: "floor", arity: 1, keeps_type: true, apply: |x, _| x.floor() },
    Math { name: "ceil", arity: 1, keeps_type: true, apply: |x, _| x.ceil() },
    Math { name: "round", arity: 1, keeps_type: true, apply: |x, _| x.round() },
    Math { name: "sqrt", arity: 1, keeps_type: false, apply: |x, _| x.sqrt() },
    Math { name: "ln", arity: 1, keeps_type: false, apply: |x, _| x.ln() },
    Math { name: "log2", arity: 1, keeps_type: false, apply: |x, _| x.log2() },
    Math { name: "log10", arity: 1, keeps_type: false, apply: |x, _| x.log10() },
    Math { name: "exp", arity: 1, keeps_type: false, apply: |x, _| x.exp() },
    Math { name: "sin", arity: 1, keeps_type: false, apply: |x, _| x.sin() },
    Math { name: "cos", arity: 1, keeps_type: false, apply: |x, _| x.cos() },
    Math { name: "tan", arity: 1, keeps_type: false, apply: |x, _| x.tan() },
    Math { name: "asin", arity: 1, keeps_type: false, apply: |x, _| x.asin() },
    Math { name: "acos", arity: 1, keeps_type: false, apply: |x, _| x.acos() },
    Math { name: "atan", arity: 1, keeps_type: false, apply: |x, _| x.atan() },
    Math { name: "log", arity: 2, keeps_type: false, apply: |x, base| x.ln() / base.ln() },
    Math { name: "pow", arity: 2, keeps_type: false, apply: f64::powf },
    Math { name: "atan2", arity: 2, keeps_type: false, apply: f64::atan2 },
];

impl Math {
    /// The function of this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        MATH.iter().find(|math| math.name == name)
    }

    /// The names of all.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        MATH.iter().map(|math| math.name)
    }

    pub(super) fn of(&self, first: &Value, second: &Value) -> Value {
        match (first, second) {
            // A float has no place for all digits of a large integer.
            (Value::Integer(number), _) if self.keeps_type => {
                Value::Integer(if self.name == "abs" { number.wrapping_abs() } else { *number })
            }
            _ => match (first.number(), second.number()) {
                (Some(x), y) if self.arity == 1 || y.is_some() => Value::float((self.apply)(x, y.unwrap_or(0.0))),
                _ => Value::Null,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_divided_exactly_in_columns_and_cut_in_conditions() {
        let of = |op, a, b, division| binary(op, &Value::Integer(a), &Value::Integer(b), division);
        assert_eq!(of(BinaryOp::Divide, 10, 4, Division::Exact), Value::Float(2.5));
        assert_eq!(of(BinaryOp::Divide, 10, 4, Division::Cut), Value::Integer(2));
        assert_eq!(of(BinaryOp::Divide, 10, 0, Division::Exact), Value::Float(0.0));
        assert_eq!(of(BinaryOp::Divide, i64::MIN, -1, Division::Cut), Value::Integer(0));
        assert_eq!(of(BinaryOp::Modulo, 10, 0, Division::Exact), Value::Integer(0));
        assert_eq!(binary(BinaryOp::Modulo, &Value::Float(1.0), &Value::Integer(0), Division::Exact), Value::Null);
        assert_eq!(of(BinaryOp::Add, i64::MAX, 1, Division::Exact), Value::Integer(i64::MIN));
    }

    #[test]
    fn values_of_several_types_are_neither_equal_nor_unequal() {
        for op in [BinaryOp::Equal, BinaryOp::NotEqual, BinaryOp::Less] {
            assert_eq!(binary(op, &Value::Float(5.0), &Value::text("5"), Division::Cut), Value::Boolean(false));
            assert_eq!(binary(op, &Value::Null, &Value::Integer(5), Division::Cut), Value::Boolean(false));
        }
        let equal = binary(BinaryOp::Equal, &Value::Float(5.0), &Value::Integer(5), Division::Cut);
        assert_eq!(equal, Value::Boolean(true));
        let less = binary(BinaryOp::Less, &Value::Boolean(false), &Value::Boolean(true), Division::Cut);
        assert_eq!(less, Value::Boolean(false));
    }

    #[test]
    fn functions_have_no_value_outside_of_their_domain() {
        let of = |name: &str, x: Value, y: Value| Math::named(name).unwrap().of(&x, &y);
        assert_eq!(of("sqrt", Value::Float(-1.0), Value::Null), Value::Null);
        assert_eq!(of("abs", Value::Integer(-3), Value::Null), Value::Integer(3));
        assert_eq!(of("round", Value::Float(-2.5), Value::Null), Value::Float(-3.0));
        assert_eq!(of("pow", Value::Integer(2), Value::Integer(10)), Value::Float(1024.0));
        assert_eq!(of("pow", Value::Integer(2), Value::Null), Value::Null);
    }
}
