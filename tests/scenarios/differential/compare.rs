//! What makes two answers different.

use serde_json::Value;

/// Relative distance of two floats that count as equal: sums over groups are added in another order.
const RELATIVE: f64 = 1e-9;
/// Absolute distance of such floats, for differences of nearly equal numbers.
const ABSOLUTE: f64 = 1e-12;

/// How an answer differs from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Difference {
    /// A difference that counts.
    Answer(String),
    /// The same failure in other words.
    Message(String),
}

/// Compares the answers `(HTTP status, body)`.
pub(crate) fn difference(theirs: &(u16, Value), ours: &(u16, Value)) -> Option<Difference> {
    let ((status, a), (our_status, b)) = (theirs, ours);
    let differ = |what: &str, a: String, b: String| Some(Difference::Answer(format!("{what}: {a}\n   ours: {b}")));
    if status != our_status {
        return differ("status", format!("{status} {}", brief(a)), format!("{our_status} {}", brief(b)));
    }
    if a["errorType"] != b["errorType"] {
        return differ("error type", brief(a), brief(b));
    }
    if a["error"] != b["error"] {
        return Some(Difference::Message(format!("{}\n   ours: {}", a["error"], b["error"])));
    }
    let (data, our_data) = (&a["data"], &b["data"]);
    if data["resultType"] != our_data["resultType"] {
        return differ("type", data["resultType"].to_string(), our_data["resultType"].to_string());
    }
    let (rows, our_rows) = (by_labels(data), by_labels(our_data));
    for (i, (label, row)) in rows.iter().enumerate() {
        let Some((our_label, our_row)) = our_rows.get(i) else {
            return differ("missing", label.clone(), String::new());
        };
        if !close_text(label, our_label) {
            return differ("labels", label.clone(), our_label.clone());
        }
        if let Some((a, b)) = first_difference(row, our_row) {
            return differ("value", format!("{label} {a}"), b);
        }
    }
    if let Some((label, _)) = our_rows.get(rows.len()) {
        return differ("too much", String::new(), label.clone());
    }
    for kind in ["warnings", "infos"] {
        let (a, b) = (annotations(&a[kind]), annotations(&b[kind]));
        if a.len() != b.len() || !a.iter().zip(&b).all(|(a, b)| close_text(a, b)) {
            return differ(kind, format!("{a:?}"), format!("{b:?}"));
        }
    }
    None
}

/// The values of the series, in the order of the answer.
pub(crate) fn values_in_order(answer: &Value) -> Vec<String> {
    let list = answer["data"]["result"].as_array();
    list.into_iter().flatten().map(|s| s["value"][1].to_string()).collect()
}

/// The labels of the series, in the order of the answer.
pub(crate) fn labels_in_order(answer: &Value) -> Vec<String> {
    let list = answer["data"]["result"].as_array();
    list.into_iter().flatten().map(|s| s["metric"].to_string()).collect()
}

fn brief(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}

/// Annotations in no order. Of more than ten Prometheus shows any ten.
fn annotations(list: &Value) -> Vec<String> {
    let mut all: Vec<String> = list.as_array().into_iter().flatten().map(ToString::to_string).collect();
    all.sort();
    let many = all.iter().any(|text| text.contains("annotations omitted"));
    if many { vec!["many".to_owned()] } else { all }
}

/// Series by their labels.
fn by_labels(data: &Value) -> Vec<(String, Value)> {
    if !matches!(data["resultType"].as_str(), Some("vector" | "matrix")) {
        return vec![(String::new(), data["result"].clone())];
    }
    let series = |s: &Value| {
        let mut pairs: Vec<String> =
            s["metric"].as_object().into_iter().flatten().map(|(k, v)| format!("{k}={v}")).collect();
        pairs.sort();
        (pairs.join(","), s.clone())
    };
    let mut all: Vec<_> = data["result"].as_array().into_iter().flatten().map(series).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn first_difference(a: &Value, b: &Value) -> Option<(String, String)> {
    let differ = || Some((brief(a), brief(b)));
    match (a, b) {
        (Value::Array(x), Value::Array(y)) => {
            if let Some(inner) = x.iter().zip(y).find_map(|(x, y)| first_difference(x, y)) {
                // A sample is shown with its time.
                return if x.len() == 2 && x[0].is_number() { differ() } else { Some(inner) };
            }
            if x.len() == y.len() {
                return None;
            }
            let longer = x.get(y.len()).or(y.get(x.len())).map(brief).unwrap_or_default();
            Some((format!("{} items", x.len()), format!("{} items, next {longer}", y.len())))
        }
        (Value::Object(x), Value::Object(y)) => {
            if x.len() != y.len() {
                return differ();
            }
            // Labels were compared before.
            let values = x.iter().filter(|(k, _)| *k != "metric");
            values.map(|(k, v)| (v, y.get(k))).find_map(|(v, w)| w.map_or_else(differ, |w| first_difference(v, w)))
        }
        (Value::String(x), Value::String(y)) if x != y => match (x.parse::<f64>(), y.parse::<f64>()) {
            (Ok(x), Ok(y)) if close(x, y) => None,
            _ => differ(),
        },
        _ if a == b => None,
        _ => differ(),
    }
}

/// Equal labels, but for the last digits of numbers: `count_values` makes labels of values.
fn close_text(a: &str, b: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).map(str::to_owned).collect()
    };
    let (a, b) = (words(a), words(b));
    let same = |(a, b): (&String, &String)| {
        a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if close(a, b))
    };
    a.len() == b.len() && a.iter().zip(&b).all(same)
}

/// Equal but for the last digits. Nothing is close to infinity.
pub(crate) fn close(a: f64, b: f64) -> bool {
    let distance = (a - b).abs();
    a == b || distance.is_finite() && distance <= (RELATIVE * a.abs().max(b.abs())).max(ABSOLUTE)
}

#[test]
fn every_part_of_an_answer_counts() {
    use serde_json::json;
    let vector = |metric: Value, value: &str| json!([{"metric": metric, "value": [1, value]}]);
    let answer =
        |result: Value| (200, json!({"data": {"resultType": "vector", "result": result}, "infos": ["a", "b"]}));
    let theirs = answer(vector(json!({"a": "b"}), "1"));
    let same = answer(vector(json!({"a": "b"}), "1.0000000000001"));
    assert_eq!(difference(&theirs, &same), None);
    let mut other_infos = theirs.clone();
    other_infos.1["infos"] = json!(["a"]);
    let mut other_type = theirs.clone();
    other_type.1["data"]["resultType"] = json!("matrix");
    let failed = |status, kind, text| (status, json!({"errorType": kind, "error": text}));
    for ours in [
        answer(vector(json!({"a": "c"}), "1")),
        answer(vector(json!({"a": "b"}), "1.0001")),
        answer(vector(json!({"a": "b"}), "NaN")),
        answer(vector(json!({"a": "b"}), "+Inf")),
        answer(json!([])),
        other_infos,
        other_type,
        failed(400, "bad_data", "x"),
    ] {
        assert!(matches!(difference(&theirs, &ours), Some(Difference::Answer(_))), "{ours:?}");
        assert!(matches!(difference(&ours, &theirs), Some(Difference::Answer(_))), "{ours:?}");
    }
    let bad = failed(422, "execution", "x");
    assert!(matches!(difference(&bad, &failed(422, "execution", "y")), Some(Difference::Message(_))));
    assert!(matches!(difference(&bad, &failed(422, "timeout", "x")), Some(Difference::Answer(_))));
    assert_eq!(difference(&bad, &bad), None);
}
