//! Where we answer otherwise than Prometheus 3.5, on purpose: what versions up to 3.14 changed.

use serde_json::Value;

use super::compare::Difference;

/// A difference that is meant to be there.
struct Known {
    reason: &'static str,
    is: fn(expr: &str, difference: &str) -> bool,
}

const KNOWN: [Known; 10] = [
    Known {
        reason: "series that a sign, label_replace or label_join makes equal are merged where they take turns; 3.5 refused",
        is: |expr, difference| {
            let relabelled = names(&["label_replace(", "label_join(", "-("], expr);
            relabelled && difference.starts_with("status: 422") && ours(difference).starts_with("200")
        },
    },
    Known {
        reason: "info() of several series finds the labels of each; a slip with indexes in 3.5 lost or mixed some",
        is: |expr, difference| expr.contains("info(") && !difference.starts_with("status"),
    },
    Known {
        reason: "`@` in the parameter of an aggregation is a fixed time; Prometheus moves it along with the steps",
        is: |expr, difference| {
            names(&["topk", "bottomk", "limitk", "quantile", "limit_ratio"], expr)
                && expr.contains("(scalar(")
                && !difference.starts_with("type")
                && expr.contains(" @ ")
        },
    },
    Known {
        reason: "remarks about what is aggregated point into its parentheses; in 3.5 to them",
        is: |expr, difference| {
            let (theirs, ours) =
                (places(difference.split("ours: ").next().unwrap_or_default()), places(ours(difference)));
            let opens = |(a, b): (&usize, &usize)| expr.get(a - 1..b - 1).is_some_and(|t| t.chars().all(|c| c == '('));
            theirs.len() == ours.len() && theirs != ours && theirs.iter().zip(&ours).all(opens)
        },
    },
    Known {
        reason: "mad_over_time of a NaN is NaN; 3.5 dropped it silently",
        is: |expr, difference| {
            expr.contains("mad_over_time") && expr.contains("strange") && !difference.starts_with("status")
        },
    },
    Known {
        reason: "limit_ratio(NaN, …) fails now; 3.5 chose nothing",
        is: |expr, difference| expr.contains("limit_ratio") && difference.contains("Ratio value is NaN"),
    },
    Known {
        reason: "topk, bottomk and limitk judge k before they look for series; 3.5 did so for each series",
        is: |expr, difference| {
            let of_k = ["Parameter value is NaN", "underflows int64", "overflows int64"];
            names(&["topk", "bottomk", "limitk"], expr)
                && difference.starts_with("status: 200")
                && names(&of_k, ours(difference))
        },
    },
    Known {
        reason: "comparisons look for a second match before they compare; 3.5 did after",
        is: |_, difference| {
            difference.starts_with("status: 200") && ours(difference).contains("multiple matches for labels")
        },
    },
    Known {
        reason: "histogram_fraction with a bound in the +Inf bucket answers; 3.5 interpolated to NaN",
        is: |expr, difference| {
            // What is calculated with it differs as well.
            let to_nan = difference.contains("\"NaN\"]") || expr.contains("req_bucket");
            expr.contains("histogram_fraction") && difference.starts_with("value") && to_nan
        },
    },
    Known {
        reason: "the rate of a native histogram isn't extrapolated beyond where it was empty; in 3.5 it was",
        is: |expr, difference| {
            let [theirs, ours] = [difference, ours(difference)].map(count);
            names(&["rate(", "increase("], expr) && difference.starts_with("value") && ours < theirs
        },
    },
];

/// The observations of the first histogram that is shown.
fn count(text: &str) -> Option<f64> {
    text.split_once("\"count\":\"")?.1.split('"').next()?.parse().ok()
}

/// The columns that remarks name.
fn places(remarks: &str) -> Vec<usize> {
    remarks.split(" (1:").skip(1).filter_map(|rest| rest.split(')').next()?.parse().ok()).collect()
}

fn ours(difference: &str) -> &str {
    difference.split_once("ours: ").map_or("", |(_, ours)| ours)
}

fn names(any: &[&str], text: &str) -> bool {
    any.iter().any(|name| text.contains(name))
}

/// Why this difference is expected, if it is.
pub(crate) fn reason(expr: &str, difference: &Difference) -> Option<&'static str> {
    let Difference::Answer(text) = difference else { return None };
    KNOWN.iter().find(|known| (known.is)(expr, text)).map(|known| known.reason)
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
}

/// Takes from our answer what Prometheus 3.5 didn't say yet.
pub(crate) fn age(answer: &mut Value) {
    rewrite(answer, "warnings", |text| (!text.contains("is ineffective for range queries")).then(|| text.to_owned()));
}

fn reworded_error(error: &str) -> String {
    let nan = ["Scalar value NaN overflows int64", "Scalar value NaN underflows int64"];
    if nan.contains(&error) {
        return "Parameter value is NaN".to_owned();
    }
    if error == "Ratio value NaN is NaN" {
        return "Ratio value is NaN".to_owned();
    }
    // The two series are told in order.
    let Some((head, (list, tail))) = error
        .split_once("operation: [")
        .filter(|_| error.starts_with("found duplicate series"))
        .and_then(|(head, rest)| Some((head, rest.split_once("];many")?)))
    else {
        return error.to_owned();
    };
    let mut pair: Vec<&str> = list.split("}, ").map(|s| s.trim_end_matches('}')).collect();
    pair.sort_unstable();
    format!("{head}operation: [{}}}];many{tail}", pair.join("}, "))
}

fn rewrite(answer: &mut Value, kind: &str, change: impl Fn(&str) -> Option<String>) {
    let Some(Value::Array(list)) = answer.get_mut(kind) else { return };
    let mut changed: Vec<String> = list.iter().filter_map(|text| change(text.as_str()?)).collect();
    // Of equal words the last place counts.
    let words = |text: &str| text.rsplit_once(" (").map_or(text, |(words, _)| words).to_owned();
    changed.sort();
    changed.reverse();
    changed.dedup_by_key(|text| words(text));
    *list = changed.into_iter().map(Value::from).collect();
    if list.is_empty()
        && let Some(object) = answer.as_object_mut()
    {
        object.remove(kind);
    }
}

#[test]
fn old_words_are_told_as_new_ones() {
    let error = "found duplicate series for the match group {} on the right hand-side of the operation: \
                 [{b=\"1\"}, {a=\"1\"}];many-to-many matching not allowed";
    assert!(reworded_error(error).contains("[{a=\"1\"}, {b=\"1\"}];many"));
    let mut answer = serde_json::json!({"warnings": ["bucket label \"le\" of \"\" for metric name \"x\" (1:2)"]});
    modernise(&mut answer);
    assert_eq!(answer["warnings"][0], "bucket label \"le\" of \"\" (1:2)");
}
