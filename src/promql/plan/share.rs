//! Finds aggregations that occur more than once in a plan.
//!
//! ```text
//! sum(a) / (sum(a) + sum(b))   →   #0 sum(a) / (#0 sum(a) + sum(b))
//! ```
//!
//! Aggregations are worth it because they keep their rows in memory anyway; sharing anything else would hold what now
//! flows through.
//!
//! Nodes that compute the same are of one class, wherever they stand. A node's class follows from what it says itself and
//! from the classes of the nodes right below it, so that each node is looked at once.

use std::collections::HashMap;

use super::{
    identity,
    node::{Kind, Node, Select},
};
use crate::{
    model::MatchOp,
    promql::{
        ast::{AggregateOp, BinaryOp, Cardinality, Edges, Matching},
        data::grid::Shift,
        signature::Signature,
    },
};

/// Plans with more nodes than this are not searched: nobody counts the memory that their classes take.
const MAX_NODES: usize = 10_000;

/// Numbers the aggregations in `plan`, whose nodes are numbered, that have an equal one elsewhere in it.
pub(super) fn mark(plan: &mut Node) {
    let (mut nodes, mut aggregates) = (0usize, 0usize);
    plan.for_each(&mut |node| {
        nodes += 1;
        aggregates += usize::from(matches!(node.kind, Kind::Aggregate(_)));
    });
    if aggregates < 2 || nodes > MAX_NODES {
        return;
    }
    let mut classes = Classes { known: HashMap::new(), of: vec![0; nodes] };
    classes.class(plan);
    let of = classes.of;
    let mut members: HashMap<Class, usize> = HashMap::new();
    plan.for_each(&mut |node| {
        if let (Kind::Aggregate(_), Some(class)) = (&node.kind, of.get(node.id.index())) {
            *members.entry(*class).or_default() += 1;
        }
    });
    members.retain(|_, count| *count > 1);
    write_down(plan, &of, &members);
}

fn write_down(node: &mut Node, classes: &[Class], shared: &HashMap<Class, usize>) {
    let class = classes.get(node.id.index()).copied();
    if let Kind::Aggregate(a) = &mut node.kind {
        a.shared = class.filter(|class| shared.contains_key(class));
    }
    node.children_mut().into_iter().for_each(|child| write_down(child, classes, shared));
}

/// The number of a class.
type Class = u32;

/// What the nodes of one class have in common: all they say but for their places, and the classes below them. It tells 0
/// from -0 and takes NaN for equal, which comparing numbers would not.
#[derive(PartialEq, Eq, Hash)]
enum Key<'p> {
    Number(u64),
    Text(&'p str),
    Select(SelectKey<'p>),
    Window(SelectKey<'p>, i64),
    Subquery(Class, i64, i64, Shift),
    Call(&'p Signature, Vec<Class>),
    Aggregate(AggregateOp, Option<Class>, Class, &'p [String], bool),
    Binary(BinaryOp, Class, Class, bool, MatchingKey<'p>),
    Negate(Class),
    Invariant(Class),
}

#[derive(PartialEq, Eq, Hash)]
struct SelectKey<'p> {
    matchers: Vec<(&'p str, MatchOp, &'p str)>,
    shift: Shift,
    edges: Edges,
    stats_only: bool,
}

#[derive(PartialEq, Eq, Hash)]
struct MatchingKey<'p> {
    cardinality: Cardinality,
    labels: &'p [String],
    on: bool,
    include: &'p [String],
    fills: [Option<u64>; 2],
}

impl<'p> SelectKey<'p> {
    fn of(select: &'p Select) -> Self {
        // All fields are named here, so that a new one is not forgotten.
        let Select { id: _, matchers, shift, edges, stats_only } = select;
        Self { matchers: identity::key(matchers), shift: *shift, edges: *edges, stats_only: *stats_only }
    }
}

impl<'p> MatchingKey<'p> {
    fn of(matching: &'p Matching) -> Self {
        let Matching { cardinality, labels, on, include, fill_left, fill_right } = matching;
        let fills = [fill_left, fill_right].map(|fill| fill.map(f64::to_bits));
        Self { cardinality: *cardinality, labels, on: *on, include, fills }
    }
}

struct Classes<'p> {
    known: HashMap<Key<'p>, Class>,
    /// By number of the node.
    of: Vec<Class>,
}

impl<'p> Classes<'p> {
    fn class(&mut self, node: &'p Node) -> Class {
        let key = match &node.kind {
            Kind::Number(n) => Key::Number(if n.is_nan() { f64::NAN.to_bits() } else { n.to_bits() }),
            Kind::Text(text) => Key::Text(text),
            Kind::Select(select) => Key::Select(SelectKey::of(select)),
            Kind::Window(select, range) => Key::Window(SelectKey::of(select), *range),
            Kind::Subquery(s) => Key::Subquery(self.class(&s.expr), s.range, s.step, s.shift),
            Kind::Call(call) => Key::Call(call.function, call.args.iter().map(|arg| self.class(arg)).collect()),
            Kind::Aggregate(a) => {
                let param = a.param.as_ref().map(|param| self.class(param));
                Key::Aggregate(a.op, param, self.class(&a.expr), &a.grouping, a.without)
            }
            Kind::Binary(b) => {
                let (lhs, rhs) = (self.class(&b.lhs), self.class(&b.rhs));
                Key::Binary(b.op, lhs, rhs, b.return_bool, MatchingKey::of(&b.matching))
            }
            Kind::Negate(inner) => Key::Negate(self.class(inner)),
            Kind::Invariant(inner) => Key::Invariant(self.class(inner)),
        };
        let next = self.known.len() as Class;
        let class = *self.known.entry(key).or_insert(next);
        if let Some(slot) = self.of.get_mut(node.id.index()) {
            *slot = class;
        }
        class
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::{
        Optimise, parse,
        plan::{QueryTimes, lower},
    };

    /// The numbers of the aggregations in the plan, in the order of the text.
    fn shared(text: &str) -> Vec<Option<u32>> {
        let times = QueryTimes { text, start: 0, end: 0, step: 0, subquery_step: 60_000 };
        let plan = lower(&parse(text).unwrap(), &times, Optimise::default()).unwrap();
        let mut all = vec![];
        plan.root.for_each(&mut |node| {
            if let Kind::Aggregate(a) = &node.kind {
                all.push(a.shared);
            }
        });
        all
    }

    #[test]
    fn aggregations_that_compute_the_same_have_a_number_in_common() {
        for (text, equal) in [
            ("sum(a) / (sum(a))", true),
            ("sum by (x, y) (a) / sum by (y, x) (a{})", true),
            ("sum(rate(a[1m] offset 5s)) / sum(rate(a[1m]  offset  5s))", true),
            ("sum(a + fill(0) b) / sum(a + fill(0) b)", true),
            ("sum(a) / sum(b)", false),
            ("sum(a) / min(a)", false),
            ("sum(a) / sum by (x) (a)", false),
            ("sum(a) / sum(a offset 5s)", false),
            ("sum(a) / sum(a{x=~\"1\"})", false),
            ("sum(rate(a[1m])) / sum(rate(a[2m]))", false),
            ("sum(rate(a[1m])) / sum(increase(a[1m]))", false),
            ("sum(a * 0) / sum(a * -0)", false),
            ("sum(a + fill(0) b) / sum(a + fill(1) b)", false),
            ("sum(a + on (x) b) / sum(a + ignoring (x) b)", false),
            ("topk(1, a) / topk(2, a)", false),
            ("histogram_count(sum(a)) / sum(a)", false),
        ] {
            let numbers = shared(text);
            assert_eq!(numbers.len(), 2, "{text}");
            assert_eq!(numbers[0].is_some() && numbers[0] == numbers[1], equal, "{text}: {numbers:?}");
            assert_eq!(numbers[0].is_some(), equal, "{text}: {numbers:?}");
        }
    }
}
