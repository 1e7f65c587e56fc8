//! Query results as JSON, a chunk of bounded size at a time.

use std::vec;

use super::{json, limits::CHUNK_BYTES, response_body::BodySource};
use crate::{
    model::SeriesBuf,
    promql::{MatrixSeries, Value, VectorSample},
};

/// Writes `{"resultType":…,"result":…}`, with `"stats"` when there are some.
pub(crate) struct ResultJson {
    begun: bool,
    pending: Pending,
    stats: Option<Vec<u8>>,
}

/// What is still to be written of the result.
enum Pending {
    Scalar { time: i64, value: f64 },
    String { time: i64, value: String },
    Vector(vec::IntoIter<VectorSample>),
    Matrix(vec::IntoIter<MatrixSeries>, Option<SeriesCursor>),
}

/// How far the samples of a series are written.
struct SeriesCursor {
    samples: SeriesBuf,
    float: usize,
    histogram: usize,
}

impl ResultJson {
    /// The result `value`, with `stats` already written as JSON.
    pub(crate) fn new(value: Value, stats: Option<Vec<u8>>) -> Self {
        let pending = match value {
            Value::Scalar { time, value } => Pending::Scalar { time, value },
            Value::String { time, value } => Pending::String { time, value },
            Value::Vector(samples) => Pending::Vector(samples.into_iter()),
            Value::Matrix(series) => Pending::Matrix(series.into_iter(), None),
        };
        Self { begun: false, pending, stats }
    }
}

impl BodySource for ResultJson {
    fn fill(&mut self, out: &mut Vec<u8>) -> bool {
        let first = !self.begun;
        if first {
            self.begun = true;
            let (kind, open) = match &self.pending {
                Pending::Scalar { .. } => ("scalar", ""),
                Pending::String { .. } => ("string", ""),
                Pending::Vector(_) => ("vector", "["),
                Pending::Matrix(..) => ("matrix", "["),
            };
            out.extend_from_slice(format!("{{\"resultType\":\"{kind}\",\"result\":{open}").as_bytes());
        }
        if self.pending.fill(out, first) {
            return true;
        }
        if let Some(stats) = self.stats.take() {
            out.extend_from_slice(b",\"stats\":");
            out.extend_from_slice(&stats);
        }
        out.push(b'}');
        false
    }
}

impl Pending {
    fn fill(&mut self, out: &mut Vec<u8>, first: bool) -> bool {
        match self {
            Self::Scalar { time, value } => {
                out.push(b'[');
                json::plain_time(out, *time);
                out.push(b',');
                json::plain_value(out, *value);
                out.push(b']');
                false
            }
            Self::String { time, value } => {
                out.push(b'[');
                json::plain_time(out, *time);
                out.push(b',');
                json::string(out, value);
                out.push(b']');
                false
            }
            Self::Vector(samples) => {
                let Some(sample) = samples.next() else {
                    out.push(b']');
                    return false;
                };
                separate(out, first);
                vector_sample(out, &sample);
                true
            }
            Self::Matrix(series, current) => {
                let cursor = match current {
                    Some(cursor) => cursor,
                    None => {
                        let Some(next) = series.next() else {
                            out.push(b']');
                            return false;
                        };
                        separate(out, first);
                        out.extend_from_slice(b"{\"metric\":");
                        json::labels(out, &next.labels);
                        current.insert(SeriesCursor { samples: next.samples, float: 0, histogram: 0 })
                    }
                };
                if cursor.write(out) {
                    out.push(b'}');
                    *current = None;
                }
                true
            }
        }
    }
}

impl SeriesCursor {
    /// Appends samples until `out` is as large as a chunk; `true` when the series is complete.
    fn write(&mut self, out: &mut Vec<u8>) -> bool {
        let samples = &self.samples;
        let floats = samples.times.iter().zip(&samples.values);
        for (time, value) in floats.skip(self.float) {
            if out.len() >= CHUNK_BYTES {
                return false;
            }
            out.extend_from_slice(if self.float == 0 { b",\"values\":[[" } else { b",[" });
            json::time(out, *time);
            out.push(b',');
            json::value(out, *value);
            out.push(b']');
            self.float += 1;
            if self.float == samples.times.len() {
                out.push(b']');
            }
        }
        for (time, histogram) in samples.histograms.iter().skip(self.histogram) {
            if out.len() >= CHUNK_BYTES {
                return false;
            }
            out.extend_from_slice(if self.histogram == 0 { b",\"histograms\":[[" } else { b",[" });
            json::time(out, *time);
            out.push(b',');
            json::histogram(out, histogram);
            out.push(b']');
            self.histogram += 1;
            if self.histogram == samples.histograms.len() {
                out.push(b']');
            }
        }
        true
    }
}

fn separate(out: &mut Vec<u8>, first: bool) {
    if !first {
        out.push(b',');
    }
}

fn vector_sample(out: &mut Vec<u8>, sample: &VectorSample) {
    out.extend_from_slice(b"{\"metric\":");
    json::labels(out, &sample.labels);
    match &sample.histogram {
        None => {
            out.extend_from_slice(b",\"value\":[");
            json::time(out, sample.time);
            out.push(b',');
            json::value(out, sample.value);
        }
        Some(histogram) => {
            out.extend_from_slice(b",\"histogram\":[");
            json::time(out, sample.time);
            out.push(b',');
            json::histogram(out, histogram);
        }
    }
    out.extend_from_slice(b"]}");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Histogram, Labels};

    fn text(value: Value) -> String {
        let mut answer = ResultJson::new(value, None);
        let mut out = Vec::new();
        while answer.fill(&mut out) {}
        String::from_utf8(out).unwrap()
    }

    fn labels(name: &str) -> Labels {
        Labels::from_pairs([("__name__", name)]).unwrap()
    }

    #[test]
    fn scalars_and_strings_stand_alone() {
        assert_eq!(
            text(Value::Scalar { time: 1100, value: 1e30 }),
            r#"{"resultType":"scalar","result":[1.1,"1000000000000000000000000000000"]}"#
        );
        assert_eq!(
            text(Value::String { time: 1000, value: "a\"b".into() }),
            r#"{"resultType":"string","result":[1,"a\"b"]}"#
        );
    }

    #[test]
    fn an_empty_result_is_a_list() {
        assert_eq!(text(Value::Vector(vec![])), r#"{"resultType":"vector","result":[]}"#);
        assert_eq!(text(Value::Matrix(vec![])), r#"{"resultType":"matrix","result":[]}"#);
    }

    #[test]
    fn vectors_hold_floats_and_histograms() {
        let float = VectorSample { labels: labels("a"), time: 1100, value: 2.0, histogram: None };
        let histogram = Some(Arc::new(Histogram { sum: 0.0, ..Histogram::stale() }));
        let native = VectorSample { labels: labels("b"), time: 1000, value: 0.0, histogram };
        assert_eq!(
            text(Value::Vector(vec![float, native])),
            concat!(
                r#"{"resultType":"vector","result":[{"metric":{"__name__":"a"},"value":[1.100,"2"]},"#,
                r#"{"metric":{"__name__":"b"},"histogram":[1,{"count":"0","sum":"0"}]}]}"#
            )
        );
    }

    #[test]
    fn a_series_far_longer_than_a_chunk_comes_out_whole() {
        let mut samples = SeriesBuf::default();
        let histogram = Arc::new(Histogram { sum: 0.0, ..Histogram::stale() });
        for t in 0..20_000 {
            samples.push_float(t * 1000, t as f64);
            samples.histograms.push((100_000_000 + t * 1000, histogram.clone()));
        }
        let series = |name| MatrixSeries { labels: labels(name), samples: samples.clone() };
        let mut answer = ResultJson::new(Value::Matrix(vec![series("a"), series("b")]), Some(b"{}".to_vec()));
        let (mut whole, mut piece) = (Vec::new(), Vec::new());
        loop {
            let more = answer.fill(&mut piece);
            assert!(piece.len() < CHUNK_BYTES + 1000);
            if piece.len() >= CHUNK_BYTES || !more {
                whole.append(&mut piece);
            }
            if !more {
                break;
            }
        }
        let parsed: serde_json::Value = serde_json::from_slice(&whole).unwrap();
        for i in 0..2 {
            let series = &parsed["result"][i];
            assert_eq!(series["values"].as_array().unwrap().len(), 20_000);
            assert_eq!(series["values"][19_999][1], "19999");
            assert_eq!(series["histograms"].as_array().unwrap().len(), 20_000);
        }
        assert_eq!(parsed["stats"], serde_json::json!({}));
    }
}
