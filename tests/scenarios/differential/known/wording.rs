//! What both say, brought to the same words.

use std::cmp::Reverse;

use serde_json::Value;

use super::{annotations::places, duplicates::listed};

/// Rewords Prometheus' failures and annotations as 3.14 says them.
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

/// Takes from our answer what Prometheus 3.5 didn't say yet.
pub(crate) fn age(answer: &mut Value) {
    rewrite(answer, "warnings", |text| {
        let is_new = ["is ineffective for range queries", "conflicting counter resets during histogram"];
        (!is_new.iter().any(|words| text.contains(words))).then(|| text.to_owned())
    });
    rewrite(answer, "infos", without_details);
}

/// The annotation about buckets that aren't monotonic, up to what #15578 (3.10) put in place of the metric's name.
pub(super) fn without_details(text: &str) -> Option<String> {
    let known = "needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/\
                 #histogram_quantile)";
    let Some((before, after)) = text.split_once(known) else { return Some(text.to_owned()) };
    Some(format!("{before}{known}{}", after.rfind(" (").map_or("", |at| &after[at..])))
}

pub(super) fn reworded_error(error: &str) -> String {
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

pub(super) fn rewrite(answer: &mut Value, kind: &str, change: impl Fn(&str) -> Option<String>) {
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

/// The last column that an annotation names.
pub(super) fn place(annotation: &str) -> usize {
    places(annotation).last().copied().unwrap_or(0)
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
