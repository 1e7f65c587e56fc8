//! What wildcards stand for: `*`, `/pattern/`, also in calls and in GROUP BY.

use std::collections::BTreeSet;

use super::{Source, Type, names};
use crate::influxql::{
    ast::{Class, Expr, Field, FieldType, Wildcard},
    functions::Function,
};

/// Columns that an answer may have.
pub(super) const MAX_COLUMNS: usize = 10_000;

/// What a wildcard picks.
enum Pick<'p> {
    Wildcard(Wildcard),
    Pattern(&'p crate::influxql::ast::Pattern),
}

impl Pick<'_> {
    fn of(expr: &Expr) -> Option<Pick<'_>> {
        match expr {
            Expr::Wildcard(kind) => Some(Pick::Wildcard(*kind)),
            Expr::Regex(pattern) => Some(Pick::Pattern(pattern)),
            _ => None,
        }
    }

    fn picks(&self, name: &str, of: Type) -> bool {
        match self {
            Self::Wildcard(Wildcard::All) => true,
            Self::Wildcard(Wildcard::Fields) => of != Type::Tag,
            Self::Wildcard(Wildcard::Tags) => of == Type::Tag,
            Self::Pattern(pattern) => pattern.matcher.matches(name),
        }
    }
}

/// Whether an expression has a wildcard.
pub(super) fn has_wildcard(expr: &Expr) -> bool {
    Pick::of(expr).is_some() || expr.children().into_iter().any(has_wildcard)
}

/// The widest of the types that sources know a name as.
pub(super) fn widest(types: impl Iterator<Item = Type>) -> Option<Type> {
    let rank = |of: &Type| match of {
        Type::Field(FieldType::Float) => 0,
        Type::Field(FieldType::Integer) => 1,
        Type::Field(FieldType::Unsigned) => 2,
        Type::Field(FieldType::Text) => 3,
        Type::Field(FieldType::Boolean) => 4,
        Type::Tag => 5,
    };
    types.min_by_key(rank)
}

/// The tags that GROUP BY names or its wildcards stand for, sorted, of the sources' `tags`.
pub(super) fn group(dimensions: &[Expr], tags: &BTreeSet<String>) -> Vec<String> {
    let mut group = BTreeSet::new();
    for dimension in dimensions {
        match (dimension, Pick::of(dimension)) {
            (Expr::Ref { name, .. }, _) => drop(group.insert(name.clone())),
            (_, Some(pick)) => group.extend(tags.iter().filter(|tag| pick.picks(tag, Type::Tag)).cloned()),
            _ => {}
        }
    }
    group.into_iter().collect()
}

/// The columns that are meant.
pub(super) fn fields(fields: &[Field], sources: &[Source], tags: &BTreeSet<String>, group: &[String]) -> Vec<Field> {
    if !fields.iter().any(|field| has_wildcard(&field.expr)) {
        return fields.to_vec();
    }
    let mut all: Vec<(String, Type)> = Vec::new();
    let names: BTreeSet<String> = sources.iter().flat_map(Source::fields).map(|(name, _)| name).collect();
    for name in names {
        let of = widest(sources.iter().filter_map(|source| source.type_of(&name)));
        all.extend(of.map(|of| (name, of)));
    }
    all.extend(tags.iter().filter(|tag| !group.contains(tag)).map(|tag| (tag.clone(), Type::Tag)));
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all.dedup();
    fields.iter().flat_map(|field| expanded(field, &all)).take(MAX_COLUMNS + 1).collect()
}

fn expanded(field: &Field, all: &[(String, Type)]) -> Vec<Field> {
    if let Some(pick) = Pick::of(&field.expr) {
        let picked = all.iter().filter(|(name, of)| pick.picks(name, *of));
        return picked.map(|(name, of)| Field { expr: reference(name, *of), alias: None }).collect();
    }
    let Some((function, pick)) = inside(&field.expr) else { return vec![field.clone()] };
    let prefix = field.alias.clone().unwrap_or_else(|| names::name(&field.expr));
    let fits = |(name, of): &&(String, Type)| {
        of.field().is_some_and(|kind| Function::named(function).is_some_and(|function| function.takes(kind)))
            && pick.picks(name, *of)
    };
    let one = |(name, of): &(String, Type)| Field {
        expr: replaced(&field.expr, &reference(name, *of)),
        alias: Some(format!("{prefix}_{name}")),
    };
    all.iter().filter(fits).map(one).collect()
}

fn reference(name: &str, of: Type) -> Expr {
    let class = if of == Type::Tag { Class::Tag } else { Class::Field };
    Expr::Ref { name: name.to_owned(), class: Some(class) }
}

/// The innermost function of calls in calls, and the wildcard that it has.
fn inside(expr: &Expr) -> Option<(&str, Pick<'_>)> {
    let Expr::Call { name, args } = expr else { return None };
    match args.first() {
        Some(inner @ Expr::Call { .. }) => inside(inner),
        Some(first) => Some((name, Pick::of(first)?)),
        None => None,
    }
}

/// The call with its wildcard replaced.
fn replaced(expr: &Expr, by: &Expr) -> Expr {
    let Expr::Call { name, args } = expr else { return expr.clone() };
    let mut args = args.clone();
    if let Some(first) = args.first_mut() {
        *first = if matches!(first, Expr::Call { .. }) { replaced(first, by) } else { by.clone() };
    }
    Expr::Call { name: name.clone(), args }
}
