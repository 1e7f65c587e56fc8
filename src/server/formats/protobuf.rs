//! Results as one message, [`QueryResult`] of `proto/query.proto`, written series by series: the
//! encodings of a message's parts, concatenated, are the message's encoding.

use std::vec;

use prost::Message as _;

use crate::{
    model::{Labels, SeriesBuf},
    promql::Value,
    remote::{proto::query::QueryResult, read::put_timeseries},
    server::{envelope::ResponseAnnotations, response_body::BodySource},
};

/// Writes the message.
pub(super) struct Message {
    /// Everything but the series; `None` once written.
    head: Option<QueryResult>,
    series: vec::IntoIter<(Labels, SeriesBuf)>,
}

impl Message {
    pub(super) fn new(value: Value, annotations: &ResponseAnnotations) -> Self {
        let kind = match &value {
            Value::Scalar { .. } => "scalar",
            Value::String { .. } => "string",
            Value::Vector(_) => "vector",
            Value::Matrix(_) => "matrix",
        };
        let mut head = QueryResult {
            result_type: kind.to_owned(),
            warnings: annotations.warnings().to_vec(),
            infos: annotations.infos().to_vec(),
            ..QueryResult::default()
        };
        if let Value::String { value, .. } = &value {
            head.text.clone_from(value);
        }
        Self { head: Some(head), series: super::series(value).collect::<Vec<_>>().into_iter() }
    }
}

impl BodySource for Message {
    fn fill(&mut self, out: &mut Vec<u8>) -> bool {
        if let Some(head) = self.head.take() {
            out.extend(head.encode_to_vec());
            return true;
        }
        let Some((labels, samples)) = self.series.next() else { return false };
        put_timeseries(&labels, &samples, out);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::MatrixSeries;

    #[test]
    fn the_pieces_are_one_message() {
        let mut samples = SeriesBuf::default();
        samples.push_float(1, -0.0);
        samples.push_float(2, f64::NAN);
        let labels = |name| Labels::from_pairs([("__name__", name)]).unwrap();
        let series = ["a", "b"].map(|name| MatrixSeries { labels: labels(name), samples: samples.clone() });
        let annotations = ResponseAnnotations::default().truncated(true);
        let (mut message, mut out) = (Message::new(Value::Matrix(series.to_vec()), &annotations), Vec::new());
        while message.fill(&mut out) {}
        let read = QueryResult::decode(out.as_slice()).unwrap();
        assert_eq!((read.result_type.as_str(), read.warnings.len(), read.infos.len()), ("matrix", 1, 0));
        let names: Vec<&str> = read.timeseries.iter().map(|series| series.labels[0].value.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let first = &read.timeseries[1].samples;
        assert_eq!((first[0].timestamp, first[0].value.to_bits()), (1, (-0.0f64).to_bits()));
        assert!(first[1].value.is_nan());
    }
}
