//! What versions after 3.5 changed, part of an expression by part.

use std::collections::BTreeSet;

use super::{
    super::{compare::difference, peers::When},
    Ask,
    answer::samples,
    info::{same_for_each_series, same_for_each_target, without_modifiers},
    part::Part,
};

/// A change of Prometheus' behaviour.
pub(super) struct Known {
    /// What changed, with the upstream change and the version that has it.
    pub(super) reason: &'static str,
    /// How the part begins that shows it; nothing for operators.
    pub(super) begins: &'static [&'static str],
    /// Whether the two answers to the part differ in this way and no other.
    pub(super) is: fn(part: &Part<'_>, ask: Ask<'_>) -> bool,
}

pub(super) const KNOWN: [Known; 15] = [
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
                && (part.is_same_at_each_step(ask)
                    || same_for_each_target(part.text, part.when, ask)
                    || same_for_each_series(part.text, part.when, ask))
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
        reason: "Prometheus stores the histograms of a chunk in one layout: one without a bucket that others have gets an empty \
                 one, and nothing times infinity is NaN",
        begins: &["("],
        is: |part, ask| part.has_buckets_of_neighbours(ask),
    },
    Known {
        reason: "#15687 (after 3.8): a mean of native histograms is their sum by their number; 3.5 went from mean to mean and \
                 took infinity from infinity",
        begins: &["avg ", "avg_over_time("],
        is: |part, _| part.is_nan_for_infinite(),
    },
    Known {
        reason: "#17159 (3.11): a comparison with bool takes the metric's name away before it includes labels of the other side, \
                 the name perhaps; 3.5 did so last",
        begins: &["("],
        is: |part, _| {
            let includes = part.text.split("group_").skip(1).any(|rest| rest.contains("__name__"));
            part.text.contains(" bool ") && includes && part.is_same_without_names()
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
        reason: "#16879 (3.6): the histograms of a subquery are copied; 3.5 overwrote some while it went over them, and could \
                 fail over that",
        begins: &[
            "rate(",
            "increase(",
            "delta(",
            "irate(",
            "idelta(",
            "sum_over_time(",
            "avg_over_time(",
            "changes(",
            "resets(",
        ],
        is: |part, ask| {
            let crashed = part.fails("unexpected error: runtime error: index out of range") && part.ours.0 == 200;
            let tells_changes = part.text.starts_with("changes(") || part.text.starts_with("resets(");
            part.is_over_subquery()
                && (crashed || part.only_histograms_differ() || tells_changes && part.pairs().is_some())
                && part.is_over_histograms(ask)
                // Where there is one step, there is nothing to go over again; nor where an operator has made copies.
                && (part.is_same_at_each_step(ask) || part.is_same_of_copies(ask))
        },
    },
    Known {
        reason: "a range query of Prometheus evaluates a subquery fixed by `@` for steps after it as well, which brings \
                 nothing but annotations and failures",
        begins: &["predict_linear(", "quantile_over_time(", "double_exponential_smoothing("],
        is: |part, ask| {
            let is_fixed = part.is_over_subquery() && part.text.contains("] @ ");
            let more = part.theirs.0 != 200 || part.values_differ_only(|_, _| false);
            is_fixed && part.ours.0 == 200 && more && part.is_same_at_each_step(ask)
        },
    },
];
