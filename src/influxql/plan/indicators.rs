//! What the technical indicators are given.

use super::check::{Checked, arity_between};
use crate::influxql::{
    ast::Expr,
    error::QueryError,
    functions::{Function, Kind},
};

/// Points that an indicator looks at, at most: it has room for all of them from the beginning.
const MAX_PERIOD: i64 = 1_000_000;

/// The technical indicators: a period, and maybe a hold period and how it warms up.
pub(super) fn indicator(function: &'static Function, args: &[Expr]) -> Checked {
    let name = function.name;
    let kaufmans = matches!(function.kind, Kind::KaufmansRatio | Kind::KaufmansAverage);
    let chande = function.kind == Kind::Chande;
    arity_between(name, args, 2, if kaufmans { 3 } else { 4 })?;
    match args.get(1) {
        Some(Expr::Integer(count)) if *count > MAX_PERIOD => {
            return QueryError::refused(format!("{name} period must be at most {MAX_PERIOD}"));
        }
        Some(Expr::Integer(count)) if *count > i64::from(chande) => {}
        Some(Expr::Integer(_)) => {
            let least = 1 + i64::from(chande);
            return QueryError::refused(format!("{name} period must be greater than or equal to {least}"));
        }
        _ => return QueryError::refused(format!("{name} period must be an integer")),
    }
    match args.get(2) {
        None | Some(Expr::Integer(-1 | 1..)) => {}
        Some(Expr::Integer(0)) if function.kind != Kind::TripleDerivative => {}
        Some(Expr::Integer(_)) => {
            let least = u8::from(function.kind == Kind::TripleDerivative);
            return QueryError::refused(format!("{name} hold period must be greater than or equal to {least}"));
        }
        Some(_) => return QueryError::refused(format!("{name} hold period must be an integer")),
    }
    let words: &[&str] = if chande { &["none", "exponential", "simple"] } else { &["exponential", "simple"] };
    match args.get(3) {
        None => Ok(()),
        Some(Expr::Text(word)) if words.contains(&word.as_str()) => Ok(()),
        Some(Expr::Text(_)) => {
            let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            QueryError::refused(format!("{name} warmup type must be one of: {}", words.join(" ")))
        }
        Some(_) => QueryError::refused(format!("{name} warmup type must be a string")),
    }
}
