//! Query plans as indented text: what `vctsdb query --explain` prints.

use std::fmt::Write as _;

use serde_json::Value;

/// The answer's `data`: a line for each operator, with its inputs below it, indented.
pub(super) fn render(data: &Value) -> String {
    let mut out = String::new();
    let plan = data.get("plan").unwrap_or(&Value::Null);
    step(&mut out, plan, 0);
    let estimate = data.get("estimate").unwrap_or(&Value::Null);
    let _ = writeln!(
        out,
        "estimate: {} series, {} samples read, {} held at once of {} allowed",
        number(estimate, "series"),
        number(estimate, "samplesRead"),
        number(estimate, "peakSamples"),
        number(estimate, "limitSamples"),
    );
    if let Some(actual) = data.get("actual") {
        let _ = writeln!(
            out,
            "actual: {} series, {} samples read, {} held at once, {}",
            number(actual, "series"),
            number(actual, "samplesRead"),
            number(actual, "peakSamples"),
            milliseconds(actual),
        );
    }
    out
}

fn step(out: &mut String, step: &Value, level: usize) {
    let indent = "  ".repeat(level);
    let text = |name: &str| step.get(name).and_then(Value::as_str).unwrap_or_default();
    let expr = text("expr").split_whitespace().collect::<Vec<_>>().join(" ");
    // Writing to a String can't fail.
    let _ = writeln!(out, "{indent}{}   {expr}", text("operator"));
    let estimate = step.get("estimate").unwrap_or(&Value::Null);
    let _ = write!(out, "{indent}    {} series, {} samples", number(estimate, "series"), number(estimate, "samples"));
    if let Some(actual) = step.get("actual") {
        out.push_str("; in fact ");
        if actual.get("rows").is_some() {
            let _ = write!(
                out,
                "{} series, {} samples in {} rows, {}",
                number(actual, "series"),
                number(actual, "samples"),
                number(actual, "rows"),
                milliseconds(actual),
            );
        }
        if actual.get("samplesRead").is_some() {
            let comma = if actual.get("rows").is_some() { ", " } else { "" };
            let _ = write!(out, "{comma}{} samples read", number(actual, "samplesRead"));
        }
    }
    out.push('\n');
    if let Some(selector) = step.get("selector") {
        let _ = writeln!(
            out,
            "{indent}    index: {} of {} series",
            number(selector, "series"),
            number(selector, "ofSeries")
        );
        for matcher in selector.get("index").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| matcher.get(name).and_then(Value::as_str).unwrap_or_default();
            let _ = writeln!(
                out,
                "{indent}      {}: {}, {} series",
                text("matcher"),
                text("path"),
                number(matcher, "series")
            );
        }
    }
    for input in step.get("inputs").and_then(Value::as_array).into_iter().flatten() {
        self::step(out, input, level + 1);
    }
}

fn number(of: &Value, name: &str) -> String {
    of.get(name).filter(|value| !value.is_null()).map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

fn milliseconds(of: &Value) -> String {
    let seconds = of.get("seconds").and_then(Value::as_f64).unwrap_or_default();
    format!("{:.1} ms", seconds * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plan_is_a_tree_of_lines() {
        let plan = json!({
            "plan": {
                "operator": "sum", "expr": "sum(\n a)", "estimate": {"series": 1, "samples": 1},
                "actual": {"series": 1, "rows": 1, "samples": 1, "seconds": 0.0015},
                "inputs": [{
                    "operator": "select", "expr": "a", "estimate": {"series": 2, "samples": 2},
                    "selector": {
                        "series": 2, "ofSeries": 10,
                        "index": [{"matcher": "__name__=\"a\"", "path": "postings of one value", "series": 2}],
                    },
                }],
            },
            "estimate": {"series": 1, "samplesRead": 2, "peakSamples": 3, "limitSamples": 4},
        });
        let want = "\
sum   sum( a)
    1 series, 1 samples; in fact 1 series, 1 samples in 1 rows, 1.5 ms
  select   a
      2 series, 2 samples
      index: 2 of 10 series
        __name__=\"a\": postings of one value, 2 series
estimate: 1 series, 2 samples read, 3 held at once of 4 allowed
";
        assert_eq!(render(&plan), want);
    }
}
