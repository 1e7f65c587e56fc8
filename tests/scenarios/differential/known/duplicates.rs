//! Failures that name other series of those that are duplicates.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    super::{
        compare::Difference,
        data::{BEGIN, END},
        expression::{Kind, Node},
        peers::When,
    },
    Ask,
    answer::{exact, series},
};

/// Likewise of what has no order.
pub(super) const DUPLICATES: &str = "which two of many duplicate series are named is undecided behind count_values and where sort meets equals, and over steps behind \
                          topk, bottomk, limitk and limit_ratio, where Prometheus keeps them in a hash map; metrics that lose their several \
                          names we go through in another order";

/// Whether two failures name other duplicates, and some part of the expression has all of the series that they name, so
/// that each has a reason to fail. Of one group both may name what they like behind what has no order; of several groups
/// only where we go through them in another order.
pub(super) fn other_duplicates(node: &Node, when: When, found: &Difference, ask: Ask<'_>) -> bool {
    let Difference::Message(text) = found else { return false };
    let named = text.split_once("\n   ours: ").map(|(theirs, ours)| (duplicates(theirs), duplicates(ours)));
    let Some((Some((their_group, theirs)), Some((our_group, ours)))) = named else { return false };
    let expr = node.to_string();
    let unordered = ["topk", "bottomk", "limitk", "limit_ratio", "count_values", "sort(", "sort_desc("]
        .iter()
        .any(|name| expr.contains(name));
    // Of the groups of a hash map the first to fail is as undecided as their series.
    let over_steps = unordered && when.step > 0;
    if !(over_steps || unordered && their_group == our_group || expr.contains("__name__=~")) {
        return false;
    }
    let in_group = |group: &[String], series: &[Vec<String>]| {
        series.iter().all(|one| group.iter().all(|label| one.contains(label)))
    };
    if !in_group(&their_group, &theirs) || !in_group(&our_group, &ours) {
        return false;
    }
    let everywhere = When { start: BEGIN, end: END, step: 15_000 };
    node.innermost_first().iter().filter(|(_, part)| part.kind() == Kind::Vector).any(|(_, part)| {
        [when, everywhere].into_iter().any(|when| {
            let (_, answer) = ask(&part.to_string(), when);
            let has: BTreeSet<Vec<String>> =
                series(&answer.1).iter().map(|series| labels(&format!("{{{}}}", exact(series)))).collect();
            theirs.iter().chain(&ours).all(|one| has.contains(one))
        })
    })
}

/// The duplicates that a failure names: the labels of their group and of the two series.
pub(super) fn duplicates(message: &str) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    let message: String = serde_json::from_str(message).ok()?;
    let (_, rest) = message.split_once("found duplicate series for the match group ")?;
    let (group, rest) = rest.split_once(" on the ")?;
    let (_, rest) = rest.split_once("operation: [")?;
    let (pair, _) = rest.split_once("];many")?;
    Some((labels(group), listed(pair).iter().map(|one| labels(one)).collect()))
}

/// The labels between braces, in order.
pub(super) fn labels(text: &str) -> Vec<String> {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default();
    let mut labels = listed(inner);
    labels.sort();
    labels
}

/// The parts between commas that stand neither in quotes nor in braces.
pub(super) fn listed(text: &str) -> Vec<String> {
    let (mut parts, mut quoted, mut escaped, mut depth) = (vec![String::new()], false, false, 0);
    for c in text.chars() {
        match c {
            '"' if !escaped => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        parts.last_mut().unwrap().push(c);
    }
    let parts = parts.iter().map(|part| part.trim().to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

#[test]
fn the_series_that_a_failure_names_are_told_apart() {
    let error = "found duplicate series for the match group {job=\"api\"} on the right hand-side of the operation: \
                 [{a=\"{x, \\\"y}, {z\", job=\"api\"}, {job=\"api\"}];many-to-many matching not allowed";
    let (group, series) = duplicates(&Value::from(error).to_string()).unwrap();
    assert_eq!(group, ["job=\"api\""]);
    assert_eq!(series, [vec!["a=\"{x, \\\"y}, {z\"", "job=\"api\""], vec!["job=\"api\""]]);
}
