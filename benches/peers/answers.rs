//! Whether two answers to one question are the same.

use serde_json::Value;

use crate::Fallible;

/// An answer in a form that can be compared: series by their labels, each with times and values.
pub(crate) type Answer = Vec<(String, Vec<(f64, f64)>)>;

/// The same answer with times from `zero` (s) on: each server is asked of data as old, and so of other times.
pub(crate) fn since(zero: f64, answer: Answer) -> Answer {
    let shifted = |points: Vec<(f64, f64)>| points.into_iter().map(|(time, value)| (time - zero, value)).collect();
    answer.into_iter().map(|(series, points)| (series, shifted(points))).collect()
}

/// Reads an answer's JSON.
pub(crate) fn read(body: &[u8]) -> Fallible<Answer> {
    let value: Value = serde_json::from_slice(body)?;
    let data = &value["data"];
    let mut answer: Answer = match (data["result"].as_array(), data.as_array()) {
        (Some(result), _) if data["resultType"] == "scalar" => {
            vec![(String::new(), vec![point(&Value::Array(result.clone()))])]
        }
        (Some(result), _) => result.iter().map(|s| (text(&s["metric"]), points(s))).collect(),
        (None, Some(list)) => list.iter().map(|item| (text(item), Vec::new())).collect(),
        (None, None) => return Err(format!("no result in {value}").into()),
    };
    answer.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(answer)
}

fn points(series: &Value) -> Vec<(f64, f64)> {
    match series["values"].as_array() {
        Some(values) => values.iter().map(point).collect(),
        None => vec![point(&series["value"])],
    }
}

fn point(pair: &Value) -> (f64, f64) {
    let value = pair[1].as_str().and_then(|s| s.parse().ok()).unwrap_or(f64::NAN);
    (pair[0].as_f64().unwrap_or(f64::NAN), value)
}

fn text(item: &Value) -> String {
    match item {
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.iter().map(|(k, v)| format!("{k}={v}")).collect();
            pairs.sort();
            pairs.join(",")
        }
        other => other.to_string(),
    }
}

/// How two answers differ, if they do: other series, other times, or values more than 1e-9 of their size apart.
pub(crate) fn difference(a: &Answer, b: &Answer) -> Option<String> {
    if a.len() != b.len() {
        return Some(format!("{} against {} series", a.len(), b.len()));
    }
    let near = |x: f64, y: f64| x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= 1e-9 * x.abs().max(y.abs());
    for ((name, ours), (other, theirs)) in a.iter().zip(b) {
        if name != other {
            return Some(format!("{name} against {other}"));
        }
        if ours.len() != theirs.len() {
            return Some(format!("{} against {} points of {name}", ours.len(), theirs.len()));
        }
        let apart = ours.iter().zip(theirs).find(|((t, x), (u, y))| (t - u).abs() > 0.0005 || !near(*x, *y));
        if let Some((x, y)) = apart {
            return Some(format!("{x:?} against {y:?} in {name}"));
        }
    }
    None
}
