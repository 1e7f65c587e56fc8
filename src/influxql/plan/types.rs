//! The types of columns.

use super::{Cell, Plan, Type, build::resolved};
use crate::influxql::{
    ast::{BinaryOp, Class, Expr, FieldType},
    error::QueryError,
    value::Math,
};

/// The type of a column's values.
pub(super) fn type_of(plan: &Plan, cell: &Cell, expr: &Expr) -> Result<Option<Type>, QueryError> {
    Ok(match (cell, expr) {
        (_, Expr::Paren(inner)) => type_of(plan, cell, inner)?,
        (Cell::Aux(i), _) => plan.aux.get(*i).map(|aux| aux.of),
        (Cell::Call(i), _) => plan.calls.get(*i).and_then(|call| call.gives).map(Type::Field),
        (Cell::Literal(value), _) => value.kind().map(Type::Field),
        (Cell::Math { name, args }, Expr::Call { args: exprs, .. }) => {
            let mut of = None;
            for (arg, expr) in args.iter().zip(exprs).rev() {
                of = type_of(plan, arg, expr)?;
            }
            if Math::named(name).is_some_and(|math| math.keeps_type) { of } else { Some(Type::Field(FieldType::Float)) }
        }
        (Cell::Binary { op, left, right }, Expr::Binary { left: l, right: r, .. }) => {
            let (left, right) = (type_of(plan, left, l)?, type_of(plan, right, r)?);
            let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
            match joined(*op, left, right) {
                Some(kind) => Some(Type::Field(kind)),
                None if left == Type::Tag || right == Type::Tag => None,
                None => {
                    return QueryError::refused(format!(
                        "type error: {}: incompatible types: {} and {}",
                        typed(plan, expr),
                        left.name(),
                        right.name()
                    ));
                }
            }
        }
        _ => None,
    })
}

/// The type of what an operator gives; `None` where it has no meaning.
fn joined(op: BinaryOp, left: Type, right: Type) -> Option<FieldType> {
    use FieldType::{Boolean, Float, Integer, Text, Unsigned};
    let bits = matches!(op, BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor);
    let (left, right) = (left.field()?, right.field()?);
    let whole = |kind| matches!(kind, Integer | Unsigned);
    match (left, right) {
        (Boolean, Boolean) if bits => Some(Boolean),
        (Boolean | Text, _) | (_, Boolean | Text) => None,
        (left, right) if whole(left) && whole(right) => Some(if op == BinaryOp::Divide { Float } else { Integer }),
        _ if bits => None,
        _ => Some(Float),
    }
}

/// An expression as errors about types show it: with the type of each field.
fn typed(plan: &Plan, expr: &Expr) -> Expr {
    match expr {
        Expr::Ref { name, class } => {
            let class = match resolved(plan, name, *class).of {
                Type::Tag => Class::Tag,
                Type::Field(kind) => Class::Type(kind),
            };
            Expr::Ref { name: name.clone(), class: Some(class) }
        }
        Expr::Binary { op, left, right } => {
            Expr::Binary { op: *op, left: Box::new(typed(plan, left)), right: Box::new(typed(plan, right)) }
        }
        Expr::Paren(inner) => Expr::Paren(Box::new(typed(plan, inner))),
        Expr::Call { name, args } => {
            Expr::Call { name: name.clone(), args: args.iter().map(|arg| typed(plan, arg)).collect() }
        }
        other => other.clone(),
    }
}
