//! Computing what consists of literals only.

use crate::influxql::{
    ast::{BinaryOp, Expr},
    value::{Division, Value, binary},
};

/// The expression with each operator between two literals done.
pub(super) fn reduce(expr: &Expr) -> Expr {
    match expr {
        Expr::Binary { op, left, right } => {
            let (left, right) = (reduce(left), reduce(right));
            literal(*op, &left, &right).unwrap_or_else(|| Expr::Binary {
                op: *op,
                left: Box::new(left),
                right: Box::new(right),
            })
        }
        Expr::Paren(inner) => match reduce(inner) {
            inner @ (Expr::Binary { .. } | Expr::And(_) | Expr::Or(_)) => Expr::Paren(Box::new(inner)),
            inner => inner,
        },
        Expr::Call { name, args } => Expr::Call { name: name.clone(), args: args.iter().map(reduce).collect() },
        Expr::And(parts) => Expr::And(parts.iter().map(reduce).collect()),
        Expr::Or(parts) => Expr::Or(parts.iter().map(reduce).collect()),
        other => other.clone(),
    }
}

/// Whether it is a literal.
pub(super) fn is_literal(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Number(_)
            | Expr::Integer(_)
            | Expr::Unsigned(_)
            | Expr::Duration(_)
            | Expr::Text(_)
            | Expr::Boolean(_)
            | Expr::Regex(_)
    )
}

/// What a literal's value is, of those that are values.
pub(super) fn value(expr: &Expr) -> Option<Value> {
    match expr {
        Expr::Number(number) => Some(Value::float(*number)),
        Expr::Integer(number) => Some(Value::Integer(*number)),
        Expr::Unsigned(number) => Some(Value::Float(*number as f64)),
        Expr::Duration(ns) => Some(Value::Integer(*ns)),
        Expr::Text(text) => Some(Value::text(text)),
        Expr::Boolean(yes) => Some(Value::Boolean(*yes)),
        _ => None,
    }
}

fn literal(op: BinaryOp, left: &Expr, right: &Expr) -> Option<Expr> {
    match (left, right) {
        (Expr::Duration(left), Expr::Duration(right)) => match op {
            BinaryOp::Add => Some(Expr::Duration(left.saturating_add(*right))),
            BinaryOp::Subtract => Some(Expr::Duration(left.saturating_sub(*right))),
            _ => None,
        },
        (Expr::Duration(ns), Expr::Integer(by)) | (Expr::Integer(by), Expr::Duration(ns))
            if op == BinaryOp::Multiply =>
        {
            Some(Expr::Duration(ns.saturating_mul(*by)))
        }
        (Expr::Duration(ns), Expr::Integer(by)) if op == BinaryOp::Divide => {
            Some(Expr::Duration(ns.checked_div(*by).unwrap_or(0)))
        }
        (Expr::Duration(_), _) | (_, Expr::Duration(_)) => None,
        _ => match binary(op, &value(left)?, &value(right)?, Division::Exact) {
            Value::Float(number) => Some(Expr::Number(number)),
            Value::Integer(number) => Some(Expr::Integer(number)),
            Value::Boolean(yes) => Some(Expr::Boolean(yes)),
            _ => None,
        },
    }
}
