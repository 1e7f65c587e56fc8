//! Subqueries whose rows are worth keeping from one question to the next.
//!
//! A subquery evaluates its expression at multiples of its step, whatever the time of the question: the next one needs the same
//! values, but for those at its ends. A value may be kept when it depends on nothing but samples in a known stretch of time
//! ([`TimeDependency`]). Kept rows come by labels, and an operator hands its rows over in the order of its series. So a subquery
//! counts only where that order means nothing: it has one row, or nothing above it adds rows up, names one of several, or sorts.

use super::{Kind, Node, NodeId, Plan, Subquery, TimeDependency};
use crate::promql::{
    ast::{AggregateOp, ValueType},
    signature::Output,
};

/// A subquery whose rows may be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeepableSubquery {
    pub(crate) node: NodeId,
    /// Distance of the times at which its expression is evaluated, in ms.
    pub(crate) step: i64,
    /// What a value of its expression depends on.
    pub(crate) dependency: TimeDependency,
}

/// The subqueries of a plan whose rows may be kept, none of them inside of another.
pub(crate) fn keepable_subqueries(plan: &Plan, lookback: i64) -> Vec<KeepableSubquery> {
    let mut found = Vec::new();
    if !plan.uses_bounds {
        add(&plan.root, false, lookback, &mut found);
    }
    found
}

/// `ordered`: whether the order of `node`'s rows means something to what is above it.
fn add(node: &Node, ordered: bool, lookback: i64, found: &mut Vec<KeepableSubquery>) {
    match &node.kind {
        Kind::Call(call) => {
            for arg in &call.args {
                if let Kind::Subquery(subquery) = &arg.kind {
                    found.extend(keepable(arg.id, subquery, ordered, lookback));
                } else {
                    let passes_on = call.function.output == Output::Same && !call.function.sorts;
                    add(arg, ordered || !passes_on || call.function.is_opaque, lookback, found);
                }
            }
        }
        Kind::Aggregate(a) => {
            let counts = matches!(a.op, AggregateOp::Count | AggregateOp::Group);
            add(&a.expr, ordered || !counts, lookback, found);
            a.param.iter().for_each(|param| add(param, true, lookback, found));
        }
        Kind::Binary(b) => {
            // Of several duplicates the first is named.
            let vectors = b.lhs.value_type() == ValueType::Vector && b.rhs.value_type() == ValueType::Vector;
            [&b.lhs, &b.rhs].into_iter().for_each(|side| add(side, ordered || vectors, lookback, found));
        }
        Kind::Negate(inner) | Kind::Invariant(inner) => add(inner, ordered, lookback, found),
        Kind::Number(_) | Kind::Text(_) | Kind::Select(_) | Kind::Window(..) | Kind::Subquery(_) => {}
    }
}

fn keepable(node: NodeId, subquery: &Subquery, ordered: bool, lookback: i64) -> Option<KeepableSubquery> {
    if ordered && !has_one_row(&subquery.expr) {
        return None;
    }
    let dependency = TimeDependency::of_steps(&subquery.expr, lookback)?;
    Some(KeepableSubquery { node, step: subquery.step.max(1), dependency })
}

/// Whether the node surely has one row at most.
fn has_one_row(node: &Node) -> bool {
    match &node.kind {
        Kind::Aggregate(a) => a.op.has_one_row_a_group() && !a.without && a.grouping.is_empty(),
        Kind::Negate(inner) => has_one_row(inner),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::{
        Optimise, parse,
        plan::{QueryTimes, lower},
    };

    fn steps(text: &str) -> Vec<i64> {
        let times = QueryTimes { text, start: 0, end: 0, step: 0, subquery_step: 60_000 };
        let plan = lower(&parse(text).unwrap(), &times, Optimise::default()).unwrap();
        keepable_subqueries(&plan, 300_000).iter().map(|subquery| subquery.step).collect()
    }

    #[test]
    fn subqueries_are_kept_where_the_order_of_their_rows_means_nothing() {
        for (text, want) in [
            ("max_over_time(sum(rate(x[5m]))[1d:5m])", vec![300_000]),
            ("max_over_time(sum by (job) (rate(x[5m]))[1d:5m]) > 5", vec![300_000]),
            ("avg_over_time(x[1h:])", vec![60_000]),
            ("sum(avg_over_time(x[1h:1m]))", vec![]),
            ("count(avg_over_time(x[1h:1m]) > 5)", vec![60_000]),
            ("sum(avg_over_time(sum(x)[1h:1m]))", vec![60_000]),
            ("topk(1, avg_over_time(x[1h:1m]))", vec![]),
            ("sort(avg_over_time(x[1h:1m]))", vec![]),
            ("max_over_time(x[1h:1m]) / max_over_time(y[1h:1m])", vec![]),
            ("max_over_time(sum(x)[1h:1m]) / max_over_time(sum(y)[1h:2m])", vec![60_000, 120_000]),
            ("max_over_time(avg_over_time(sum(x)[1h:1m])[2h:10m])", vec![600_000]),
            ("max_over_time(sum(x @ end())[1h:1m])", vec![]),
            ("max_over_time(topk(1, x)[1h:1m])", vec![60_000]),
            ("max_over_time({job=\"x\"}[1h:1m])", vec![]),
            ("sum(x)[1h:1m]", vec![]),
        ] {
            assert_eq!(steps(text), want, "{text}");
        }
    }
}
