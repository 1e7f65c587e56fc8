//! Differences that no part of an expression shows by itself: places of annotations and failures, and what has no order.

use super::super::{compare::Difference, peers::When};

/// Positions, which no part shows by itself, are known so.
pub(super) const POSITIONS: &str =
    "#16896 (3.7): annotations about what is aggregated point into its parentheses; in 3.5 to them";

/// Likewise of failures.
pub(super) const OPERATORS: &str = "#16996, #17031 (3.6): what is wrong with an operator is told at the operator; 3.5 took another closing \
                         parenthesis for the end of its left side inside an aggregation or behind labels to match by, or where `@ end()` stands in it";

/// Likewise where there are more annotations than are shown.
pub(super) const CROWDED: &str = "after 3.5 an annotation says that sort is ineffective over steps; where there are ten already, some aren't \
                       shown then";

/// Likewise of labels that are absent.
pub(super) const UNSORTED: &str = "sort_by_label of Prometheus has no order where a label is absent: neither \"\" nor a number comes \
                        before the other";

/// Whether the difference is nothing but annotations that point in front of parentheses instead of behind.
pub(super) fn positions_differ(expr: &str, found: &Difference) -> bool {
    let Difference::Answer(text) = found else { return false };
    let Some((theirs, ours)) =
        text.split_once("ours: ").filter(|_| text.starts_with("warnings") || text.starts_with("infos"))
    else {
        return false;
    };
    let (theirs, ours) = (places(theirs), places(ours));
    let opens = |(a, b): (&usize, &usize)| expr.get(a - 1..b - 1).is_some_and(|t| t.chars().all(|c| c == '('));
    theirs.len() == ours.len() && theirs != ours && theirs.iter().zip(&ours).all(opens)
}

/// Whether theirs are the ten annotations that are shown, and ours more than that for the one about `sort`.
pub(super) fn sort_crowds_out(expr: &str, when: When, found: &Difference) -> bool {
    let Difference::Answer(text) = found else { return false };
    let Some((theirs, ours)) = text.split_once("ours: ").filter(|_| text.starts_with("warnings")) else { return false };
    let sorts = ["sort(", "sort_desc(", "sort_by_label(", "sort_by_label_desc("].iter().any(|name| expr.contains(name));
    when.step > 0 && sorts && places(theirs).len() == 10 && ours == "[\"many\"]"
}

/// Whether two failures to parse an aggregation differ in nothing but that theirs points behind an earlier closing
/// parenthesis than the one that ends the left side of the operator.
pub(super) fn operators_differ(expr: &str, found: &Difference) -> bool {
    let Difference::Message(text) = found else { return false };
    let Some((theirs, ours)) = text.split_once("\n   ours: ") else { return false };
    let apart = |text: &str| {
        let (before, rest) = text.split_once("\\\": 1:")?;
        let (column, after) = rest.split_once(": parse error: ")?;
        Some((before.to_owned(), column.parse::<usize>().ok()?, after.to_owned()))
    };
    let (Some((head, theirs, tail)), Some((our_head, ours, our_tail))) = (apart(theirs), apart(ours)) else {
        return false;
    };
    let behind_closing = |column: usize| expr.get(..column - 1).is_some_and(|text| text.trim_end().ends_with(')'));
    let grouped =
        [" by (", " without (", " on (", " ignoring (", "start()", "end()"].iter().any(|open| expr.contains(open));
    (head, tail) == (our_head, our_tail) && grouped && theirs < ours && behind_closing(theirs) && behind_closing(ours)
}

/// Whether series are in another order by a label that some of them lack.
pub(super) fn lacks_sort_label(expr: &str, found: &Difference) -> bool {
    let Difference::Answer(text) = found else { return false };
    let label = expr.strip_suffix("\")").and_then(|rest| rest.rsplit_once('"'));
    let (Some((_, label)), Some((theirs, _))) = (label, text.split_once("ours: ")) else { return false };
    let with_label = theirs.matches(&format!("\\\"{label}\\\":")).count();
    expr.starts_with("sort_by_label") && theirs.starts_with("order: ") && with_label < theirs.matches('{').count()
}

/// The columns that annotations name.
pub(super) fn places(annotations: &str) -> Vec<usize> {
    annotations.split(" (1:").skip(1).filter_map(|rest| rest.split(')').next()?.parse().ok()).collect()
}

#[test]
fn a_failure_at_another_closing_parenthesis_is_known_and_one_elsewhere_is_not() {
    let expr = "sum by (a) (rate(x[5m]) and bool y)";
    let message = |column: usize| format!("\"invalid parameter \\\"query\\\": 1:{column}: parse error: bool\"");
    let differs = |theirs, ours| {
        operators_differ(expr, &Difference::Message(format!("{}\n   ours: {}", message(theirs), message(ours))))
    };
    assert!(differs(12, 25));
    assert!(!differs(25, 12) && !differs(14, 25) && !differs(12, 27));
}
