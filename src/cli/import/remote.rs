//! A running server as the place where imports go: each part is sent by remote write, and is on the server's disk when that answers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::{
    Method,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, RETRY_AFTER},
};
use parking_lot::Mutex;
use prost::{
    Message,
    encoding::{bytes, double, message},
};

use crate::{
    cli::client::{self, Answer, ServerUrl},
    model::{Exemplar, Labels, Metadata, SeriesBuf},
    remote::{
        proto::v1,
        read::{proto_labels, put_timeseries},
    },
    seams::{
        append::{Append, AppendError, Appending, Batch, Fingerprint, SeriesCursor, SeriesId},
        catalog::Catalog,
    },
};

/// A request has about so many bytes before they are compressed. The server takes four times as many.
const REQUEST_BYTES: usize = 8 << 20;
/// How long a server that refuses for now, or isn't reached, is asked again.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait before the first time, unless the server says it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Samples of a series that stand in a row at most: less than a megabyte.
const RUN: usize = 32 << 10;
/// Native histograms of a series that stand in a row have about so many bytes at most.
const HISTOGRAM_RUN_BYTES: usize = 1 << 20;
/// Numbers of fields.
const TIMESERIES: u32 = 1;
const METADATA: u32 = 3;
const EXEMPLARS: u32 = 3;
const EXEMPLAR_VALUE: u32 = 2;

/// A server that takes remote writes.
pub(super) struct RemoteStore {
    server: ServerUrl,
    /// What its files say of fields, which agrees between them; remote write has no words for it, so the server doesn't learn it.
    catalog: Catalog,
    /// Why the last write failed.
    failure: Mutex<Option<String>>,
}

impl RemoteStore {
    pub(super) fn new(server: ServerUrl) -> Self {
        Self { server, catalog: Catalog::default(), failure: Mutex::default() }
    }

    /// Why nothing more was taken.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().clone()
    }

    async fn send(&self, request: Vec<u8>) -> Result<(), String> {
        let body = snap::raw::Encoder::new().compress_vec(&request).map_err(|error| error.to_string())?;
        let headers = [
            (CONTENT_TYPE, "application/x-protobuf"),
            (CONTENT_ENCODING, "snappy"),
            (HeaderName::from_static("x-prometheus-remote-write-version"), "0.1.0"),
        ];
        let body = hyper::body::Bytes::from(body);
        let (end, mut pause) = (Instant::now() + PATIENCE, FIRST_PAUSE);
        loop {
            let answer = client::send(&self.server, Method::POST, "/api/v1/write", &headers, body.clone()).await;
            let (why, wanted) = match answer {
                Ok(Answer { status, .. }) if status.is_success() => return Ok(()),
                Ok(Answer { status, headers, body }) => {
                    let why = format!("{}: {status}: {}", self.server, String::from_utf8_lossy(&body).trim());
                    if !(status.is_server_error() || status.as_u16() == 429) {
                        return Err(why);
                    }
                    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
                    (why, seconds.map(Duration::from_secs))
                }
                Err(failure) => (failure.to_string(), None),
            };
            if Instant::now() >= end {
                return Err(why);
            }
            tokio::time::sleep(wanted.unwrap_or(pause).min(LONGEST_PAUSE)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Append for RemoteStore {
    fn known(&self, _: Fingerprint, _: &mut SeriesCursor) -> Option<SeriesId> {
        None
    }

    fn followers(&self, _: &mut SeriesCursor, _: usize, _: &mut Vec<(Fingerprint, SeriesId)>) {}

    /// Ids count within a batch: the server has others.
    fn series(&self, labels: &Labels, _: Option<Fingerprint>, batch: &mut Batch) -> Result<SeriesId, AppendError> {
        let id = SeriesId(u32::try_from(batch.series.len()).map_err(|_| AppendError::SeriesExhausted)?);
        batch.series.push((id, labels.clone()));
        Ok(id)
    }

    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    fn append(&self, mut batch: Batch) -> Appending<'_> {
        self.catalog.commit(std::mem::take(&mut batch.catalog));
        Box::pin(async move {
            for request in requests(batch) {
                if let Err(why) = self.send(request).await {
                    *self.failure.lock() = Some(why.clone());
                    return Err(AppendError::Unavailable { reason: why, retry_after: FIRST_PAUSE });
                }
            }
            Ok(())
        })
    }
}

/// The requests that hold a batch, made one after the other. They are written by hand: the generated encoder takes -0 for an absent
/// field and would lose its sign.
fn requests(mut batch: Batch) -> impl Iterator<Item = Vec<u8>> {
    // Samples of a series stay in their order, of which the last one wins.
    batch.floats.sort_by_key(|sample| sample.series);
    batch.histograms.sort_by_key(|sample| sample.series);
    let Batch { series, floats, histograms, exemplars, metadata, .. } = batch;
    let mut histograms = histograms.into_iter().peekable();
    let (mut exemplars, mut metadata) = (exemplars.into_iter(), metadata.into_iter());
    let (mut at, mut buf) = (0, SeriesBuf::default());
    std::iter::from_fn(move || {
        let mut request = Vec::new();
        let of = |id: SeriesId| series.get(id.0 as usize).map(|(_, labels)| labels);
        while let Some(first) = floats.get(at)
            && request.len() < REQUEST_BYTES
        {
            let run = floats.get(at..).unwrap_or_default().iter().take(RUN);
            buf.clear();
            run.take_while(|sample| sample.series == first.series).for_each(|s| buf.push_float(s.time, s.value));
            at += buf.times.len();
            if let Some(labels) = of(first.series) {
                put_timeseries(labels, &buf, &mut request);
            }
        }
        // Of a float and a histogram at the same time the histogram stays, and so comes later.
        while at >= floats.len()
            && request.len() < REQUEST_BYTES
            && let Some(first) = histograms.next()
        {
            let (id, mut bytes) = (first.series, first.value.memory());
            buf.clear();
            buf.push_histogram(first.time, Arc::new(first.value), 0);
            while bytes < HISTOGRAM_RUN_BYTES
                && let Some(next) = histograms.next_if(|sample| sample.series == id)
            {
                bytes += next.value.memory();
                buf.push_histogram(next.time, Arc::new(next.value), 0);
            }
            if let Some(labels) = of(id) {
                put_timeseries(labels, &buf, &mut request);
            }
        }
        while at >= floats.len() && histograms.peek().is_none() && request.len() < REQUEST_BYTES {
            if let Some((id, exemplar)) = exemplars.next() {
                if let Some(labels) = of(id) {
                    put_exemplar(labels, &exemplar, &mut request);
                }
            } else if let Some(metadata) = metadata.next() {
                message::encode(METADATA, &described(metadata), &mut request);
            } else {
                break;
            }
        }
        (!request.is_empty()).then_some(request)
    })
}

/// Appends a series that has nothing but an exemplar.
fn put_exemplar(labels: &Labels, exemplar: &Exemplar, request: &mut Vec<u8>) {
    let mut inner =
        v1::Exemplar { labels: proto_labels(&exemplar.labels), value: 0.0, timestamp: exemplar.time }.encode_to_vec();
    double::encode(EXEMPLAR_VALUE, &exemplar.value, &mut inner);
    let mut series = v1::TimeSeries { labels: proto_labels(labels), ..Default::default() }.encode_to_vec();
    bytes::encode(EXEMPLARS, &inner, &mut series);
    bytes::encode(TIMESERIES, &series, request);
}

fn described(metadata: Metadata) -> v1::MetricMetadata {
    let Metadata { family, metric_type, help, unit } = metadata;
    v1::MetricMetadata { r#type: metric_type as i32, metric_family_name: family, help, unit }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{
        model::Histogram,
        seams::append::{FloatSample, HistogramSample},
    };

    #[test]
    fn a_batch_is_sent_series_by_series_in_requests_of_a_bounded_size() {
        let store = RemoteStore::new("http://127.0.0.1:1".parse().unwrap());
        let mut batch = Batch::default();
        let name = |i: u32| Labels::from_pairs([("__name__".to_owned(), format!("a{i}"))]).unwrap();
        let ids: Vec<SeriesId> = (0..3).map(|i| store.series(&name(i), None, &mut batch).unwrap()).collect();
        for i in 0..600_000i64 {
            let series = ids[i as usize % 3];
            batch.floats.push(FloatSample { series, time: i / 6, value: i as f64, start: 0 });
        }
        for i in 0..50_000 {
            let value = Histogram { sum: i as f64, ..Histogram::stale() };
            batch.histograms.push(HistogramSample { series: ids[i as usize % 2], time: i, value, start: 7 });
        }
        batch.metadata.push(crate::model::Metadata { family: "a0".to_owned(), ..Default::default() });
        batch.exemplars.push((ids[2], Exemplar { labels: name(0), value: -0.0, time: 5 }));
        let all: Vec<Vec<u8>> = requests(batch).collect();
        assert!(all.len() > 1 && all.iter().all(|request| request.len() < 2 * REQUEST_BYTES), "{}", all.len());
        let all: Vec<_> = all.iter().map(|request| v1::WriteRequest::decode(&request[..]).unwrap()).collect();
        assert_eq!(all.iter().map(|request| request.metadata.len()).sum::<usize>(), 1);
        let series = || all.iter().flat_map(|request| &request.timeseries);
        let exemplars: Vec<_> = series().flat_map(|series| &series.exemplars).collect();
        assert!(exemplars.len() == 1 && exemplars[0].value.to_bits() == (-0.0f64).to_bits());
        let histograms = |name: &str| -> Vec<i64> {
            let of = series().filter(|series| series.labels[0].value == name);
            of.flat_map(|series| series.histograms.iter().map(|histogram| histogram.timestamp)).collect()
        };
        assert_eq!(histograms("a1"), (0..25_000).map(|i| 2 * i + 1).collect::<Vec<_>>());
        assert_eq!((histograms("a0").len(), histograms("a2").len()), (25_000, 0));
        let mut last = HashMap::new();
        for series in series() {
            for sample in &series.samples {
                last.insert((series.labels[0].value.clone(), sample.timestamp), sample.value);
            }
        }
        assert_eq!(last.len(), 300_000);
        assert_eq!(last[&("a1".to_owned(), 0)], 4.0, "of two samples at a time the later one stays last");
    }
}
