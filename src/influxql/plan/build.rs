//! From a statement to a plan.

use std::{collections::BTreeSet, sync::Arc};

use jiff::tz::TimeZone;

use super::{
    Call, Cell, Column, Input, Measurement, Plan, Ref, Settings, Source, Type, Warmup,
    check::{Setting, check, check_condition},
    expand, names,
    reduce::{reduce, value},
    time::{Bounds, Clock, split_time},
};
use crate::influxql::{
    ast::{self, BinaryOp, Class, Expr, Field, FieldType, Select},
    error::QueryError,
    functions::{Function, Gives, Kind},
    parse::format_duration,
    value::Math,
    window::{FIRST, LAST, Window},
};

/// How many centroids a digest may have, about, unless the query says otherwise.
const DEFAULT_COMPRESSION: f64 = 100.0;

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
fn resolved(plan: &Plan, name: &str, class: Option<Class>) -> Ref {
    let known = || expand::widest(plan.sources.iter().filter_map(|source| source.type_of(name)));
    let of = match class {
        Some(Class::Tag) => Type::Tag,
        Some(Class::Type(kind)) => known().map_or(Type::Tag, |_| Type::Field(kind)),
        Some(Class::Field) | None => known().unwrap_or(Type::Tag),
    };
    Ref { name: name.to_owned(), class, of }
}

fn slot(refs: &mut Vec<Ref>, wanted: Ref) -> usize {
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

fn call_slot(plan: &mut Plan, name: &str, args: &[Expr]) -> Result<usize, QueryError> {
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

/// The type of a column's values.
fn type_of(plan: &Plan, cell: &Cell, expr: &Expr) -> Result<Option<Type>, QueryError> {
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
