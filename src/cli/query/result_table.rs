//! Query answers as text tables.

use serde_json::Value;

use super::columns;

/// The answer's `data` with aligned columns.
pub(super) fn render(data: &Value) -> String {
    let result = data.get("result").unwrap_or(&Value::Null);
    let rows: Vec<Vec<String>> = match data.get("resultType").and_then(Value::as_str) {
        Some("scalar" | "string") => return format!("{}\n", text(result.get(1))),
        Some("vector") => items(result).flat_map(vector_rows).collect(),
        Some("matrix") => items(result).flat_map(matrix_rows).collect(),
        _ => return format!("{data}\n"),
    };
    if rows.is_empty() {
        return "no series\n".to_owned();
    }
    columns::align(&["SERIES", "TIME", "VALUE"], &rows)
}

/// Whether the answer's `data` is a list of series, and empty.
pub(super) fn is_empty(data: &Value) -> bool {
    data.get("result").and_then(Value::as_array).is_some_and(Vec::is_empty)
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn vector_rows(item: &Value) -> Option<Vec<String>> {
    row(series(item), item.get("value").or_else(|| item.get("histogram"))?)
}

/// The series is named in its first row only.
fn matrix_rows(item: &Value) -> Vec<Vec<String>> {
    let samples = ["values", "histograms"].into_iter().filter_map(|kind| item.get(kind)).flat_map(items);
    let names = std::iter::once(series(item)).chain(std::iter::repeat_with(String::new));
    names.zip(samples).filter_map(|(name, sample)| row(name, sample)).collect()
}

fn row(name: String, sample: &Value) -> Option<Vec<String>> {
    let time = sample.get(0)?.as_f64()?;
    let time = jiff::Timestamp::from_millisecond((time * 1000.0).round() as i64).ok()?;
    Some(vec![name, time.to_string(), text(sample.get(1))])
}

/// `name{label="value"}`
fn series(item: &Value) -> String {
    let Some(labels) = item.get("metric").and_then(Value::as_object) else { return String::new() };
    let name = labels.get("__name__").and_then(Value::as_str).unwrap_or_default();
    let pairs: Vec<String> = labels
        .iter()
        .filter(|(label, _)| *label != "__name__")
        .map(|(label, value)| format!("{label}={value}"))
        .collect();
    if pairs.is_empty() && !name.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", pairs.join(", ")) }
}

/// A value, or a histogram in short.
fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(histogram)) => {
            let field = |name| histogram.get(name).and_then(Value::as_str).unwrap_or_default();
            let buckets = histogram.get("buckets").and_then(Value::as_array).map_or(0, Vec::len);
            format!("histogram: count {}, sum {}, {buckets} buckets", field("count"), field("sum"))
        }
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_aligned() {
        let data = json!({"resultType": "vector", "result": [
            {"metric": {"__name__": "up", "job": "a"}, "value": [1.5, "1"]},
            {"metric": {}, "histogram": [2, {"count": "3", "sum": "4.5", "buckets": [[0, "1", "2", "3"]]}]},
        ]});
        assert_eq!(
            render(&data),
            "SERIES       TIME                  VALUE\n\
             up{job=\"a\"}  1970-01-01T00:00:01.5Z  1\n\
             {}           1970-01-01T00:00:02Z    histogram: count 3, sum 4.5, 1 buckets\n"
                .replace("TIME                  VALUE", "TIME                    VALUE")
        );
    }

    #[test]
    fn a_series_of_many_samples_is_named_once() {
        let data = json!({"resultType": "matrix", "result": [
            {"metric": {"__name__": "up"}, "values": [[1, "1"], [2, "0"]]},
        ]});
        assert_eq!(
            render(&data),
            "SERIES  TIME                  VALUE\n\
             up      1970-01-01T00:00:01Z  1\n\
             \x20       1970-01-01T00:00:02Z  0\n"
        );
        assert_eq!(render(&json!({"resultType": "matrix", "result": []})), "no series\n");
        assert_eq!(render(&json!({"resultType": "scalar", "result": [1, "2.5"]})), "2.5\n");
    }
}
