//! A part of an expression with both answers to it, and how these differ.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    super::{
        compare::{close, difference},
        data::{BEGIN, END},
        peers::When,
    },
    Answer, Ask,
    answer::{cells, number, numbers, samples},
};

/// A part of an expression with both answers to it.
pub(super) struct Part<'a> {
    pub(super) text: &'a str,
    pub(super) when: When,
    pub(super) theirs: &'a Answer,
    pub(super) ours: &'a Answer,
}

impl Part<'_> {
    pub(super) fn both_answer(&self) -> bool {
        self.theirs.0 == 200 && self.ours.0 == 200
    }

    pub(super) fn fails(&self, with: &str) -> bool {
        self.theirs.1["error"].as_str().is_some_and(|error| error.contains(with))
    }

    pub(super) fn refused(&self, with: &str) -> bool {
        self.ours.1["error"].as_str().is_some_and(|error| error.contains(with))
    }

    /// Whether the last range is that of a subquery.
    pub(super) fn is_over_subquery(&self) -> bool {
        self.text
            .rsplit_once('[')
            .and_then(|(_, rest)| rest.split_once(']'))
            .is_some_and(|(range, _)| range.contains(':'))
    }

    /// Whether it was asked on a grid, and all the times of it asked by themselves show no difference.
    pub(super) fn is_same_at_each_step(&self, ask: Ask<'_>) -> bool {
        let grid = self.when;
        let mut steps = (0..).map(|i| grid.start + i * grid.step.max(1)).take_while(|t| *t <= grid.end);
        grid.step > 0
            && steps.all(|t| {
                let (theirs, ours) = ask(self.text, When { start: t, end: t, step: 0 });
                difference(&theirs, &ours).is_none()
            })
    }

    /// Samples of the same series and times, theirs and ours.
    pub(super) fn pairs(&self) -> Option<Vec<(Value, Value)>> {
        let (theirs, ours) = (samples(&self.theirs.1), samples(&self.ours.1));
        let same = theirs.len() == ours.len() && theirs.iter().zip(&ours).all(|(a, b)| (&a.0, &a.1) == (&b.0, &b.1));
        same.then(|| theirs.into_iter().zip(ours).map(|(a, b)| (a.2, b.2)).collect())
    }

    /// Whether all is the same but for what is infinite in ours, and in theirs NaN or, being so, not shown.
    pub(super) fn is_nan_for_infinite(&self) -> bool {
        let same = |(theirs, ours): &(Value, Value)| {
            let (theirs, ours) = (cells(theirs), cells(ours));
            let holds = |(key, b): (&String, &f64)| match theirs.get(key) {
                Some(a) => same(*a, *b) || a.is_nan() && b.is_infinite(),
                None => b.is_infinite(),
            };
            theirs.keys().all(|key| ours.contains_key(key)) && ours.iter().all(holds)
        };
        self.both_answer() && self.pairs().is_some_and(|pairs| pairs.iter().all(same))
    }

    /// Whether all is the same but for the names of metrics, which only ours has.
    pub(super) fn is_same_without_names(&self) -> bool {
        let mut ours = self.ours.clone();
        for series in ours.1["data"]["result"].as_array_mut().into_iter().flatten() {
            series["metric"].as_object_mut().and_then(|metric| metric.remove("__name__"));
        }
        self.both_answer() && difference(self.theirs, &ours).is_none()
    }

    /// Whether all is the same but for floats for which this holds.
    pub(super) fn values_differ_only(&self, holds: fn(theirs: f64, ours: f64) -> bool) -> bool {
        self.both_answer()
            && self.pairs().is_some_and(|pairs| {
                pairs.iter().filter(|(a, b)| a != b).all(|(a, b)| match (number(a), number(b)) {
                    (Some(a), Some(b)) => holds(a, b) || close(a, b),
                    _ => false,
                })
            })
    }

    /// Whether all is the same but for histograms.
    pub(super) fn only_histograms_differ(&self) -> bool {
        let is_float = |(a, b): &(Value, Value)| a.is_string() || b.is_string();
        let same = |(a, b): &(Value, Value)| match (number(a), number(b)) {
            (Some(a), Some(b)) => same(a, b),
            _ => false,
        };
        self.both_answer() && self.pairs().is_some_and(|pairs| pairs.iter().filter(|p| is_float(p)).all(same))
    }

    /// The function, the expression and the range of a subquery that is the only argument.
    fn subquery(&self) -> Option<(&str, &str, &str)> {
        let (function, rest) = self.text.split_once('(')?;
        let (inner, range) = rest.rsplit_once('[')?;
        Some((function, inner, range))
    }

    /// Whether the subquery has native histograms anywhere.
    pub(super) fn is_over_histograms(&self, ask: Ask<'_>) -> bool {
        let everywhere = When { start: BEGIN, end: END, step: 15_000 };
        self.subquery().is_some_and(|(_, inner, _)| {
            let (theirs, _) = ask(&format!("count(histogram_count({inner}))"), everywhere);
            !samples(&theirs.1).is_empty()
        })
    }

    /// Whether the answers are the same, and no failures, when the subquery's samples are those that an operator made.
    pub(super) fn is_same_of_copies(&self, ask: Ask<'_>) -> bool {
        self.subquery().is_some_and(|(function, inner, range)| {
            let (theirs, ours) = ask(&format!("{function}(({inner} * 1)[{range}"), self.when);
            theirs.0 == 200 && difference(&theirs, &ours).is_none()
        })
    }

    /// Whether all is the same but for buckets that are NaN in theirs and absent in ours, and whether we have each of them
    /// at another time, in the answer or on one side of the operation.
    pub(super) fn has_buckets_of_neighbours(&self, ask: Ask<'_>) -> bool {
        let text = self.text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or_default();
        let sides = [" * ", " / "].iter().flat_map(|op| text.match_indices(op).map(|(at, _)| text.split_at(at)));
        let sides = sides
            .filter(|(left, _)| is_balanced(left))
            .flat_map(|(left, right)| [left, &right[3..]])
            .chain([self.text]);
        let everywhere = When { start: BEGIN, end: END, step: 15_000 };
        let buckets: BTreeSet<String> = sides
            .flat_map(|side| samples(&ask(side, everywhere).1.1))
            .flat_map(|(.., value)| cells(&value).into_keys())
            .collect();
        self.both_answer()
            && self.pairs().is_some_and(|pairs| {
                pairs.iter().all(|(theirs, ours)| {
                    extra_cells(theirs, ours).is_some_and(|extra| {
                        extra.iter().all(|(bucket, count)| count.is_nan() && buckets.contains(bucket))
                    })
                })
            })
    }

    /// Whether both subtract the same histograms, to the digits that count, and nothing differs by more than their last
    /// digits.
    pub(super) fn is_cancellation(&self, ask: Ask<'_>) -> bool {
        let Some(inner) = self.text.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')) else { return false };
        let grid = self.when;
        let mut largest = 0f64;
        for time in (0..).map(|i| grid.start + i * grid.step.max(1)).take_while(|t| *t <= grid.end) {
            let (theirs, ours) = ask(inner, When { start: time, end: time, step: 0 });
            if theirs.0 != 200 || difference(&theirs, &ours).is_some() {
                return false;
            }
            let all = samples(&theirs.1).into_iter().flat_map(|(.., value)| cells(&value).into_values());
            largest = all.filter(|v| v.is_finite()).fold(largest, |largest, v| largest.max(v.abs()));
        }
        let close = |a: f64, b: f64| a == b || (a - b).abs() <= 1e-13 * largest || (a.is_nan() && b.is_nan());
        self.pairs().is_some_and(|pairs| {
            pairs.iter().all(|(theirs, ours)| {
                let (theirs, ours) = (cells(theirs), cells(ours));
                let of = |cells: &BTreeMap<String, f64>, key: &String| cells.get(key).copied().unwrap_or(0.0);
                theirs.keys().chain(ours.keys()).all(|key| close(of(&theirs, key), of(&ours, key)))
            })
        })
    }

    /// Whether histograms differ by nothing but a factor below 1 for each.
    pub(super) fn is_scaled_down(&self) -> bool {
        let scaled = |(theirs, ours): &(Value, Value)| {
            let (theirs, ours) = (numbers(theirs), numbers(ours));
            let factor = ours[0] / theirs[0];
            let same = |(a, b): (&f64, &f64)| {
                a * factor == *b || (a * factor - b).abs() < 1e-6 * b.abs() || (a.is_nan() && b.is_nan())
            };
            theirs.len() == ours.len() && factor < 1.0 && theirs.iter().zip(&ours).all(same)
        };
        let differing = |(a, b): &&(Value, Value)| {
            let (a, b) = (numbers(a), numbers(b));
            a.len() != b.len() || a.iter().zip(&b).any(|(a, b)| !same(*a, *b))
        };
        self.pairs().is_some_and(|pairs| pairs.iter().filter(differing).all(scaled))
    }
}

/// Equal but for the last digits, or both NaN.
fn same(a: f64, b: f64) -> bool {
    close(a, b) || a.is_nan() && b.is_nan()
}

/// What theirs has in addition, where all of ours is the same there.
fn extra_cells(theirs: &Value, ours: &Value) -> Option<BTreeMap<String, f64>> {
    let (mut theirs, ours) = (cells(theirs), cells(ours));
    ours.iter().all(|(key, b)| theirs.remove(key).is_some_and(|a| same(a, *b))).then_some(theirs)
}

/// Whether every parenthesis is closed.
fn is_balanced(text: &str) -> bool {
    text.matches(['(', '[', '{']).count() == text.matches([')', ']', '}']).count()
}

#[test]
fn cells_that_only_theirs_has_are_found_where_the_others_are_the_same() {
    use serde_json::json;
    let histogram = |buckets: Value| json!({"count": "NaN", "sum": "2", "buckets": buckets});
    let theirs = histogram(json!([[0, "1", "2", "+Inf"], [0, "2", "4", "NaN"]]));
    let extra = extra_cells(&theirs, &histogram(json!([[0, "1", "2", "+Inf"]]))).unwrap();
    assert_eq!(extra.keys().collect::<Vec<_>>(), ["\"2\"..\"4\""]);
    assert!(extra_cells(&theirs, &histogram(json!([[0, "1", "2", "5"]]))).is_none());
    assert!(extra_cells(&histogram(json!([])), &theirs).is_none());
}
