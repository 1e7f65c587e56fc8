//! Marks selectors of which only the counts and sums of native histograms are needed.
//!
//! ```text
//! histogram_count(sum(rate(x[5m])))   →   x without buckets
//! ```
//!
//! Buckets are then looked at only once, where samples are read, to see resets. Whatever needs buckets further up, and
//! subqueries, which may skip samples, rule it out.

use super::node::{Kind, Node};
use crate::promql::{ast::BinaryOp, signature::Buckets};

/// Marks the selectors in `node`.
pub(super) fn mark(node: &mut Node) {
    walk(node, false);
}

fn walk(node: &mut Node, stats: bool) {
    match &mut node.kind {
        Kind::Number(_) | Kind::Text(_) => {}
        Kind::Select(select) | Kind::Window(select, _) => select.stats_only = stats,
        // Whatever stands above, what stands below is not marked.
        Kind::Subquery(_) => {}
        Kind::Call(call) => {
            let stats = match call.function.buckets {
                Buckets::Unneeded => true,
                Buckets::Needed => return,
                Buckets::AsAbove => stats,
            };
            call.args.iter_mut().for_each(|arg| walk(arg, stats));
        }
        Kind::Aggregate(a) => {
            walk(&mut a.expr, stats);
            if let Some(param) = &mut a.param {
                walk(param, stats);
            }
        }
        Kind::Binary(b) => {
            if !matches!(b.op, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
                walk(&mut b.lhs, stats);
                walk(&mut b.rhs, stats);
            }
        }
        Kind::Negate(inner) | Kind::Invariant(inner) => walk(inner, stats),
    }
}
