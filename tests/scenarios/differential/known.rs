//! Where we answer otherwise than Prometheus 3.5, on purpose: what versions up to 3.14 changed.
//!
//! A difference is known when it can be blamed on parts of the expression: such a part, asked by itself, shows exactly
//! what the change is about, and with all such parts replaced by something harmless the answers are the same.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::Value;

use super::{
    compare::{Difference, difference},
    data::{BEGIN, END},
    expression::{Kind, Node},
    peers::When,
};

/// HTTP status and body.
pub(crate) type Answer = (u16, Value);

/// Asks both: Prometheus' answer and ours.
pub(crate) type Ask<'a> = &'a mut dyn FnMut(&str, When) -> (Answer, Answer);

/// Parts taken out of an expression before it is given up.
const MOST_PARTS: usize = 12;

/// A change of Prometheus' behaviour.
struct Known {
    /// What changed, with the upstream change and the version that has it.
    reason: &'static str,
    /// How the part begins that shows it; nothing for operators.
    begins: &'static [&'static str],
    /// Whether the two answers to the part differ in this way and no other.
    is: fn(part: &Part<'_>, ask: Ask<'_>) -> bool,
}

/// A part of an expression with both answers to it.
struct Part<'a> {
    text: &'a str,
    when: When,
    theirs: &'a Answer,
    ours: &'a Answer,
}

const KNOWN: [Known; 13] = [
    Known {
        reason: "#17703, #17708 (3.9): series that label_replace, label_join or a sign makes equal are merged where they \
                 take turns; 3.5 refused",
        begins: &["label_replace(", "label_join(", "-("],
        is: |part, ask| {
            let refused = "vector cannot contain metrics with the same labelset";
            part.fails(refused) && part.ours.0 == 200 && part.is_same_at_each_step(ask)
        },
    },
    Known {
        reason: "#17135, #17199 (3.6, 3.8): info() of several series finds the labels of each; slips with indexes lost or \
                 mixed some",
        begins: &["info("],
        is: |part, ask| {
            part.both_answer()
                && (same_for_each_target(part.text, part.when, ask) || same_for_each_series(part.text, part.when, ask))
        },
    },
    Known {
        reason: "#15687 (after 3.8): native histograms are added up with compensation; what is left of nearly equal ones when \
                 they are subtracted shows the last digits",
        begins: &["idelta(", "delta(", "irate(", "rate(", "increase("],
        is: |part, ask| part.is_over_subquery() && part.both_answer() && part.is_cancellation(ask),
    },
    Known {
        reason: "#19266 (3.14): info() reads info series at the time its argument is read at; 3.5 at the time of evaluation",
        begins: &["info("],
        is: |part, ask| {
            let plain = without_modifiers(part.text);
            let (theirs, ours) = ask(&plain, part.when);
            let same = difference(&theirs, &ours).is_none() || same_for_each_target(&plain, part.when, ask);
            part.both_answer() && plain != part.text && same
        },
    },
    Known {
        reason: "#19040 (3.14): mad_over_time of a NaN is NaN; 3.5 took it for the smallest number",
        begins: &["mad_over_time("],
        is: |part, _| part.values_differ_only(|_, ours| ours.is_nan()),
    },
    Known {
        reason: "#16725 (3.6): limit_ratio(NaN, …) fails; 3.5 chose nothing",
        begins: &["limit_ratio "],
        is: |part, _| part.theirs.0 == 200 && part.refused("Ratio value is NaN"),
    },
    Known {
        reason: "#16725 (3.6): topk, bottomk and limitk judge all k before they look for series; 3.5 did so at each step, \
                 and not without series",
        begins: &["topk ", "bottomk ", "limitk "],
        is: |part, _| {
            let of_k = ["Parameter value is NaN", "underflows int64", "overflows int64"];
            let When { start, end, step } = part.when;
            let steps = if step > 0 { (end - start) / step + 1 } else { 1 };
            let times: BTreeSet<_> = samples(&part.theirs.1).into_iter().map(|(_, time, _)| time).collect();
            // At some step nothing was looked for.
            let some_are_empty = (times.len() as i64) < steps;
            of_k.iter().any(|text| part.refused(text)) && (some_are_empty || part.theirs.0 != 200)
        },
    },
    Known {
        reason: "#17668 (3.9): comparisons look for a second match before they compare; 3.5 did after",
        begins: &["("],
        is: |part, ask| {
            // What doesn't filter was as strict in 3.5.
            let ops = [" == ", " != ", " > ", " < ", " >= ", " <= "];
            let unfiltered = ops.iter().flat_map(|op| {
                part.text.match_indices(op).map(move |(at, _)| {
                    let (before, after) = part.text.split_at(at + op.len());
                    format!("{before}bool {after}")
                })
            });
            let many = "multiple matches for labels";
            // Steps later, 3.5 may have met duplicates on the other side.
            (part.theirs.0 == 200 || part.fails("found duplicate series"))
                && part.refused(many)
                && unfiltered
                    .into_iter()
                    .any(|text| ask(&text, part.when).0.1["error"].as_str().is_some_and(|error| error.contains(many)))
        },
    },
    Known {
        reason: "the last digits of powers are other ones in Go, and all that matters for remainders of numbers beyond 2^53",
        begins: &["("],
        is: |part, ask| {
            let text = part.text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or_default();
            let inner = text.match_indices(" % ").find_map(|(at, _)| text.get(..at).filter(|left| is_balanced(left)));
            let Some(inner) = inner.filter(|inner| inner.contains(" ^ ")) else { return false };
            let (theirs, ours) = ask(inner, part.when);
            let huge = |(_, _, value): &(_, _, Value)| number(value).is_some_and(|v| v.abs() > 9_007_199_254_740_992.0);
            part.both_answer()
                && part.pairs().is_some()
                && difference(&theirs, &ours).is_none()
                && samples(&ours.1).iter().any(huge)
        },
    },
    Known {
        reason: "#17424 (3.8): histogram_fraction with a bound in the first bucket answers; 3.5 interpolated to NaN",
        begins: &["histogram_fraction("],
        is: |part, _| part.values_differ_only(|theirs, _| theirs.is_nan()),
    },
    Known {
        reason: "#16828 (3.6): the rate of a native histogram isn't extrapolated beyond where it was empty",
        begins: &["rate(", "increase("],
        is: |part, _| part.both_answer() && part.is_scaled_down(),
    },
    Known {
        reason: "#16879 (3.6): the histograms of a subquery are copied; a range query of 3.5 overwrote some while it went \
                 over them",
        begins: &["rate(", "increase(", "delta(", "irate(", "idelta(", "sum_over_time(", "avg_over_time("],
        is: |part, ask| {
            part.is_over_subquery()
                && part.only_histograms_differ()
                // Where there is one step, there is nothing to go over again.
                && part.is_same_at_each_step(ask)
        },
    },
    Known {
        reason: "a range query of Prometheus evaluates a subquery fixed by `@` for steps after it as well, which brings \
                 nothing but remarks and failures",
        begins: &["predict_linear(", "quantile_over_time(", "double_exponential_smoothing("],
        is: |part, ask| {
            let is_fixed = part.is_over_subquery() && part.text.contains("] @ ");
            let more = part.theirs.0 != 200 || part.values_differ_only(|_, _| false);
            is_fixed && part.ours.0 == 200 && more && part.is_same_at_each_step(ask)
        },
    },
];

/// Positions, which no part shows by itself, are known so.
const POSITIONS: &str = "#16896 (3.7): remarks about what is aggregated point into its parentheses; in 3.5 to them";

/// Likewise of failures.
const OPERATORS: &str = "#16996, #17031 (3.6): what is wrong with an operator is told at the operator; 3.5 took another closing \
                         parenthesis for the end of its left side inside an aggregation, or where `@ end()` stands in it";

/// Likewise where there are more remarks than are shown.
const CROWDED: &str = "after 3.5 a remark says that sort is ineffective over steps; where there are ten already, some aren't \
                       shown then";

/// Likewise of what has no order.
const DUPLICATES: &str = "which two of many duplicate series are named is undecided behind topk, bottomk, limitk and \
                          limit_ratio over steps, where Prometheus keeps them in a hash map; metrics that lose their several \
                          names we go through in another order";

/// Likewise of labels that are absent.
const UNSORTED: &str = "sort_by_label of Prometheus has no order where a label is absent: neither \"\" nor a number comes \
                        before the other";

impl Part<'_> {
    fn both_answer(&self) -> bool {
        self.theirs.0 == 200 && self.ours.0 == 200
    }

    fn fails(&self, with: &str) -> bool {
        self.theirs.1["error"].as_str().is_some_and(|error| error.contains(with))
    }

    fn refused(&self, with: &str) -> bool {
        self.ours.1["error"].as_str().is_some_and(|error| error.contains(with))
    }

    /// Whether the last range is that of a subquery.
    fn is_over_subquery(&self) -> bool {
        self.text
            .rsplit_once('[')
            .and_then(|(_, rest)| rest.split_once(']'))
            .is_some_and(|(range, _)| range.contains(':'))
    }

    /// Whether it was asked on a grid, and all the times of it asked by themselves show no difference.
    fn is_same_at_each_step(&self, ask: Ask<'_>) -> bool {
        let grid = self.when;
        let mut steps = (0..).map(|i| grid.start + i * grid.step.max(1)).take_while(|t| *t <= grid.end);
        grid.step > 0
            && steps.all(|t| {
                let (theirs, ours) = ask(self.text, When { start: t, end: t, step: 0 });
                difference(&theirs, &ours).is_none()
            })
    }

    /// Samples of the same series and times, theirs and ours.
    fn pairs(&self) -> Option<Vec<(Value, Value)>> {
        let (theirs, ours) = (samples(&self.theirs.1), samples(&self.ours.1));
        let same = theirs.len() == ours.len() && theirs.iter().zip(&ours).all(|(a, b)| (&a.0, &a.1) == (&b.0, &b.1));
        same.then(|| theirs.into_iter().zip(ours).map(|(a, b)| (a.2, b.2)).collect())
    }

    /// Whether all is the same but for floats for which this holds.
    fn values_differ_only(&self, holds: fn(theirs: f64, ours: f64) -> bool) -> bool {
        self.both_answer()
            && self.pairs().is_some_and(|pairs| {
                pairs.iter().filter(|(a, b)| a != b).all(|(a, b)| match (number(a), number(b)) {
                    (Some(a), Some(b)) => holds(a, b) || (a - b).abs() <= 1e-9 * a.abs(),
                    _ => false,
                })
            })
    }

    /// Whether all is the same but for histograms.
    fn only_histograms_differ(&self) -> bool {
        let is_float = |(a, b): &(Value, Value)| a.is_string() || b.is_string();
        let same = |(a, b): &(Value, Value)| match (number(a), number(b)) {
            (Some(a), Some(b)) => a == b || (a - b).abs() <= 1e-9 * a.abs() || (a.is_nan() && b.is_nan()),
            _ => false,
        };
        self.both_answer() && self.pairs().is_some_and(|pairs| pairs.iter().filter(|p| is_float(p)).all(same))
    }

    /// Whether both subtract the same histograms, to the digits that count, and nothing differs by more than their last
    /// digits.
    fn is_cancellation(&self, ask: Ask<'_>) -> bool {
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
    fn is_scaled_down(&self) -> bool {
        let scaled = |(theirs, ours): &(Value, Value)| {
            let (theirs, ours) = (numbers(theirs), numbers(ours));
            let factor = ours[0] / theirs[0];
            let same = |(a, b): (&f64, &f64)| (a * factor - b).abs() <= 1e-6 * b.abs() || (a.is_nan() && b.is_nan());
            theirs.len() == ours.len() && factor < 1.0 && theirs.iter().zip(&ours).all(same)
        };
        let differing = |(a, b): &&(Value, Value)| {
            let (a, b) = (numbers(a), numbers(b));
            a.len() != b.len() || a.iter().zip(&b).any(|(a, b)| (a - b).abs() > 1e-9 * a.abs())
        };
        self.pairs().is_some_and(|pairs| pairs.iter().filter(differing).all(scaled))
    }
}

/// Whether the labels that `info(…)` finds are the same when asked for one target at a time.
fn same_for_each_target(text: &str, when: When, ask: Ask<'_>) -> bool {
    let targets = [("api", "0"), ("api", "1"), ("api", "2"), ("db", "0"), ("db", "1")];
    let inner = text.trim_start_matches("info(");
    let inner = inner.strip_suffix(')').unwrap_or(inner);
    targets.iter().all(|(job, instance)| {
        let one = format!("info(({inner}) and on (job, instance) up{{job=\"{job}\",instance=\"{instance}\"}})");
        let (theirs, ours) = ask(&one, when);
        difference(&theirs, &ours).is_none()
    })
}

/// Likewise for one series of a plain selector at a time.
fn same_for_each_series(text: &str, when: When, ask: Ask<'_>) -> bool {
    let inner = text.trim_start_matches("info(").strip_suffix(')').unwrap_or_default().to_owned();
    if !inner.ends_with('}') || inner.contains(['(', '[']) {
        return false;
    }
    let (theirs, ours) = ask(&inner, when);
    let all = series(&ours.1);
    theirs.0 == 200
        && difference(&theirs, &ours).is_none()
        && all.iter().all(|labels| {
            let (theirs, ours) = ask(&format!("info({{{}}})", exact(labels)), when);
            difference(&theirs, &ours).is_none()
        })
}

/// Matchers for exactly these labels, or the labels in words.
fn exact(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(",")
}

/// The label sets of an answer, values as quoted strings.
fn series(body: &Value) -> Vec<BTreeMap<String, String>> {
    let labels = |series: &Value| {
        let pairs = series["metric"].as_object().into_iter().flatten();
        pairs.map(|(name, value)| (name.clone(), value.to_string())).collect()
    };
    body["data"]["result"].as_array().into_iter().flatten().map(labels).collect()
}

/// The expression without `offset` and `@`.
fn without_modifiers(text: &str) -> String {
    let mut out = text.to_owned();
    for word in [" offset ", " @ "] {
        while let Some(at) = out.find(word) {
            let value = &out[at + word.len()..];
            let end = value.find([' ', ',', ']', '[']).unwrap_or(value.len());
            // The parentheses of `start()` belong to it, others don't.
            let end = value.find(')').map_or(end, |close| {
                let own = value[..close].ends_with('(');
                end.min(if own { close + 1 } else { close })
            });
            out.replace_range(at..at + word.len() + end, "");
        }
    }
    out
}

/// `(series, time, value)` of an answer, sorted.
fn samples(body: &Value) -> Vec<(String, String, Value)> {
    let mut out = Vec::new();
    for series in body["data"]["result"].as_array().into_iter().flatten() {
        for (one, many) in [("value", "values"), ("histogram", "histograms")] {
            let samples = series.get(one).into_iter().chain(series[many].as_array().into_iter().flatten());
            out.extend(samples.map(|s| (series["metric"].to_string(), s[0].to_string(), s[1].clone())));
        }
    }
    out.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    out
}

fn number(value: &Value) -> Option<f64> {
    value.as_str()?.parse().ok()
}

/// Count, sum and counts of buckets of a histogram; of a float itself.
fn numbers(value: &Value) -> Vec<f64> {
    let mut out = vec![number(&value["count"]).or(number(value)).unwrap_or(f64::NAN)];
    out.extend(number(&value["sum"]));
    let buckets = value["buckets"].as_array().into_iter().flatten();
    out.extend(buckets.filter_map(|bucket| number(&bucket[3])));
    out
}

/// Whether every parenthesis is closed.
fn is_balanced(text: &str) -> bool {
    text.matches(['(', '[', '{']).count() == text.matches([')', ']', '}']).count()
}

/// The numbers of a histogram by what they are of; a float itself.
fn cells(value: &Value) -> BTreeMap<String, f64> {
    let names = [("", Some(value)), ("count", value.get("count")), ("sum", value.get("sum"))];
    let mut out: BTreeMap<String, f64> =
        names.into_iter().filter_map(|(name, value)| Some((name.to_owned(), number(value?)?))).collect();
    let buckets = value["buckets"].as_array().into_iter().flatten();
    out.extend(buckets.filter_map(|b| Some((format!("{}..{}", b[1], b[2]), number(&b[3])?))));
    out
}

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
        let (theirs, ours) = ask(&rest.to_string(), when);
        found = difference(&theirs, &ours);
    }
    None
}

/// The innermost part that shows a known change, and the expression without it.
fn blamed(node: &Node, when: When, ask: Ask<'_>) -> Option<(&'static str, Node)> {
    // Inside a subquery the part is evaluated at other times.
    let everywhere = When { start: BEGIN, end: END, step: 15_000 };
    let nowhere = When { start: 2 * END, end: 2 * END, step: 0 };
    for (path, part) in node.innermost_first() {
        let text = part.to_string();
        let fitting = || KNOWN.iter().filter(|known| known.begins.iter().any(|b| text.starts_with(b)));
        if part.kind() != Kind::Vector || fitting().next().is_none() {
            continue;
        }
        for when in [when, everywhere, nowhere] {
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

/// Whether the difference is nothing but remarks that point in front of parentheses instead of behind.
fn positions_differ(expr: &str, found: &Difference) -> bool {
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

/// Whether theirs are the ten remarks that are shown, and ours more than that for the one about `sort`.
fn sort_crowds_out(expr: &str, when: When, found: &Difference) -> bool {
    let Difference::Answer(text) = found else { return false };
    let Some((theirs, ours)) = text.split_once("ours: ").filter(|_| text.starts_with("warnings")) else { return false };
    let sorts = ["sort(", "sort_desc(", "sort_by_label(", "sort_by_label_desc("].iter().any(|name| expr.contains(name));
    when.step > 0 && sorts && places(theirs).len() == 10 && ours == "[\"many\"]"
}

/// Whether two failures to parse an aggregation differ in nothing but that theirs points behind an earlier closing
/// parenthesis than the one that ends the left side of the operator.
fn operators_differ(expr: &str, found: &Difference) -> bool {
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
    let grouped = [" by (", " without (", "start()", "end()"].iter().any(|open| expr.contains(open));
    (head, tail) == (our_head, our_tail) && grouped && theirs < ours && behind_closing(theirs) && behind_closing(ours)
}

/// The parts between commas that stand neither in quotes nor in braces.
fn listed(text: &str) -> Vec<String> {
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

/// The labels between braces, in order.
fn labels(text: &str) -> Vec<String> {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default();
    let mut labels = listed(inner);
    labels.sort();
    labels
}

/// The duplicates that a failure names: the labels of their group and of the two series.
fn duplicates(message: &str) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    let message: String = serde_json::from_str(message).ok()?;
    let (_, rest) = message.split_once("found duplicate series for the match group ")?;
    let (group, rest) = rest.split_once(" on the ")?;
    let (_, rest) = rest.split_once("operation: [")?;
    let (pair, _) = rest.split_once("];many")?;
    Some((labels(group), listed(pair).iter().map(|one| labels(one)).collect()))
}

/// Whether two failures name other duplicates, and some part of the expression has all of the series that they name, so
/// that each has a reason to fail. Of one group both may name what they like behind what has no order; of several groups
/// only where we go through them in another order.
fn other_duplicates(node: &Node, when: When, found: &Difference, ask: Ask<'_>) -> bool {
    let Difference::Message(text) = found else { return false };
    let named = text.split_once("\n   ours: ").map(|(theirs, ours)| (duplicates(theirs), duplicates(ours)));
    let Some((Some((their_group, theirs)), Some((our_group, ours)))) = named else { return false };
    let expr = node.to_string();
    let unordered = ["topk", "bottomk", "limitk", "limit_ratio"].iter().any(|name| expr.contains(name));
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

/// Whether series are in another order by a label that some of them lack.
fn lacks_sort_label(expr: &str, found: &Difference) -> bool {
    let Difference::Answer(text) = found else { return false };
    let label = expr.strip_suffix("\")").and_then(|rest| rest.rsplit_once('"'));
    let (Some((_, label)), Some((theirs, _))) = (label, text.split_once("ours: ")) else { return false };
    let with_label = theirs.matches(&format!("\\\"{label}\\\":")).count();
    expr.starts_with("sort_by_label") && theirs.starts_with("order: ") && with_label < theirs.matches('{').count()
}

/// The columns that remarks name.
fn places(remarks: &str) -> Vec<usize> {
    remarks.split(" (1:").skip(1).filter_map(|rest| rest.split(')').next()?.parse().ok()).collect()
}

/// The last column that a remark names.
fn place(remark: &str) -> usize {
    places(remark).last().copied().unwrap_or(0)
}

/// Rewords Prometheus' failures and remarks as 3.14 says them.
pub(crate) fn modernise(answer: &mut Value) {
    if let Some(Value::String(error)) = answer.get_mut("error") {
        *error = reworded_error(error);
    }
    rewrite(answer, "warnings", |text| {
        // Without delayed name removal the name is no longer mentioned.
        match text.split_once(" for metric name ") {
            Some((before, after)) if before.contains("bucket label") => {
                Some(format!("{before}{}", after.rfind(" (").map_or("", |at| &after[at..])))
            }
            _ => Some(text.to_owned()),
        }
    });
    rewrite(answer, "infos", without_details);
}

/// The remark about buckets that aren't monotonic, up to what #15578 (3.10) put in place of the metric's name.
fn without_details(text: &str) -> Option<String> {
    let known = "needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/\
                 #histogram_quantile)";
    let Some((before, after)) = text.split_once(known) else { return Some(text.to_owned()) };
    Some(format!("{before}{known}{}", after.rfind(" (").map_or("", |at| &after[at..])))
}

/// Takes from our answer what Prometheus 3.5 didn't say yet.
pub(crate) fn age(answer: &mut Value) {
    rewrite(answer, "warnings", |text| {
        let is_new = ["is ineffective for range queries", "conflicting counter resets during histogram"];
        (!is_new.iter().any(|words| text.contains(words))).then(|| text.to_owned())
    });
    rewrite(answer, "infos", without_details);
}

fn reworded_error(error: &str) -> String {
    let nan = ["Scalar value NaN overflows int64", "Scalar value NaN underflows int64"];
    if nan.contains(&error) {
        return "Parameter value is NaN".to_owned();
    }
    if error == "Ratio value NaN is NaN" {
        return "Ratio value is NaN".to_owned();
    }
    // The sign had no name yet.
    if let Some((before, (_, after))) =
        error.split_once("unexpected \"<Item ").and_then(|(before, rest)| Some((before, rest.split_once("\" <op:@>")?)))
    {
        return format!("{before}unexpected <op:@>{after}");
    }
    // The two series are told in order.
    let Some((head, (list, tail))) = error
        .split_once("operation: [")
        .filter(|_| error.starts_with("found duplicate series"))
        .and_then(|(head, rest)| Some((head, rest.split_once("];many")?)))
    else {
        return error.to_owned();
    };
    let mut pair = listed(list);
    pair.sort_unstable();
    format!("{head}operation: [{}];many{tail}", pair.join(", "))
}

fn rewrite(answer: &mut Value, kind: &str, change: impl Fn(&str) -> Option<String>) {
    let Some(Value::Array(list)) = answer.get_mut(kind) else { return };
    let mut changed: Vec<String> = list.iter().filter_map(|text| change(text.as_str()?)).collect();
    // Of equal words the last place counts.
    let words = |text: &str| text.rsplit_once(" (").map_or(text, |(words, _)| words).to_owned();
    changed.sort_by_cached_key(|text| (words(text), Reverse(place(text))));
    changed.dedup_by_key(|text| words(text));
    *list = changed.into_iter().map(Value::from).collect();
    if list.is_empty()
        && let Some(object) = answer.as_object_mut()
    {
        object.remove(kind);
    }
}

#[test]
fn modifiers_are_cut_out_whole() {
    let text = "a(x{y=\"z\"} offset -5m @ start(), (rate(b[5m] @ 1.5))[1m:1s] offset 1m)";
    assert_eq!(without_modifiers(text), "a(x{y=\"z\"}, (rate(b[5m]))[1m:1s])");
}

#[test]
fn old_words_are_told_as_new_ones() {
    let error = "found duplicate series for the match group {} on the right hand-side of the operation: \
                 [{b=\"1\"}, {a=\"1\"}];many-to-many matching not allowed";
    assert!(reworded_error(error).contains("[{a=\"1\"}, {b=\"1\"}];many"));
    assert_eq!(reworded_error("1:2: unexpected \"<Item 57400>\" <op:@> in x"), "1:2: unexpected <op:@> in x");
    let mut answer = serde_json::json!({"warnings": ["bucket label \"le\" of \"\" for metric name \"x\" (1:2)"]});
    modernise(&mut answer);
    assert_eq!(answer["warnings"][0], "bucket label \"le\" of \"\" (1:2)");
    let mut answer = serde_json::json!({"warnings": ["x (1:26)", "x (1:100)"]});
    modernise(&mut answer);
    assert_eq!(answer["warnings"], serde_json::json!(["x (1:100)"]));
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

#[test]
fn the_series_that_a_failure_names_are_told_apart() {
    let error = "found duplicate series for the match group {job=\"api\"} on the right hand-side of the operation: \
                 [{a=\"{x, \\\"y}, {z\", job=\"api\"}, {job=\"api\"}];many-to-many matching not allowed";
    let (group, series) = duplicates(&Value::from(error).to_string()).unwrap();
    assert_eq!(group, ["job=\"api\""]);
    assert_eq!(series, [vec!["a=\"{x, \\\"y}, {z\"", "job=\"api\""], vec!["job=\"api\""]]);
}
