//! Answers taken apart.

use std::collections::BTreeMap;

use serde_json::Value;

/// `(series, time, value)` of an answer, sorted.
pub(super) fn samples(body: &Value) -> Vec<(String, String, Value)> {
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

pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_str()?.parse().ok()
}

/// Count, sum and counts of buckets of a histogram; of a float itself.
pub(super) fn numbers(value: &Value) -> Vec<f64> {
    let mut out = vec![number(&value["count"]).or(number(value)).unwrap_or(f64::NAN)];
    out.extend(number(&value["sum"]));
    let buckets = value["buckets"].as_array().into_iter().flatten();
    out.extend(buckets.filter_map(|bucket| number(&bucket[3])));
    out
}

/// The numbers of a histogram by what they are of; a float itself.
pub(super) fn cells(value: &Value) -> BTreeMap<String, f64> {
    let names = [("", Some(value)), ("count", value.get("count")), ("sum", value.get("sum"))];
    let mut out: BTreeMap<String, f64> =
        names.into_iter().filter_map(|(name, value)| Some((name.to_owned(), number(value?)?))).collect();
    let buckets = value["buckets"].as_array().into_iter().flatten();
    out.extend(buckets.filter_map(|b| Some((format!("{}..{}", b[1], b[2]), number(&b[3])?))));
    out
}

/// The label sets of an answer, values as quoted strings.
pub(super) fn series(body: &Value) -> Vec<BTreeMap<String, String>> {
    let labels = |series: &Value| {
        let pairs = series["metric"].as_object().into_iter().flatten();
        pairs.map(|(name, value)| (name.clone(), value.to_string())).collect()
    };
    body["data"]["result"].as_array().into_iter().flatten().map(labels).collect()
}

/// Matchers for exactly these labels, or the labels in words.
pub(super) fn exact(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(",")
}
