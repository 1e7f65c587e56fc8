//! The nodes of a plan.

use super::identity::{NodeId, SelectorId};
use crate::{
    model::{METRIC_NAME, MatchOp, Matcher, Span},
    promql::{
        ast::{AggregateOp, BinaryOp, Edges, Matching, ValueType},
        data::grid::Shift,
        signature::Signature,
    },
};

/// A node and the part of the text it came from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
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
    /// Which one of the plan it is; none for one that is made up while the query runs.
    pub(crate) id: Option<SelectorId>,
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
    pub(crate) function: &'static Signature,
    pub(crate) args: Vec<Node>,
    /// Where annotations say that the arguments stand.
    pub(crate) spans: Vec<Span>,
}

/// An aggregation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aggregate {
    pub(crate) op: AggregateOp,
    pub(crate) param: Option<Box<Node>>,
    pub(crate) expr: Box<Node>,
    /// Where annotations say that `expr` stands.
    pub(crate) expr_span: Span,
    /// Sorted.
    pub(crate) grouping: Vec<String>,
    pub(crate) without: bool,
    /// A number that it has in common with equal aggregations elsewhere in the plan.
    pub(crate) shared: Option<u32>,
}

/// A binary operation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binary {
    pub(crate) op: BinaryOp,
    pub(crate) lhs: Box<Node>,
    pub(crate) rhs: Box<Node>,
    pub(crate) return_bool: bool,
    /// Its labels are sorted.
    pub(crate) matching: Matching,
}

impl Select {
    /// The metric name all its series have, when a matcher says so.
    pub(crate) fn metric_name(&self) -> Option<&str> {
        let named = |m: &&Matcher| m.name() == METRIC_NAME && m.op() == MatchOp::Equal && !m.value().is_empty();
        self.matchers.iter().find(named).map(Matcher::value)
    }
}

impl Kind {
    /// The nodes right below, to change them.
    pub(super) fn children_mut(&mut self) -> Vec<&mut Node> {
        match self {
            Self::Number(_) | Self::Text(_) | Self::Select(_) | Self::Window(..) => vec![],
            Self::Subquery(subquery) => vec![&mut subquery.expr],
            Self::Call(call) => call.args.iter_mut().collect(),
            Self::Aggregate(a) => a.param.iter_mut().chain([&mut a.expr]).map(|node| &mut **node).collect(),
            Self::Binary(b) => vec![&mut b.lhs, &mut b.rhs],
            Self::Negate(inner) | Self::Invariant(inner) => vec![inner],
        }
    }
}

impl Node {
    /// A node that has no number yet.
    pub(super) fn new(kind: Kind, span: Span) -> Self {
        Self { id: NodeId::default(), kind, span }
    }

    /// The type of its value.
    pub(crate) fn value_type(&self) -> ValueType {
        match &self.kind {
            Kind::Number(_) => ValueType::Scalar,
            Kind::Text(_) => ValueType::String,
            Kind::Window(..) | Kind::Subquery(_) => ValueType::Matrix,
            Kind::Call(call) => call.function.returns,
            // The right side first: a chain is deep on the left, and asked at each of its operators.
            Kind::Binary(b) if b.rhs.value_type() == ValueType::Scalar && b.lhs.value_type() == ValueType::Scalar => {
                ValueType::Scalar
            }
            Kind::Negate(inner) | Kind::Invariant(inner) => inner.value_type(),
            Kind::Select(_) | Kind::Aggregate(_) | Kind::Binary(_) => ValueType::Vector,
        }
    }

    /// The nodes right below.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Number(_) | Kind::Text(_) | Kind::Select(_) | Kind::Window(..) => vec![],
            Kind::Subquery(subquery) => vec![&subquery.expr],
            Kind::Call(call) => call.args.iter().collect(),
            Kind::Aggregate(a) => a.param.iter().chain([&a.expr]).map(|node| &**node).collect(),
            Kind::Binary(b) => vec![&b.lhs, &b.rhs],
            Kind::Negate(inner) | Kind::Invariant(inner) => vec![inner],
        }
    }

    /// The nodes right below, to change them.
    pub(super) fn children_mut(&mut self) -> Vec<&mut Self> {
        self.kind.children_mut()
    }

    /// Hands over this node and all below it, each before those below.
    pub(crate) fn for_each<'p>(&'p self, each: &mut dyn FnMut(&'p Self)) {
        each(self);
        self.children().into_iter().for_each(|child| child.for_each(each));
    }

    /// Whether evaluating it can bring nothing but its rows: no annotation, no error of its own.
    pub(crate) fn is_quiet(&self) -> bool {
        match &self.kind {
            Kind::Select(select) => select.edges == Edges::Plain,
            // A sign takes names away, after which series may be equal.
            Kind::Invariant(inner) => inner.is_quiet(),
            _ => false,
        }
    }

    /// Whether the order of an instant vector it gives carries meaning.
    pub(crate) fn is_ordered(&self) -> bool {
        match &self.kind {
            Kind::Call(call) => {
                let passes_on = |arg: &Self| arg.value_type() == ValueType::Vector && arg.is_ordered();
                call.function.sorts || call.args.iter().any(passes_on)
            }
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
