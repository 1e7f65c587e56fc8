//! The nodes of a plan.

use crate::{
    model::{METRIC_NAME, MatchOp, Matcher, Span},
    promql::{
        ast::{AggregateOp, BinaryOp, Edges, Matching, ValueType},
        exec::grid::Shift,
        signature::Signature,
    },
};

/// A node and the part of the text it came from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// What a node computes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Number(f64),
    Text(String),
    /// The instant vector of a selector.
    Select(Select),
    /// A selector's samples in a window of this many ms.
    Window(Select, i64),
    Subquery(Subquery),
    Call(Call),
    Aggregate(Aggregate),
    Binary(Binary),
    /// `-expr`
    Negate(Box<Node>),
    /// The same at every step.
    Invariant(Box<Node>),
}

/// A selector.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Select {
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) shift: Shift,
    pub(crate) edges: Edges,
    /// Of native histograms only counts and sums are needed.
    pub(crate) stats_only: bool,
}

/// A subquery: `expr` at every multiple of `step` inside the window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Subquery {
    pub(crate) expr: Box<Node>,
    pub(crate) range: i64,
    pub(crate) step: i64,
    pub(crate) shift: Shift,
}

/// A function call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) function: &'static str,
    pub(crate) args: Vec<Node>,
    /// Where remarks say that the arguments stand.
    pub(crate) spans: Vec<Span>,
}

/// An aggregation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aggregate {
    pub(crate) op: AggregateOp,
    pub(crate) param: Option<Box<Node>>,
    pub(crate) expr: Box<Node>,
    /// Where remarks say that `expr` stands.
    pub(crate) expr_span: Span,
    /// Sorted.
    pub(crate) grouping: Vec<String>,
    pub(crate) without: bool,
}

/// A binary operation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binary {
    pub(crate) op: BinaryOp,
    pub(crate) lhs: Box<Node>,
    pub(crate) rhs: Box<Node>,
    pub(crate) return_bool: bool,
    pub(crate) matching: Matching,
}

impl Select {
    /// The metric name all its series have, when a matcher says so.
    pub(crate) fn metric_name(&self) -> Option<&str> {
        let named = |m: &&Matcher| m.name() == METRIC_NAME && m.op() == MatchOp::Equal && !m.value().is_empty();
        self.matchers.iter().find(named).map(Matcher::value)
    }
}

impl Node {
    /// The type of its value.
    pub(crate) fn value_type(&self) -> ValueType {
        match &self.kind {
            Kind::Number(_) => ValueType::Scalar,
            Kind::Text(_) => ValueType::String,
            Kind::Window(..) | Kind::Subquery(_) => ValueType::Matrix,
            Kind::Call(call) => Signature::find(call.function).map_or(ValueType::Vector, |s| s.returns),
            Kind::Binary(b) if b.lhs.value_type() == ValueType::Scalar && b.rhs.value_type() == ValueType::Scalar => {
                ValueType::Scalar
            }
            Kind::Negate(inner) | Kind::Invariant(inner) => inner.value_type(),
            Kind::Select(_) | Kind::Aggregate(_) | Kind::Binary(_) => ValueType::Vector,
        }
    }

    /// Whether the order of an instant vector it gives carries meaning.
    pub(crate) fn is_ordered(&self) -> bool {
        match &self.kind {
            Kind::Call(call) => match call.function {
                "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => true,
                _ => call.args.iter().any(|a| a.value_type() == ValueType::Vector && a.is_ordered()),
            },
            Kind::Aggregate(a) => matches!(a.op, AggregateOp::Topk | AggregateOp::Bottomk),
            Kind::Binary(b) => {
                (b.lhs.value_type() == ValueType::Vector && b.lhs.is_ordered())
                    || (b.lhs.value_type() == ValueType::Scalar && b.rhs.is_ordered())
            }
            Kind::Negate(inner) | Kind::Invariant(inner) => inner.is_ordered(),
            _ => false,
        }
    }
}
