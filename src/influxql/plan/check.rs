//! Whether the columns of a SELECT can stand together, and its calls with what they are given. The texts are InfluxDB's.

use super::{indicators::indicator, reduce::is_literal};
use crate::influxql::{
    ast::{Expr, Field, Fill, Wildcard},
    error::QueryError,
    functions::{Function, Kind, Role},
    near::near,
    parse::format_duration,
    value::Math,
};

/// What was seen of a SELECT's columns.
#[derive(Debug, Default)]
struct Seen {
    calls: usize,
    /// Whether there are fields or tags beside calls.
    plain: bool,
    only_selectors: bool,
    has_distinct: bool,
    top: Option<&'static str>,
}

/// What the columns stand in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) fill: Fill,
    /// Whether time is cut into buckets, by the query itself or one around it.
    pub(super) buckets: bool,
    pub(super) inherited: bool,
    /// Whether buckets roll: a point may be in several.
    pub(super) rolling: bool,
    pub(super) limit: u64,
}

pub(super) type Checked = Result<(), QueryError>;

/// Checks the columns, of which those of the time are left out.
pub(super) fn check(fields: &[Field], setting: Setting) -> Checked {
    let mut checker = Checker { seen: Seen { only_selectors: true, ..Seen::default() }, setting, wildcards: true };
    for field in fields {
        checker.wildcards = true;
        checker.expr(&field.expr)?;
    }
    let Seen { calls, plain, only_selectors, has_distinct, top } = checker.seen;
    if fields.is_empty() {
        return QueryError::refused("at least 1 non-time field must be queried");
    }
    if let Some(top) = top.filter(|_| calls > 1) {
        return QueryError::refused(format!("selector function {top}() cannot be combined with other functions"));
    }
    if calls == 0 {
        match setting.fill {
            Fill::None => return QueryError::refused("fill(none) must be used with a function"),
            Fill::Linear => return QueryError::refused("fill(linear) must be used with a function"),
            _ => {}
        }
        if setting.buckets && !setting.inherited {
            return QueryError::refused("GROUP BY requires at least one aggregate function");
        }
    }
    if has_distinct && (calls != 1 || plain) {
        return QueryError::refused("aggregate function distinct() cannot be combined with other functions or fields");
    }
    if plain && !only_selectors {
        return QueryError::refused("mixing aggregate and non-aggregate queries is not supported");
    }
    if plain && calls > 1 {
        return QueryError::refused("mixing multiple selector functions with tags or fields is not supported");
    }
    Ok(())
}

/// Checks that a condition calls only functions of a row's values.
pub(super) fn check_condition(condition: &Expr) -> Checked {
    if let Expr::Call { name, args } = condition {
        let Some(math) = Math::named(name) else {
            return QueryError::refused(format!("invalid function call in condition: {condition}"));
        };
        arity(name, args, math.arity)?;
    }
    condition.children().into_iter().try_for_each(check_condition)
}

struct Checker {
    seen: Seen,
    setting: Setting,
    /// Whether a wildcard may stand here.
    wildcards: bool,
}

fn arity(name: &str, args: &[Expr], wanted: usize) -> Checked {
    if args.len() == wanted {
        return Ok(());
    }
    QueryError::refused(format!("invalid number of arguments for {name}, expected {wanted}, got {}", args.len()))
}

pub(super) fn arity_between(name: &str, args: &[Expr], least: usize, most: usize) -> Checked {
    if (least..=most).contains(&args.len()) {
        return Ok(());
    }
    QueryError::refused(format!(
        "invalid number of arguments for {name}, expected at least {least} but no more than {most}, got {}",
        args.len()
    ))
}

/// The name of an expression's type in InfluxDB.
fn type_name(expr: &Expr) -> &'static str {
    match expr {
        Expr::Integer(_) => "*influxql.IntegerLiteral",
        Expr::Number(_) => "*influxql.NumberLiteral",
        Expr::Text(_) => "*influxql.StringLiteral",
        Expr::Ref { .. } => "*influxql.VarRef",
        _ => "*influxql.BinaryExpr",
    }
}

impl Checker {
    fn expr(&mut self, expr: &Expr) -> Checked {
        match expr {
            Expr::Ref { .. } => {
                self.seen.plain = true;
                Ok(())
            }
            Expr::Wildcard(_) | Expr::Regex(_) => {
                self.seen.plain = true;
                match (self.wildcards, expr) {
                    (true, _) => Ok(()),
                    (false, Expr::Regex(_)) => QueryError::refused("unable to use regex in a binary expression"),
                    (false, _) => QueryError::refused("unable to use wildcard in a binary expression"),
                }
            }
            Expr::Call { name, args } => self.call(name, args),
            Expr::Distinct(name) => {
                self.seen.calls += 1;
                self.distinct(&[Expr::Ref { name: name.clone(), class: None }], false)
            }
            Expr::Binary { left, right, .. } => {
                self.wildcards = false;
                match (is_literal(left), is_literal(right)) {
                    (true, true) => QueryError::refused("cannot perform a binary expression on two literals"),
                    (true, false) => self.expr(right),
                    (false, true) => self.expr(left),
                    (false, false) => {
                        self.expr(left)?;
                        self.expr(right)
                    }
                }
            }
            Expr::Paren(inner) => self.expr(inner),
            _ => QueryError::refused("field must contain at least one variable"),
        }
    }

    fn call(&mut self, name: &str, args: &[Expr]) -> Checked {
        if let Some(math) = Math::named(name) {
            arity(name, args, math.arity)?;
            return args.iter().filter(|arg| !is_literal(arg)).try_for_each(|arg| self.expr(arg));
        }
        self.seen.calls += 1;
        if matches!(name, "holt_winters" | "holt_winters_with_fit") {
            return self.holt_winters(name, args);
        }
        let Some(function) = Function::named(name) else {
            return QueryError::refused(format!(
                "undefined function {name}(){}",
                near(name, Function::names().chain(Math::names()))
            ));
        };
        if function.role != Role::Selector {
            self.seen.only_selectors = false;
        }
        if self.setting.rolling && function.kind.wants_buckets_apart() {
            return QueryError::refused(format!(
                "{name}() can't be asked of a rolling window: leave out the third argument of time()"
            ));
        }
        match function.kind {
            Kind::Percentile => {
                arity(name, args, 2)?;
                let [of, Expr::Integer(_) | Expr::Number(_)] = args else {
                    return QueryError::refused("expected float argument in percentile()");
                };
                self.symbol(name, of)
            }
            Kind::Sample => {
                arity(name, args, 2)?;
                match args {
                    [of, Expr::Integer(count)] if *count > 0 => self.symbol(name, of),
                    [_, Expr::Integer(count)] => {
                        QueryError::refused(format!("sample window must be greater than 1, got {count}"))
                    }
                    _ => QueryError::refused("expected integer argument in sample()"),
                }
            }
            Kind::ApproxPercentile => {
                arity_between(name, args, 2, 3)?;
                between(name, "the percentile", args.get(1), 0.0, 100.0)?;
                between(name, "the compression", args.get(2), MIN_COMPRESSION, MAX_COMPRESSION)?;
                self.first_symbol(name, args)
            }
            Kind::Corr | Kind::Covar => {
                match function.kind {
                    Kind::Corr => arity_between(name, args, 2, 3)?,
                    _ => arity(name, args, 2)?,
                }
                for of in args.iter().take(2) {
                    if !matches!(of, Expr::Ref { .. }) {
                        return QueryError::refused(format!("expected field argument in {name}()"));
                    }
                }
                match args.get(2) {
                    None | Some(Expr::Duration(_)) => Ok(()),
                    Some(_) => QueryError::refused(format!("third argument to {name} must be a duration")),
                }
            }
            Kind::Increase => {
                arity(name, args, 1)?;
                self.first_symbol(name, args)
            }
            Kind::Distinct => self.distinct(args, false),
            Kind::Top | Kind::Bottom => self.top(function, args),
            Kind::Integral | Kind::Rate => {
                arity_between(name, args, 1, 2)?;
                match args.get(1) {
                    None | Some(Expr::Duration(1..)) => {}
                    Some(Expr::Duration(ns)) => {
                        return QueryError::refused(format!(
                            "duration argument must be positive, got {}",
                            format_duration(*ns)
                        ));
                    }
                    Some(_) => return QueryError::refused("second argument must be a duration"),
                }
                self.first_symbol(name, args)
            }
            _ if function.role == Role::Transformation => self.transformation(function, args),
            _ => {
                arity(name, args, 1)?;
                match args {
                    [Expr::Call { name: inner, args }] if function.kind == Kind::Count && inner == "distinct" => {
                        self.distinct(args, true)
                    }
                    [Expr::Distinct(_)] if function.kind == Kind::Count => Ok(()),
                    _ => self.first_symbol(name, args),
                }
            }
        }
    }

    /// Said to be wrong where it is, and not to be offered where it isn't.
    fn holt_winters(&self, name: &str, args: &[Expr]) -> Checked {
        arity(name, args, 3)?;
        match args {
            [Expr::Call { .. }, ..] if self.setting.buckets => QueryError::refused(format!(
                "{name} is not offered: PromQL has double_exponential_smoothing() and predict_linear()"
            )),
            [Expr::Call { .. }, ..] => QueryError::refused(format!("{name} aggregate requires a GROUP BY interval")),
            _ => QueryError::refused(format!("must use aggregate function with {name}")),
        }
    }

    fn first_symbol(&mut self, name: &str, args: &[Expr]) -> Checked {
        args.first().map_or(Ok(()), |of| self.symbol(name, of))
    }

    /// What aggregates take: a field, or a wildcard.
    fn symbol(&mut self, name: &str, of: &Expr) -> Checked {
        match of {
            Expr::Ref { .. } => Ok(()),
            Expr::Wildcard(_) | Expr::Regex(_) => {
                self.seen.only_selectors = false;
                match (self.wildcards, of) {
                    (true, Expr::Wildcard(Wildcard::Tags)) => {
                        QueryError::refused(format!("unable to use tag wildcard in {name}()"))
                    }
                    (true, _) => Ok(()),
                    (false, Expr::Regex(_)) => {
                        QueryError::refused(format!("unsupported expression with regex field: {name}()"))
                    }
                    (false, _) => QueryError::refused(format!("unsupported expression with wildcard: {name}()")),
                }
            }
            _ => QueryError::refused(format!("expected field argument in {name}()")),
        }
    }

    fn distinct(&mut self, args: &[Expr], counted: bool) -> Checked {
        self.seen.only_selectors = false;
        self.seen.has_distinct |= !counted;
        match args {
            [] => QueryError::refused("distinct function requires at least one argument"),
            [Expr::Ref { .. }] => Ok(()),
            [_] => QueryError::refused("expected field argument in distinct()"),
            _ => QueryError::refused("distinct function can only have one argument"),
        }
    }

    fn top(&mut self, function: &'static Function, args: &[Expr]) -> Checked {
        let name = function.name;
        if let Some(other) = self.seen.top {
            return QueryError::refused(format!("selector function {other}() cannot be combined with other functions"));
        }
        let (Some((last, before)), true) = (args.split_last(), args.len() >= 2) else {
            return QueryError::refused(format!(
                "invalid number of arguments for {name}, expected at least 2, got {}",
                args.len()
            ));
        };
        let Expr::Integer(limit) = last else {
            return QueryError::refused(format!("expected integer as last argument in {name}(), found {last}"));
        };
        if *limit <= 0 {
            return QueryError::refused(format!("limit ({limit}) in {name} function must be at least 1"));
        }
        if self.setting.limit > 0 && limit.unsigned_abs() > self.setting.limit {
            return QueryError::refused(format!(
                "limit ({limit}) in {name} function can not be larger than the LIMIT ({}) in the select statement",
                self.setting.limit
            ));
        }
        let Some((of, tags)) = before.split_first() else { return Ok(()) };
        if !matches!(of, Expr::Ref { .. }) {
            return QueryError::refused(format!("expected first argument to be a field in {name}(), found {of}"));
        }
        for tag in tags {
            if !matches!(tag, Expr::Ref { .. }) {
                return QueryError::refused(format!("only fields or tags are allowed in {name}(), found {tag}"));
            }
            self.seen.plain = true;
        }
        self.seen.top = Some(name);
        Ok(())
    }

    fn transformation(&mut self, function: &'static Function, args: &[Expr]) -> Checked {
        let name = function.name;
        match function.kind {
            Kind::Derivative | Kind::NonNegativeDerivative | Kind::Elapsed => {
                arity_between(name, args, 1, 2)?;
                match args.get(1) {
                    None | Some(Expr::Duration(1..)) => {}
                    Some(Expr::Duration(ns)) => {
                        return QueryError::refused(format!(
                            "duration argument must be positive, got {}",
                            format_duration(*ns)
                        ));
                    }
                    Some(other) => {
                        return QueryError::refused(format!(
                            "second argument to {name} must be a duration, got {}",
                            type_name(other)
                        ));
                    }
                }
            }
            Kind::Difference | Kind::NonNegativeDifference | Kind::CumulativeSum => arity(name, args, 1)?,
            _ if function.kind.is_moving() => {
                arity(name, args, 2)?;
                match args.get(1) {
                    Some(Expr::Integer(2..) | Expr::Duration(1..)) => {}
                    Some(Expr::Duration(ns)) => {
                        return QueryError::refused(format!(
                            "{name} window must be positive, got {}",
                            format_duration(*ns)
                        ));
                    }
                    Some(Expr::Integer(count)) => {
                        return QueryError::refused(format!("{name} window must be greater than 1, got {count}"));
                    }
                    other => {
                        return QueryError::refused(format!(
                            "second argument for {name} must be an integer, got {}",
                            other.map_or("", type_name)
                        ));
                    }
                }
            }
            _ => indicator(function, args)?,
        }
        match args.first() {
            Some(Expr::Call { name: inner, args: inner_args }) => {
                if !self.setting.buckets {
                    return QueryError::refused(format!("{name} aggregate requires a GROUP BY interval"));
                }
                // The inner call counts as part of this one.
                let calls = self.seen.calls;
                self.call(inner, inner_args)?;
                self.seen.calls = calls;
                Ok(())
            }
            Some(_) if self.setting.buckets && !self.setting.inherited => {
                QueryError::refused(format!("aggregate function required inside the call to {name}"))
            }
            Some(of) => self.symbol(name, of),
            None => Ok(()),
        }
    }
}

/// How coarse and how fine a digest may be.
const MIN_COMPRESSION: f64 = 20.0;
const MAX_COMPRESSION: f64 = 10_000.0;

/// Checks that an argument, where it is there, is a number between two others.
fn between(name: &str, what: &str, arg: Option<&Expr>, least: f64, most: f64) -> Checked {
    let number = match arg {
        None => return Ok(()),
        Some(Expr::Integer(number)) => *number as f64,
        Some(Expr::Number(number)) => *number,
        Some(_) => return QueryError::refused(format!("expected {what} as a number in {name}()")),
    };
    if (least..=most).contains(&number) {
        return Ok(());
    }
    QueryError::refused(format!("{what} in {name}() must be between {least} and {most}, got {number}"))
}
