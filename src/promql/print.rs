//! Expressions as text, in Prometheus' canonical one-line form: parsing it gives the same tree again, but for `+Inf` as
//! the base of a power, whose sign is then that of the power.

use std::fmt::{self, Display, Write as _};

use super::{
    ast::{
        Aggregate, At, Binary, Cardinality, DurationExpr, DurationKind, Edges, Expr, ExprKind, Matching, RangeSelector,
        Selector, Shift, Subquery,
    },
    duration::format_duration,
    quote::quote,
};
use crate::model::Matcher;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number(value) => write_number(f, *value),
            ExprKind::Duration(seconds) => f.write_str(&format_duration((seconds * 1000.0).round() as i64)),
            ExprKind::String(text) => f.write_str(&quote(text)),
            ExprKind::Selector(selector) => selector.fmt(f),
            ExprKind::Range(range) => range.fmt(f),
            ExprKind::Subquery(subquery) => subquery.fmt(f),
            ExprKind::Call(call) => {
                write!(f, "{}(", call.function.name)?;
                write_list(f, &call.args)?;
                f.write_char(')')
            }
            ExprKind::Aggregate(aggregate) => {
                aggregate.write_head(f)?;
                f.write_char('(')?;
                if let Some(param) = &aggregate.param {
                    write!(f, "{param}, ")?;
                }
                write!(f, "{})", aggregate.expr)
            }
            ExprKind::Binary(binary) => binary.fmt(f),
            ExprKind::Unary { negate, expr } => write!(f, "{}{expr}", if *negate { '-' } else { '+' }),
            ExprKind::Paren(inner) => write!(f, "({inner})"),
        }
    }
}

/// A number as Prometheus writes it in expressions: never with an exponent.
fn write_number(f: &mut fmt::Formatter<'_>, value: f64) -> fmt::Result {
    if value == f64::INFINITY {
        f.write_str("+Inf")
    } else if value == f64::NEG_INFINITY {
        f.write_str("-Inf")
    } else {
        write!(f, "{value}")
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, exprs: &[Expr]) -> fmt::Result {
    for (i, expr) in exprs.iter().enumerate() {
        f.write_str(if i == 0 { "" } else { ", " })?;
        expr.fmt(f)?;
    }
    Ok(())
}

impl Aggregate {
    /// The operator and what it groups by.
    pub(super) fn write_head(&self, f: &mut impl fmt::Write) -> fmt::Result {
        write!(f, "{}", self.op)?;
        if self.without || !self.grouping.is_empty() {
            f.write_str(if self.without { " without (" } else { " by (" })?;
            write_labels(f, &self.grouping)?;
            f.write_str(") ")?;
        }
        Ok(())
    }
}

fn write_labels(f: &mut impl fmt::Write, labels: &[String]) -> fmt::Result {
    for (i, label) in labels.iter().enumerate() {
        f.write_str(if i == 0 { "" } else { ", " })?;
        f.write_str(&label_text(label))?;
    }
    Ok(())
}

/// A label name, quoted unless it is a plain word.
fn label_text(label: &str) -> String {
    let mut bytes = label.bytes();
    let plain = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    // `without` is the one word that can't stand bare in a list of labels.
    if plain && !label.eq_ignore_ascii_case("without") && !is_number_word(label) {
        label.to_owned()
    } else {
        quote(label)
    }
}

fn is_number_word(word: &str) -> bool {
    word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("nan")
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lhs.fmt(f)?;
        f.write_char(' ')?;
        self.write_operator(f)?;
        write!(f, " {}", self.rhs)
    }
}

impl Binary {
    /// What stands between the operands.
    pub(super) fn write_operator(&self, f: &mut impl fmt::Write) -> fmt::Result {
        write!(f, "{}{}{}", self.op, if self.return_bool { " bool" } else { "" }, self.matching)
    }
}

impl fmt::Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grouped = match self.cardinality {
            Cardinality::ManyToOne => Some("left"),
            Cardinality::OneToMany => Some("right"),
            Cardinality::OneToOne | Cardinality::ManyToMany => None,
        };
        if self.on || !self.labels.is_empty() || grouped.is_some() {
            f.write_str(if self.on { " on (" } else { " ignoring (" })?;
            write_labels(f, &self.labels)?;
            f.write_char(')')?;
        }
        if let Some(side) = grouped {
            write!(f, " group_{side} (")?;
            write_labels(f, &self.include)?;
            f.write_char(')')?;
        }
        let mut fill = |word: &str, value: f64| {
            write!(f, " {word} (")?;
            write_number(f, value)?;
            f.write_char(')')
        };
        match (self.fill_left, self.fill_right) {
            (Some(left), Some(right)) if left == right => fill("fill", left),
            (left, right) => {
                left.map_or(Ok(()), |v| fill("fill_left", v))?;
                right.map_or(Ok(()), |v| fill("fill_right", v))
            }
        }
    }
}

impl Selector {
    /// Name and matchers without the modifiers.
    fn write_series(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outside = usize::from(self.name.is_some());
        let mut shown: Vec<String> = self.matchers.iter().skip(outside).map(matcher_text).collect();
        shown.sort();
        f.write_str(self.name.as_deref().unwrap_or_default())?;
        if !shown.is_empty() || self.name.is_none() {
            write!(f, "{{{}}}", shown.join(","))?;
        }
        Ok(())
    }
}

fn matcher_text(matcher: &Matcher) -> String {
    let mut bytes = matcher.name().bytes();
    let plain = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let name = if plain { matcher.name().to_owned() } else { quote(matcher.name()) };
    format!("{name}{}{}", matcher.op(), quote(matcher.value()))
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_series(f)?;
        write_at(f, self.shift.at)?;
        write_edges(f, self.edges)?;
        write_offset(f, self.shift.offset.as_ref())
    }
}

impl fmt::Display for RangeSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.selector.write_series(f)?;
        write!(f, "[{}]", self.range)?;
        write_edges(f, self.selector.edges)?;
        self.selector.shift.fmt(f)
    }
}

impl fmt::Display for Subquery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)?;
        self.write_times(f)
    }
}

impl Subquery {
    /// What follows the expression.
    pub(super) fn write_times(&self, f: &mut impl fmt::Write) -> fmt::Result {
        write!(f, "[{}:", self.range)?;
        if let Some(step) = &self.step {
            write!(f, "{step}")?;
        }
        write!(f, "]{}", self.shift)
    }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_at(f, self.at)?;
        write_offset(f, self.offset.as_ref())
    }
}

fn write_at(f: &mut fmt::Formatter<'_>, at: Option<At>) -> fmt::Result {
    match at {
        None => Ok(()),
        Some(At::Time(ms)) => write!(f, " @ {:.3}", ms as f64 / 1000.0),
        Some(At::Start) => f.write_str(" @ start()"),
        Some(At::End) => f.write_str(" @ end()"),
    }
}

fn write_edges(f: &mut fmt::Formatter<'_>, edges: Edges) -> fmt::Result {
    f.write_str(match edges {
        Edges::Plain => "",
        Edges::Anchored => " anchored",
        Edges::Smoothed => " smoothed",
    })
}

fn write_offset(f: &mut fmt::Formatter<'_>, offset: Option<&DurationExpr>) -> fmt::Result {
    match offset {
        None | Some(DurationExpr { kind: DurationKind::Millis(0), .. }) => Ok(()),
        Some(offset) => write!(f, " offset {offset}"),
    }
}

impl fmt::Display for DurationExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            DurationKind::Millis(ms) => f.write_str(&format_duration(*ms)),
            DurationKind::Number(value) => write_number(f, *value),
            DurationKind::Step => f.write_str("step()"),
            DurationKind::Range => f.write_str("range()"),
            DurationKind::Negate(inner) => write!(f, "-{inner}"),
            DurationKind::Paren(inner) => write!(f, "({inner})"),
            DurationKind::Binary { op, lhs, rhs } => write!(f, "{lhs} {op} {rhs}"),
            DurationKind::Extreme { max, lhs, rhs } => {
                write!(f, "{}({lhs}, {rhs})", if *max { "max_of" } else { "min_of" })
            }
        }
    }
}
