//! Finds aggregations that occur more than once in a plan.
//!
//! ```text
//! sum(a) / (sum(a) + sum(b))   →   #0 sum(a) / (#0 sum(a) + sum(b))
//! ```
//!
//! Aggregations are worth it because they keep their rows in memory anyway; sharing anything else would hold what now
//! flows through.

use std::collections::HashMap;

use super::node::{Kind, Node};
use crate::{model::Span, promql::digest};

/// Plans with more nodes than this are not searched: comparing takes the square of how deep they nest.
const MAX_NODES: usize = 10_000;

/// Numbers the aggregations in `plan` that have an equal one elsewhere in it.
pub(super) fn mark(plan: &mut Node) {
    let (mut nodes, mut aggregates) = (0usize, 0usize);
    plan.for_each(&mut |node| {
        nodes += 1;
        aggregates += usize::from(matches!(node.kind, Kind::Aggregate(_)));
    });
    if aggregates < 2 || nodes > MAX_NODES {
        return;
    }
    let mut seen: HashMap<u128, (u32, usize)> = HashMap::new();
    plan.for_each(&mut |node| {
        if matches!(node.kind, Kind::Aggregate(_)) {
            let next = seen.len() as u32;
            seen.entry(key(node)).or_insert((next, 0)).1 += 1;
        }
    });
    number(plan, &seen);
}

fn number(node: &mut Node, seen: &HashMap<u128, (u32, usize)>) {
    let shared = match &node.kind {
        Kind::Aggregate(_) => seen.get(&key(node)).filter(|(_, times)| *times > 1).map(|(id, _)| *id),
        _ => None,
    };
    node.children_mut().into_iter().for_each(|child| number(child, seen));
    if let Kind::Aggregate(a) = &mut node.kind {
        a.shared = shared;
    }
}

/// A number that equal expressions have in common, wherever they stand. It tells 0 from -0 and takes NaN for equal, which
/// comparing them would not.
fn key(node: &Node) -> u128 {
    let mut node = node.clone();
    forget_places(&mut node);
    digest::of(&node)
}

fn forget_places(node: &mut Node) {
    let nowhere = Span::new(0, 0);
    node.span = nowhere;
    match &mut node.kind {
        Kind::Call(call) => call.spans.fill(nowhere),
        Kind::Aggregate(a) => a.expr_span = nowhere,
        _ => {}
    }
    node.children_mut().into_iter().for_each(forget_places);
}
