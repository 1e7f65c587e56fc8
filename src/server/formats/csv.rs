//! Results as a table: a row for each sample.
//!
//! The columns are the labels of all series together, by name, then `time` and `value`; a series without a label has
//! nothing in its column. Times are seconds and values are numbers as in JSON; a native histogram is the JSON object
//! that stands there. Rows end with CR LF, and what holds a comma, a quote or an end of line is quoted, as RFC 4180 says.

use std::{collections::BTreeSet, sync::Arc, vec};

use crate::{
    model::{Histogram, Labels, SeriesBuf},
    promql::Value,
    server::{json, response_body::BodySource, text_format::put_unquoted},
};

/// Writes the rows series by series.
pub(super) struct Rows {
    /// `None` once written.
    head: Option<Vec<u8>>,
    columns: Vec<String>,
    series: vec::IntoIter<(Labels, Cells)>,
}

enum Cells {
    Text(i64, String),
    Scalar(i64, f64),
    Samples(SeriesBuf),
}

impl Rows {
    pub(super) fn new(value: Value) -> Self {
        let series: Vec<(Labels, Cells)> = match value {
            Value::String { time, value } => vec![(Labels::empty(), Cells::Text(time, value))],
            Value::Scalar { time, value } => vec![(Labels::empty(), Cells::Scalar(time, value))],
            value => super::series(value).map(|(labels, samples)| (labels, Cells::Samples(samples))).collect(),
        };
        let names: BTreeSet<&str> = series.iter().flat_map(|(labels, _)| labels.iter().map(|(name, _)| name)).collect();
        let columns: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let mut head = Vec::new();
        for column in &columns {
            field(&mut head, column.as_bytes());
            head.push(b',');
        }
        head.extend_from_slice(b"time,value\r\n");
        Self { head: Some(head), columns, series: series.into_iter() }
    }
}

impl BodySource for Rows {
    fn fill(&mut self, out: &mut Vec<u8>) -> bool {
        if let Some(mut head) = self.head.take() {
            out.append(&mut head);
            return true;
        }
        let Some((labels, cells)) = self.series.next() else { return false };
        let mut start = Vec::new();
        for column in &self.columns {
            field(&mut start, labels.get(column).unwrap_or_default().as_bytes());
            start.push(b',');
        }
        let mut row = |time: i64, value: &dyn Fn(&mut Vec<u8>)| {
            out.extend_from_slice(&start);
            json::time(out, time);
            out.push(b',');
            value(out);
            out.extend_from_slice(b"\r\n");
        };
        match cells {
            Cells::Text(time, text) => row(time, &|out| field(out, text.as_bytes())),
            Cells::Scalar(time, value) => row(time, &|out| put_unquoted(out, value, json::plain_value)),
            Cells::Samples(samples) => {
                for (time, value) in samples.times.iter().zip(&samples.values) {
                    row(*time, &|out| put_unquoted(out, *value, json::value));
                }
                for (time, histogram) in &samples.histograms {
                    row(*time, &|out| object(out, histogram));
                }
            }
        }
        true
    }
}

fn object(out: &mut Vec<u8>, histogram: &Arc<Histogram>) {
    let mut text = Vec::new();
    json::histogram(&mut text, histogram);
    field(out, &text);
}

/// A field, quoted if need be.
pub(crate) fn field(out: &mut Vec<u8>, text: &[u8]) {
    if !text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    for byte in text {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::VectorSample;

    fn text(value: Value) -> String {
        let (mut rows, mut out) = (Rows::new(value), Vec::new());
        while rows.fill(&mut out) {}
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn labels_are_columns_and_awkward_text_is_quoted() {
        let sample = |pairs: &[(&str, &str)], value| VectorSample {
            labels: Labels::from_pairs(pairs.iter().copied()).unwrap(),
            time: 1500,
            value,
            histogram: None,
        };
        let vector = Value::Vector(vec![
            sample(&[("b", "x,\"y\"\n")], 1e-9),
            sample(&[("a", "1"), ("c", "ü")], f64::NEG_INFINITY),
        ]);
        assert_eq!(text(vector), "a,b,c,time,value\r\n,\"x,\"\"y\"\"\n\",,1.500,1e-09\r\n1,,ü,1.500,-Inf\r\n");
        assert_eq!(text(Value::Vector(vec![])), "time,value\r\n");
        assert_eq!(text(Value::Scalar { time: 0, value: 1e21 }), "time,value\r\n0,1000000000000000000000\r\n");
        assert_eq!(text(Value::String { time: 0, value: "a,b".into() }), "time,value\r\n0,\"a,b\"\r\n");
    }

    #[test]
    fn a_histogram_is_its_json_object() {
        let histogram = Some(Arc::new(Histogram { sum: 0.0, ..Histogram::stale() }));
        let sample = VectorSample { labels: Labels::empty(), time: 0, value: 0.0, histogram };
        let want = "time,value\r\n0,\"{\"\"count\"\":\"\"0\"\",\"\"sum\"\":\"\"0\"\"}\"\r\n";
        assert_eq!(text(Value::Vector(vec![sample])), want);
    }
}
