//! The syntax tree: what the text says, with a byte span on every node.

pub use super::names::{AggregateOp, BinaryOp, ValueType};
use super::signature::Signature;
use crate::model::{Matcher, Span};

/// An expression and its place in the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

impl Expr {
    /// All selectors in it, in the order of the text. The parser bounds how deep this goes.
    #[must_use]
    pub fn selectors(&self) -> Vec<&Selector> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect<'a>(&'a self, found: &mut Vec<&'a Selector>) {
        match &self.kind {
            ExprKind::Number(_) | ExprKind::Duration(_) | ExprKind::String(_) => {}
            ExprKind::Selector(selector) => found.push(selector),
            ExprKind::Range(range) => found.push(&range.selector),
            ExprKind::Subquery(subquery) => subquery.expr.collect(found),
            ExprKind::Call(call) => call.args.iter().for_each(|arg| arg.collect(found)),
            ExprKind::Aggregate(aggregate) => {
                aggregate.param.iter().for_each(|param| param.collect(found));
                aggregate.expr.collect(found);
            }
            ExprKind::Binary(binary) => {
                binary.lhs.collect(found);
                binary.rhs.collect(found);
            }
            ExprKind::Unary { expr, .. } | ExprKind::Paren(expr) => expr.collect(found),
        }
    }
}

/// The kinds of expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A number.
    Number(f64),
    /// A number written as a duration (`5m`), in seconds.
    Duration(f64),
    /// A string, unquoted.
    String(String),
    /// `name{matchers}`
    Selector(Selector),
    /// `selector[range]`
    Range(RangeSelector),
    /// `expr[range:step]`
    Subquery(Subquery),
    /// `function(args)`
    Call(Call),
    /// `sum by (l) (expr)`
    Aggregate(Aggregate),
    /// `lhs op rhs`
    Binary(Binary),
    /// `-expr` or `+expr`
    Unary {
        /// Whether the sign is a minus.
        negate: bool,
        /// The operand.
        expr: Box<Expr>,
    },
    /// `(expr)`
    Paren(Box<Expr>),
}

/// An instant vector selector.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    /// The metric name written before the braces: the first of `matchers`, as well. One inside them is only there.
    pub name: Option<String>,
    /// All conditions, the one on the metric name included.
    pub matchers: Vec<Matcher>,
    /// `offset` and `@`.
    pub shift: Shift,
    /// `anchored` or `smoothed`.
    pub edges: Edges,
}

/// How samples at the edges of a window are treated (experimental in Prometheus).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Edges {
    /// Only samples inside the window count.
    #[default]
    Plain,
    /// `anchored`: the last sample before the window stands at its start.
    Anchored,
    /// `smoothed`: values at both edges are interpolated.
    Smoothed,
}

/// The time modifiers of a selector or subquery.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shift {
    /// `offset d`; positive looks back.
    pub offset: Option<DurationExpr>,
    /// `@ t`
    pub at: Option<At>,
}

/// The argument of `@`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum At {
    /// A time in ms.
    Time(i64),
    /// `start()`
    Start,
    /// `end()`
    End,
}

/// A range vector selector.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeSelector {
    /// What is selected.
    pub selector: Selector,
    /// Where the selector without its range stands.
    pub selector_span: Span,
    /// Length of the window.
    pub range: DurationExpr,
}

/// A subquery.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// What is evaluated at every step.
    pub expr: Box<Expr>,
    /// Length of the window.
    pub range: DurationExpr,
    /// Its step; `None` takes the default evaluation interval.
    pub step: Option<DurationExpr>,
    /// `offset` and `@`.
    pub shift: Shift,
}

/// A duration: a literal, or arithmetic that is evaluated once per query.
#[derive(Debug, Clone, PartialEq)]
pub struct DurationExpr {
    /// What it is.
    pub kind: DurationKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of duration expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationKind {
    /// A literal, in ms (`5m`, or a plain number of seconds).
    Millis(i64),
    /// A plain number inside arithmetic: a factor, or seconds where a duration is needed.
    Number(f64),
    /// `step()`: the query's step.
    Step,
    /// `range()`: the query's end minus its start.
    Range,
    /// `-d`
    Negate(Box<DurationExpr>),
    /// `(d)`
    Paren(Box<DurationExpr>),
    /// `a + b`, `-`, `*`, `/`, `%`, `^`
    Binary {
        /// The operator: one of the arithmetic ones.
        op: BinaryOp,
        /// Left operand.
        lhs: Box<DurationExpr>,
        /// Right operand.
        rhs: Box<DurationExpr>,
    },
    /// `min(a, b)` or `max(a, b)`
    Extreme {
        /// Whether it is `max`.
        max: bool,
        /// Left operand.
        lhs: Box<DurationExpr>,
        /// Right operand.
        rhs: Box<DurationExpr>,
    },
}

/// A function call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The function.
    pub function: &'static Signature,
    /// The arguments, their number and types checked.
    pub args: Vec<Expr>,
}

/// An aggregation.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// What is computed per group.
    pub op: AggregateOp,
    /// `k`, `φ`, a ratio or a label name, for the operators that take one.
    pub param: Option<Box<Expr>>,
    /// What is aggregated.
    pub expr: Box<Expr>,
    /// Label names after `by` or `without`.
    pub grouping: Vec<String>,
    /// Whether `grouping` says what to leave out.
    pub without: bool,
}

/// A binary operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// Left operand.
    pub lhs: Box<Expr>,
    /// Right operand.
    pub rhs: Box<Expr>,
    /// Whether a comparison answers 0 or 1 instead of filtering.
    pub return_bool: bool,
    /// How series of two vectors are paired.
    pub matching: Matching,
}

/// How the series of two vectors find each other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matching {
    /// One or many on each side.
    pub cardinality: Cardinality,
    /// Label names after `on` or `ignoring`.
    pub labels: Vec<String>,
    /// Whether `labels` are those to match on; otherwise they are ignored.
    pub on: bool,
    /// Labels that `group_left`/`group_right` copies from the "one" side.
    pub include: Vec<String>,
    /// `fill_left(v)`: stands in for a missing series on the left (`fill(v)` sets both).
    pub fill_left: Option<f64>,
    /// `fill_right(v)`: likewise on the right.
    pub fill_right: Option<f64>,
}

/// How many series may share a match group on each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Cardinality {
    /// One on each side.
    #[default]
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
    /// Set operators.
    ManyToMany,
}
