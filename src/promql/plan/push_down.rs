//! Narrows one side of a binary operation by what the other side asks for.
//!
//! ```text
//! a{job="x"} / b            →   a{job="x"} / b{job="x"}
//! a and on (job) b{job="x"} →   a{job="x"} and on (job) b{job="x"}
//! ```
//!
//! Series that are left out this way would have found no partner. That must not be seen anywhere else, so a matcher goes
//! only
//!
//! - to a plain selector: computing anything more might bring annotations and errors of its own;
//! - over a label that both sides must have in common;
//! - in set operations, to the right side, and with `and` to the left one too: those are never refused;
//! - in others, where all labels must match and each side has one metric name, so that no side can have two series for
//!   the same partner, which Prometheus refuses even where there is no partner.

use super::node::{Binary, Kind, Node, Select};
use crate::{
    model::{METRIC_NAME, Matcher},
    promql::ast::{BinaryOp, Cardinality, Edges, ValueType},
};

/// Narrows the selectors in `node`.
pub(super) fn apply(node: &mut Node) {
    node.children_mut().into_iter().for_each(apply);
    let Kind::Binary(binary) = &mut node.kind else { return };
    let both_vectors = [&binary.lhs, &binary.rhs].iter().all(|side| side.value_type() == ValueType::Vector);
    if !both_vectors || binary.matching.fill_left.is_some() || binary.matching.fill_right.is_some() {
        return;
    }
    let (to_left, to_right) = match binary.op {
        BinaryOp::And => (true, true),
        BinaryOp::Unless => (false, true),
        BinaryOp::Or => return,
        _ => {
            let unique = binary.matching.cardinality == Cardinality::OneToOne
                && !binary.matching.on
                && binary.matching.labels.is_empty()
                && has_one_name(&binary.lhs)
                && has_one_name(&binary.rhs);
            (unique, unique)
        }
    };
    let from_left = if to_right { passed_over(binary, &binary.lhs) } else { vec![] };
    let from_right = if to_left { passed_over(binary, &binary.rhs) } else { vec![] };
    narrow(&mut binary.rhs, from_left);
    narrow(&mut binary.lhs, from_right);
}

/// The matchers of `side` about labels that both sides have in common.
fn passed_over(binary: &Binary, side: &Node) -> Vec<Matcher> {
    let listed = |name: &str| binary.matching.labels.iter().any(|label| label == name);
    let common = |name: &str| name != METRIC_NAME && listed(name) == binary.matching.on;
    source(side).into_iter().flat_map(|select| &select.matchers).filter(|m| common(m.name())).cloned().collect()
}

/// The selector whose series, but for their names, are those of `node`.
fn source(node: &Node) -> Option<&Select> {
    match &node.kind {
        Kind::Select(select) => Some(select),
        Kind::Negate(inner) | Kind::Invariant(inner) => source(inner),
        Kind::Call(call) if call.function.keeps_labels => call.args.iter().find_map(|arg| match &arg.kind {
            Kind::Window(select, _) => Some(select),
            _ => None,
        }),
        _ => None,
    }
}

fn has_one_name(node: &Node) -> bool {
    source(node).is_some_and(|select| select.metric_name().is_some())
}

/// Adds matchers to a plain selector; anything else stays as it is.
fn narrow(node: &mut Node, matchers: Vec<Matcher>) {
    match &mut node.kind {
        Kind::Select(select) if select.edges == Edges::Plain => {
            for matcher in matchers {
                if !select.matchers.contains(&matcher) {
                    select.matchers.push(matcher);
                }
            }
        }
        Kind::Negate(inner) | Kind::Invariant(inner) => narrow(inner, matchers),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::promql::{
        parse,
        plan::{QueryTimes, lower, optimise::Optimise},
    };

    /// The matchers of all selectors in the plan, in the order of the text.
    fn planned(text: &str) -> Vec<String> {
        let times = QueryTimes { text, start: 0, end: 0, step: 0, subquery_step: 60_000 };
        let plan = lower(&parse(text).unwrap(), &times, Optimise::default()).unwrap();
        let mut all = vec![];
        plan.root.for_each(&mut |node| {
            if let super::Kind::Select(select) | super::Kind::Window(select, _) = &node.kind {
                let matchers: Vec<String> = select.matchers.iter().skip(1).map(ToString::to_string).collect();
                all.push(matchers.join(","));
            }
        });
        all
    }

    #[test]
    fn a_matcher_goes_to_the_other_side_only_where_nothing_else_changes() {
        let x = "job=\"x\"";
        for (text, want) in [
            ("a{job=\"x\"} / b", [x, x]),
            ("a / -b{job=\"x\"}", [x, x]),
            ("rate(a{job=\"x\"}[5m]) / b", [x, x]),
            ("a and on (job) b{job=\"x\"}", [x, x]),
            ("a{job=\"x\"} unless b", [x, x]),
            ("a unless b{job=\"x\"}", ["", x]),
            ("a or b{job=\"x\"}", ["", x]),
            ("a{job=\"x\"} / rate(b[5m])", [x, ""]),
            ("a{job=\"x\"} / on (job) b", [x, ""]),
            ("a{job=\"x\"} and on (instance) b", [x, ""]),
            ("a{job=\"x\"} and ignoring (job) b", [x, ""]),
            ("a{job=\"x\"} / on (job) group_left () b", [x, ""]),
            ("a{job=\"x\"} + fill (1) b", [x, ""]),
            ("a{job=\"x\"} / b smoothed", [x, ""]),
            ("sum(a{job=\"x\"}) and b", [x, ""]),
        ] {
            assert_eq!(planned(text), want, "{text}");
        }
        assert_eq!(planned("a{job=\"x\"} * 2"), [x]);
    }
}
