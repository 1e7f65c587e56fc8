//! The formats of query results, chosen by the `Accept` header: JSON, CSV ([`csv`]) and protobuf ([`protobuf`]).
//!
//! Errors are always JSON.

pub(crate) mod csv;
mod protobuf;

use hyper::{
    HeaderMap,
    header::{ACCEPT, HeaderValue, VARY, WARNING},
};

use super::{
    Response,
    envelope::{ResponseAnnotations, success},
    negotiation::preferences,
    respond,
    response_body::ResponseBody,
    result_json::ResultJson,
};
use crate::{
    model::{Labels, SeriesBuf},
    promql::Value,
};

/// The types by which a client asks for each format.
const CSV_TYPES: &[&str] = &["text/csv"];
const PROTOBUF_TYPES: &[&str] = &["application/x-protobuf", "application/protobuf"];
const JSON_TYPES: &[&str] = &["application/json", "application/*", "*/*"];

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Csv,
    Protobuf,
}

impl Format {
    /// The format that the client weighs highest, the first of equals; JSON when it names none.
    pub(crate) fn accepted(headers: &HeaderMap) -> Self {
        let mut best = (0.0, Self::Json);
        for preference in preferences(headers, ACCEPT) {
            let formats = [(Self::Csv, CSV_TYPES), (Self::Protobuf, PROTOBUF_TYPES), (Self::Json, JSON_TYPES)];
            let named = formats.into_iter().find(|(_, types)| preference.is_any_of(types));
            if let Some((format, _)) = named.filter(|_| preference.weight > best.0) {
                best = (preference.weight, format);
            }
        }
        best.1
    }

    /// The answer `value` with `stats` as JSON, which only the JSON format has room for.
    pub(crate) fn answer(self, value: Value, stats: Option<Vec<u8>>, annotations: &ResponseAnnotations) -> Response {
        let mut response = match self {
            Self::Json => success(ResultJson::new(value, stats), annotations),
            Self::Csv => {
                let body = ResponseBody::Streamed(Box::new(csv::Rows::new(value)));
                let mut response = respond::typed("text/csv; charset=utf-8; header=present", body);
                // A table has no place for annotations.
                for annotation in annotations.all() {
                    let plain: String = annotation
                        .chars()
                        .map(|c| if c.is_ascii_control() || !c.is_ascii() { '?' } else { c })
                        .collect();
                    let quoted = plain.replace('\\', "\\\\").replace('"', "\\\"");
                    response.headers_mut().append(WARNING, respond::header(&format!("199 vctsdb \"{quoted}\"")));
                }
                response
            }
            Self::Protobuf => {
                let body = ResponseBody::Streamed(Box::new(protobuf::Message::new(value, annotations)));
                respond::typed("application/x-protobuf; proto=vctsdb.QueryResult", body)
            }
        };
        response.headers_mut().append(VARY, HeaderValue::from_static("Accept"));
        response
    }
}

/// The series of a result. A scalar is one without labels; a string has none.
fn series(value: Value) -> Box<dyn Iterator<Item = (Labels, SeriesBuf)>> {
    let one = |time: i64, value: f64| {
        let mut samples = SeriesBuf::default();
        samples.push_float(time, value);
        samples
    };
    match value {
        Value::String { .. } => Box::new(std::iter::empty()),
        Value::Scalar { time, value } => Box::new(std::iter::once((Labels::empty(), one(time, value)))),
        Value::Vector(vector) => Box::new(vector.into_iter().map(move |sample| {
            let samples = match sample.histogram {
                Some(histogram) => SeriesBuf { histograms: vec![(sample.time, histogram)], ..SeriesBuf::default() },
                None => one(sample.time, sample.value),
            };
            (sample.labels, samples)
        })),
        Value::Matrix(matrix) => Box::new(matrix.into_iter().map(|series| (series.labels, series.samples))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_that_the_client_weighs_highest_is_chosen() {
        let format = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            Format::accepted(&headers)
        };
        for (accept, want) in [
            ("*/*", Format::Json),
            ("text/csv", Format::Csv),
            ("TEXT/CSV; charset=utf-8", Format::Csv),
            ("application/json, text/csv", Format::Json),
            ("application/json;q=0.5, text/csv", Format::Csv),
            ("text/csv;q=0, */*;q=0.1", Format::Json),
            ("application/x-protobuf", Format::Protobuf),
            ("text/html", Format::Json),
        ] {
            assert_eq!(format(accept), want, "{accept}");
        }
        assert_eq!(Format::accepted(&HeaderMap::new()), Format::Json);
    }
}
