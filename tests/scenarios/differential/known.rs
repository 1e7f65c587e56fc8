//! Where we answer otherwise than Prometheus 3.5, on purpose: what versions up to 3.14 changed.
//!
//! A difference is known when it can be blamed on parts of the expression: such a part, asked by itself, shows exactly
//! what the change is about, and with all such parts replaced by something harmless the answers are the same.
//!
//! - [`rules`]: the changes, and how a [`part`] of an expression shows them,
//! - [`info`]: what `info` needs to be asked for that,
//! - [`annotations`], [`duplicates`]: what no part shows by itself,
//! - [`wording`]: words that changed,
//! - [`answer`]: answers taken apart.

mod annotations;
mod answer;
mod duplicates;
mod info;
mod part;
mod rules;
mod wording;

use std::collections::BTreeSet;

use serde_json::Value;
pub(crate) use wording::{age, modernise};

use super::{
    ASK_AGAIN,
    compare::{Difference, difference},
    data::{BEGIN, END},
    expression::{Kind, Node},
    peers::When,
};
use annotations::{
    CROWDED, OPERATORS, POSITIONS, UNSORTED, lacks_sort_label, operators_differ, positions_differ, sort_crowds_out,
};
use duplicates::{DUPLICATES, other_duplicates};
use part::Part;
use rules::KNOWN;

/// HTTP status and body.
pub(crate) type Answer = (u16, Value);

/// Asks both: Prometheus' answer and ours.
pub(crate) type Ask<'a> = &'a mut dyn FnMut(&str, When) -> (Answer, Answer);

/// How long before the data a subquery may look.
const HOUR: i64 = 3_600_000;

/// Parts taken out of an expression before it is given up.
const MOST_PARTS: usize = 12;

/// Why this difference is expected, if it is.
pub(crate) fn reason(node: &Node, when: When, found: &Difference, ask: Ask<'_>) -> Option<&'static str> {
    let mut rest = node.clone();
    let mut first = None;
    let mut found = Some(found.clone());
    for _ in 0..MOST_PARTS {
        let Some(difference_left) = &found else { return first };
        let text = rest.to_string();
        if positions_differ(&text, difference_left) {
            return first.or(Some(POSITIONS));
        }
        if sort_crowds_out(&text, when, difference_left) {
            return first.or(Some(CROWDED));
        }
        if operators_differ(&text, difference_left) {
            return first.or(Some(OPERATORS));
        }
        if other_duplicates(&rest, when, difference_left, ask) {
            return first.or(Some(DUPLICATES));
        }
        if lacks_sort_label(&text, difference_left) {
            return first.or(Some(UNSORTED));
        }
        let (reason, without) = blamed(&rest, when, ask)?;
        first = first.or(Some(reason));
        rest = without;
        // Prometheus may be undecided about what is left.
        let rest = rest.to_string();
        found = (0..ASK_AGAIN)
            .map(|_| ask(&rest, when))
            .map(|(theirs, ours)| difference(&theirs, &ours))
            .reduce(|found, again| found.and(again))
            .flatten();
    }
    None
}

/// The innermost part that shows a known change, and the expression without it.
fn blamed(node: &Node, when: When, ask: Ask<'_>) -> Option<(&'static str, Node)> {
    // Inside a subquery the part is evaluated at other times.
    let everywhere = When { start: BEGIN, end: END, step: 15_000 };
    let nowhere = When { start: 2 * END, end: 2 * END, step: 0 };
    // One by one, as on a grid a failure at one of them is all that is seen.
    let grids = subquery_steps(&node.to_string()).into_iter().flat_map(|step| {
        let times = ((BEGIN - HOUR).div_euclid(step)..=END.div_euclid(step)).map(move |n| n * step);
        times.map(|time| When { start: time, end: time, step: 0 })
    });
    let whens: Vec<When> = [when, everywhere, nowhere].into_iter().chain(grids).collect();
    for (path, part) in node.innermost_first() {
        let text = pinned(&part.to_string(), when);
        let fitting = || KNOWN.iter().filter(|known| known.begins.iter().any(|b| text.starts_with(b)));
        if part.kind() != Kind::Vector || fitting().next().is_none() {
            continue;
        }
        for &when in &whens {
            let (theirs, ours) = ask(&text, when);
            if difference(&theirs, &ours).is_none() {
                continue;
            }
            let part = Part { text: &text, when, theirs: &theirs, ours: &ours };
            if let Some(known) = fitting().find(|known| (known.is)(&part, ask)) {
                return Some((known.reason, node.replaced(&path, Node::leaf(Kind::Vector, "small"))));
            }
        }
    }
    None
}

/// The expression with the times that `start()` and `end()` are in a query of its own.
fn pinned(text: &str, when: When) -> String {
    let seconds = |ms: i64| (ms as f64 / 1000.0).to_string();
    text.replace("@ start()", &format!("@ {}", seconds(when.start)))
        .replace("@ end()", &format!("@ {}", seconds(when.end)))
}

/// The steps in ms of the subqueries in an expression, each once; a minute where none is named.
fn subquery_steps(text: &str) -> BTreeSet<i64> {
    let steps = text.split('[').filter_map(|rest| rest.split_once(']')?.0.split_once(':'));
    let ms = |step: &str| match step.trim_end_matches(['s', 'm']).parse::<i64>() {
        Ok(minutes) if step.ends_with('m') => minutes * 60_000,
        Ok(seconds) => seconds * 1_000,
        Err(_) => 60_000,
    };
    steps.map(|(_, step)| ms(step)).collect()
}

#[test]
fn the_steps_of_subqueries_are_found() {
    let found = subquery_steps("a((b[5m])[61s:47s] + c((d)[1h:]) + e((f)[7m:2m] offset 5m))");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [47_000, 60_000, 120_000]);
}
