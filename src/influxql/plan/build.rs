//! From a statement to a plan.

use std::{collections::BTreeSet, sync::Arc};

use jiff::tz::TimeZone;

use super::{
    Cell, Column, Measurement, Plan, Ref, Source, Type,
    calls::call_slot,
    check::{Setting, check, check_condition},
    expand, names,
    reduce::{reduce, value},
    time::{Bounds, Clock, split_time},
    types::type_of,
};
use crate::influxql::{
    ast::{self, Class, Expr, Field, Select},
    error::QueryError,
    parse::format_duration,
    value::Math,
    window::{FIRST, LAST, Window},
};

/// What a plan is made in: what the databases have.
pub(in crate::influxql) trait Surroundings {
    /// Now, in ns.
    fn now(&self) -> i64;

    /// The measurements that a name stands for, with their tags if `with_tags`.
    fn measurements(&self, source: &ast::Measurement, with_tags: bool) -> Result<Vec<Measurement>, QueryError>;
}

/// What a query around another one passes on.
#[derive(Debug, Clone)]
struct Outer {
    bounds: Bounds,
    window: Option<Window>,
    descending: bool,
}

/// Makes the plan of a SELECT.
pub(in crate::influxql) fn build(select: &Select, around: &dyn Surroundings) -> Result<Plan, QueryError> {
    if select.into {
        return QueryError::refused("SELECT … INTO is not offered: nothing here writes the answer of a query");
    }
    let mut plan = inner(select, around, None)?;
    plan.number(0);
    Ok(plan)
}

fn inner(select: &Select, around: &dyn Surroundings, outer: Option<&Outer>) -> Result<Plan, QueryError> {
    let zone = select.zone.as_ref().and_then(|name| TimeZone::get(name).ok());
    let clock = Clock { now: around.now(), zone: zone.clone() };
    let (condition, bounds) = match &select.condition {
        Some(condition) => split_time(condition, &clock)?,
        None => (None, Bounds::default()),
    };
    condition.as_ref().map_or(Ok(()), check_condition)?;
    let (own_window, dimensions) = dimensions(select, &clock)?;
    // Without an upper bound buckets would go on for ever.
    let mut bounds = bounds;
    if own_window.is_some() && bounds.end.is_none() {
        bounds.end = Some(around.now());
    }
    if let Some(outer) = outer {
        if select.ordered && select.descending != outer.descending {
            return QueryError::refused("subqueries must be ordered in the same direction as the query itself");
        }
        bounds = bounds.intersect(outer.bounds);
    }
    let inherited = own_window.is_none() && outer.is_some_and(|outer| outer.window.is_some());
    let window = own_window.or_else(|| outer.and_then(|outer| outer.window.clone()));
    let mut fill = select.fill;
    // Nulls of a query inside would be passed over anyway.
    if outer.is_some() && fill == ast::Fill::Null {
        fill = ast::Fill::None;
    }
    let (time_name, mut fields) = plain_fields(select);
    let setting = Setting {
        fill: select.fill,
        buckets: window.is_some(),
        inherited,
        rolling: window.as_ref().is_some_and(Window::is_rolling),
        limit: select.limit,
    };
    fields.iter_mut().for_each(|field| field.expr = reduce(&field.expr));
    check(&fields, setting)?;
    let descending = outer.map_or(select.descending, |outer| outer.descending);
    // A rolling window looks at what queries inside have before its first row.
    let before = window.as_ref().map_or(0, Window::before);
    let inside = Bounds { start: bounds.start.map(|start| start.saturating_sub(before)), ..bounds };
    let passed_on = Outer { bounds: inside, window: window.as_ref().map(Window::plain), descending };
    let wildcards = dimensions.iter().chain(fields.iter().map(|field| &field.expr)).any(expand::has_wildcard);
    let sources = sources(select, around, &passed_on, wildcards)?;
    let tags: BTreeSet<String> = sources.iter().flat_map(Source::tags).cloned().collect();
    let group = expand::group(&dimensions, &tags);
    let fields = expand::fields(&fields, &sources, &tags, &group);
    if fields.len() > expand::MAX_COLUMNS {
        return QueryError::refused(format!(
            "the query has more than {} columns: name those that you need",
            expand::MAX_COLUMNS
        ));
    }
    let mut plan = Plan {
        id: 0,
        columns: Vec::new(),
        time_name,
        aux: Vec::new(),
        drivers: Vec::new(),
        calls: Vec::new(),
        named: Vec::new(),
        condition: None,
        sources,
        group: Vec::new(),
        window,
        start: bounds.start.unwrap_or(FIRST),
        end: bounds.end.unwrap_or(LAST),
        outer: outer
            .map_or((FIRST, LAST), |outer| (outer.bounds.start.unwrap_or(FIRST), outer.bounds.end.unwrap_or(LAST))),
        fill,
        descending,
        limit: select.limit,
        offset: select.offset,
        series_limit: select.series_limit,
        series_offset: select.series_offset,
        zone,
        warnings: Vec::new(),
    };
    plan.group_also(&group);
    for source in &mut plan.sources {
        if let Source::Query(query) = source {
            let query = Arc::make_mut(query);
            query.series_limit += select.series_limit;
            query.series_offset += select.series_offset;
        }
    }
    columns(&mut plan, &fields)?;
    plan.condition = condition.as_ref().map(|condition| condition_cell(&mut plan, condition)).transpose()?;
    plan.warnings = super::warnings::warnings(select, &plan);
    Ok(plan)
}

/// The name of the time's column, and the other columns.
fn plain_fields(select: &Select) -> (String, Vec<Field>) {
    let is_time = |field: &&Field| matches!(&field.expr, Expr::Ref { name, .. } if name == "time");
    let mut aliases = select.fields.iter().filter(is_time).filter_map(|field| field.alias.clone());
    let name = aliases.next_back().unwrap_or_else(|| "time".to_owned());
    (name, select.fields.iter().filter(|field| !is_time(field)).cloned().collect())
}

/// How GROUP BY cuts time, and the tags and wildcards in it.
fn dimensions(select: &Select, clock: &Clock) -> Result<(Option<Window>, Vec<Expr>), QueryError> {
    let (mut window, mut others) = (None, Vec::new());
    for dimension in &select.dimensions {
        match reduce(&dimension.0) {
            Expr::Ref { name, .. } if name.eq_ignore_ascii_case("time") => {
                return QueryError::refused("time() is a function and expects at least one argument");
            }
            Expr::Call { name, args } if name == "time" => {
                if window.is_some() {
                    return QueryError::refused("multiple time dimensions not allowed");
                }
                window = Some(time_dimension(&args, clock)?);
            }
            Expr::Call { .. } => return QueryError::refused("only time() calls allowed in dimensions"),
            other @ (Expr::Ref { .. } | Expr::Wildcard(_) | Expr::Regex(_)) => others.push(other),
            _ => return QueryError::refused("only time and tag dimensions allowed"),
        }
    }
    Ok((window, others))
}

fn time_dimension(args: &[Expr], clock: &Clock) -> Result<Window, QueryError> {
    let (interval, offset, length) = match args {
        [interval] => (interval, None, None),
        [interval, offset] => (interval, Some(offset), None),
        [interval, offset, length] => (interval, Some(offset), Some(length)),
        _ => return QueryError::refused("time dimension expected 1, 2 or 3 arguments"),
    };
    let Expr::Duration(interval) = interval else {
        return QueryError::refused("time dimension must have duration argument");
    };
    if *interval <= 0 {
        return QueryError::refused(format!("time dimension must be positive, got {}", format_duration(*interval)));
    }
    let offset = match offset {
        None => 0,
        Some(Expr::Duration(ns)) => ns % interval,
        Some(Expr::Call { name, args }) if name == "now" && args.is_empty() => clock.now.rem_euclid(*interval),
        Some(_) => return QueryError::refused("time dimension offset must be duration or now()"),
    };
    let length = match length {
        None => *interval,
        Some(Expr::Duration(length)) if *length > 0 => *length,
        Some(Expr::Duration(length)) => {
            return QueryError::refused(format!(
                "time dimension window must be positive, got {}",
                format_duration(*length)
            ));
        }
        Some(_) => return QueryError::refused("time dimension window must be a duration"),
    };
    Ok(Window { interval: *interval, length, offset, zone: clock.zone.clone() })
}

fn sources(
    select: &Select,
    around: &dyn Surroundings,
    outer: &Outer,
    with_tags: bool,
) -> Result<Vec<Source>, QueryError> {
    let mut sources = Vec::new();
    for source in &select.sources {
        match source {
            ast::Source::Measurement(measurement) => {
                let found = around.measurements(measurement, with_tags)?;
                sources.extend(found.into_iter().map(|one| Source::Measurement(Arc::new(one))));
            }
            ast::Source::Subquery(query) => {
                sources.push(Source::Query(Arc::new(inner(query, around, Some(outer))?)));
            }
        }
    }
    Ok(sources)
}

/// Fills in the columns.
fn columns(plan: &mut Plan, fields: &[Field]) -> Result<(), QueryError> {
    let mut all: Vec<Field> = Vec::new();
    for field in fields {
        all.push(field.clone());
        if let Expr::Call { name, args } = &field.expr
            && matches!(name.as_str(), "top" | "bottom")
        {
            let tags = args.iter().skip(1).filter(|arg| matches!(arg, Expr::Ref { .. }));
            all.extend(tags.map(|tag| Field { expr: tag.clone(), alias: None }));
        }
    }
    let names = names::resolve(&all);
    // The tags of top() come first, so that it finds them.
    for field in &all {
        if let Expr::Call { name, args } = &field.expr
            && matches!(name.as_str(), "top" | "bottom")
        {
            for arg in args.iter().skip(1) {
                if let Expr::Ref { name, class } = arg {
                    aux(plan, name, *class);
                }
            }
        }
    }
    for (field, name) in all.iter().zip(names) {
        let cell = cell(plan, &field.expr)?;
        let of = type_of(plan, &cell, &field.expr)?;
        plan.columns.push(Column { name, cell, of });
    }
    Ok(())
}

/// What a name is over all sources.
pub(super) fn resolved(plan: &Plan, name: &str, class: Option<Class>) -> Ref {
    let known = || expand::widest(plan.sources.iter().filter_map(|source| source.type_of(name)));
    let of = match class {
        Some(Class::Tag) => Type::Tag,
        Some(Class::Type(kind)) => known().map_or(Type::Tag, |_| Type::Field(kind)),
        Some(Class::Field) | None => known().unwrap_or(Type::Tag),
    };
    Ref { name: name.to_owned(), class, of }
}

pub(super) fn slot(refs: &mut Vec<Ref>, wanted: Ref) -> usize {
    refs.iter().position(|known| *known == wanted).unwrap_or_else(|| {
        refs.push(wanted);
        refs.len() - 1
    })
}

fn aux(plan: &mut Plan, name: &str, class: Option<Class>) -> usize {
    let wanted = resolved(plan, name, class);
    slot(&mut plan.aux, wanted)
}

fn cell(plan: &mut Plan, expr: &Expr) -> Result<Cell, QueryError> {
    Ok(match expr {
        Expr::Ref { name, class } => Cell::Aux(aux(plan, name, *class)),
        Expr::Paren(inner) => cell(plan, inner)?,
        Expr::Binary { op, left, right } => {
            Cell::Binary { op: *op, left: Box::new(cell(plan, left)?), right: Box::new(cell(plan, right)?) }
        }
        Expr::Call { name, args } => match Math::named(name) {
            Some(math) => {
                let args = args.iter().map(|arg| cell(plan, arg)).collect::<Result<_, _>>()?;
                Cell::Math { name: math.name, args }
            }
            None => Cell::Call(call_slot(plan, name, args)?),
        },
        Expr::Distinct(name) => {
            let of = [Expr::Ref { name: name.clone(), class: None }];
            Cell::Call(call_slot(plan, "distinct", &of)?)
        }
        other => value(other).map_or(Cell::Literal(crate::influxql::value::Value::Null), Cell::Literal),
    })
}

/// The condition over the slots of its own names.
fn condition_cell(plan: &mut Plan, expr: &Expr) -> Result<Cell, QueryError> {
    let parts = |plan: &mut Plan, parts: &[Expr]| {
        parts.iter().map(|part| condition_cell(plan, part)).collect::<Result<Vec<_>, _>>()
    };
    Ok(match expr {
        Expr::Ref { name, class } => {
            let wanted = resolved(plan, name, *class);
            Cell::Aux(slot(&mut plan.named, wanted))
        }
        Expr::Paren(inner) => condition_cell(plan, inner)?,
        Expr::And(all) => Cell::And(parts(plan, all)?),
        Expr::Or(all) => Cell::Or(parts(plan, all)?),
        Expr::Binary { op, left, right } => Cell::Binary {
            op: *op,
            left: Box::new(condition_cell(plan, left)?),
            right: Box::new(condition_cell(plan, right)?),
        },
        Expr::Call { name, args } => match Math::named(name) {
            Some(math) => Cell::Math { name: math.name, args: parts(plan, args)? },
            None => return QueryError::refused(format!("invalid function call in condition: {expr}")),
        },
        Expr::Regex(pattern) => Cell::Regex(pattern.clone()),
        other => match value(other) {
            Some(value) => Cell::Literal(value),
            None => return QueryError::refused(format!("invalid condition expression: {other}")),
        },
    })
}
