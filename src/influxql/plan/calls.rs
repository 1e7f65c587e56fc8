//! Calls: what they are of, and what they say beside.

use super::{
    Call, Input, Plan, Settings, Type, Warmup,
    build::{resolved, slot},
};
use crate::influxql::{
    ast::{Class, Expr, FieldType},
    error::QueryError,
    functions::{Function, Gives, Kind},
};

/// How many centroids a digest may have, about, unless the query says otherwise.
const DEFAULT_COMPRESSION: f64 = 100.0;

/// The slot of a new call.
pub(super) fn call_slot(plan: &mut Plan, name: &str, args: &[Expr]) -> Result<usize, QueryError> {
    let call = call(plan, name, args)?;
    plan.calls.push(call);
    Ok(plan.calls.len() - 1)
}

fn call(plan: &mut Plan, name: &str, args: &[Expr]) -> Result<Call, QueryError> {
    let Some(function) = Function::named(name) else {
        return QueryError::refused(format!("undefined function {name}()"));
    };
    let settings = settings(plan, function, args);
    let distinct = |of: &str, class| (Expr::Ref { name: of.to_owned(), class }, true);
    let (first, distinct) = match args.first() {
        Some(Expr::Call { name: inner, args }) if function.kind == Kind::Count && inner == "distinct" => {
            match args.first() {
                Some(Expr::Ref { name, class }) => distinct(name, *class),
                _ => return QueryError::refused("expected field argument in distinct()"),
            }
        }
        Some(Expr::Distinct(of)) if function.kind == Kind::Count => distinct(of, None),
        Some(first) => (first.clone(), false),
        None => return QueryError::refused(format!("expected field argument in {name}()")),
    };
    let (input, of) = match &first {
        Expr::Call { name, args } => {
            let inner = call(plan, name, args)?;
            let of = inner.gives;
            (Input::Call(Box::new(inner)), of)
        }
        Expr::Ref { name, class } => {
            let wanted = resolved(plan, name, *class);
            // Tags are values only as columns of a query inside.
            let is_column = plan.sources.iter().any(|source| source.type_of(name).is_some());
            // Different values of a tag can be counted, though.
            let is_text = is_column || (distinct && wanted.of == Type::Tag);
            let of = wanted.of.field().or(is_text.then_some(FieldType::Text));
            (Input::Driver(slot(&mut plan.drivers, wanted)), of)
        }
        _ => return QueryError::refused(format!("expected field argument in {}()", function.name)),
    };
    if let Some(kind) = of.filter(|kind| !function.takes(*kind)) {
        return QueryError::refused(format!(
            "unsupported {} iterator type: {}s are no numbers",
            function.name,
            kind.name()
        ));
    }
    let second = match (function.kind.is_of_pairs(), args.get(1)) {
        (true, Some(Expr::Ref { name, class })) => Some(second(plan, function, name, *class)?),
        _ => None,
    };
    let gives = of.map(|kind| match (function.gives, kind) {
        (Gives::Always(kind), _) => kind,
        (Gives::Same, FieldType::Unsigned) => FieldType::Integer,
        (Gives::Same, kind) => kind,
    });
    Ok(Call { function, input, second, distinct, gives, settings })
}

/// The slot of a call's second field.
fn second(plan: &mut Plan, function: &Function, name: &str, class: Option<Class>) -> Result<usize, QueryError> {
    let wanted = resolved(plan, name, class);
    if let Some(kind) = wanted.of.field().filter(|kind| !function.takes(*kind)) {
        return QueryError::refused(format!(
            "unsupported {} iterator type: {}s are no numbers",
            function.name,
            kind.name()
        ));
    }
    Ok(slot(&mut plan.drivers, wanted))
}

fn settings(plan: &Plan, function: &Function, args: &[Expr]) -> Settings {
    let number = |i: usize| match args.get(i) {
        Some(Expr::Integer(number)) => Some(*number),
        _ => None,
    };
    let count = match function.kind {
        Kind::Top | Kind::Bottom => number(args.len().saturating_sub(1)),
        _ => number(1),
    };
    let default_unit = match function.kind {
        Kind::Elapsed => 1,
        Kind::Derivative | Kind::NonNegativeDerivative => {
            plan.window.as_ref().map_or(1_000_000_000, |window| window.interval)
        }
        _ => 1_000_000_000,
    };
    let float = |i: usize| match args.get(i) {
        Some(Expr::Number(number)) => Some(*number),
        Some(Expr::Integer(number)) => Some(*number as f64),
        _ => None,
    };
    let duration = |i: usize| match args.get(i) {
        Some(Expr::Duration(ns)) => Some(*ns),
        _ => None,
    };
    let warmup = match args.get(3) {
        Some(Expr::Text(word)) if word == "simple" => Warmup::Simple,
        Some(Expr::Text(word)) if word == "exponential" => Warmup::Exponential,
        _ if function.kind == Kind::Chande => Warmup::None,
        _ => Warmup::Exponential,
    };
    let tags = match function.kind {
        Kind::Top | Kind::Bottom => args.len().saturating_sub(2),
        _ => 0,
    };
    Settings {
        count: count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0),
        unit: duration(1).unwrap_or(default_unit),
        percent: float(1).unwrap_or(0.0),
        compression: float(2).unwrap_or(DEFAULT_COMPRESSION),
        span: duration(1).filter(|_| function.kind.is_moving()),
        lag: duration(2).unwrap_or(0),
        hold: number(2).and_then(|hold| usize::try_from(hold).ok()),
        warmup,
        tags,
    }
}
