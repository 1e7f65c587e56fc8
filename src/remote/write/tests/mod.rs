//! The cases of the receiver compliance suite that don't depend on HTTP, the rules beyond it, and the walk held against
//! a second reading of the protocols. Here is what these tests share: requests built from generated types, and a
//! readable view of what was stored.

mod bodies;
mod memory;
mod messages;
mod reference;
mod samples;
mod series;

use prost::Message;

use super::{Protocol, WriteError, WriteLimits, Written, receive};
use crate::{
    model::{Histogram, Labels, Metadata},
    remote::{
        proto::{v1, v2},
        snappy,
    },
    seams::append::fake::{MemoryAppend, finished},
};

/// A series' labels.
const UP: &[(&str, &str)] = &[("__name__", "up"), ("job", "test")];
/// An exemplar's labels.
const TRACE: &[(&str, &str)] = &[("trace_id", "abc123")];
/// The time at which tests write, in ms.
const NOW: i64 = 1_700_000_000_000;

/// Writes an encoded message; the fake store answers at once.
fn write(protocol: Protocol, message: &[u8], append: &MemoryAppend) -> Result<Written, WriteError> {
    write_body(protocol, &snappy::deflate(message).unwrap(), append)
}

/// Writes a body as it is.
fn write_body(protocol: Protocol, body: &[u8], append: &MemoryAppend) -> Result<Written, WriteError> {
    let limits = WriteLimits::default();
    finished(receive(protocol, body, NOW, &limits, append))
}

/// Everything stored, in order, with labels instead of ids and bits instead of floats.
#[derive(Debug, Default, Clone, PartialEq)]
struct Stored {
    floats: Vec<(Labels, i64, u64)>,
    histograms: Vec<(Labels, i64, Histogram)>,
    exemplars: Vec<(Labels, Labels, i64, u64)>,
    metadata: Vec<Metadata>,
    /// Times and start times of the floats and histograms that have one.
    starts: Vec<(Labels, i64, i64)>,
}

impl Stored {
    /// What the batches from number `skip` on hold.
    fn since(append: &MemoryAppend, skip: usize) -> Self {
        let mut stored = Self::default();
        let labels = |id| append.labels(id).unwrap();
        for batch in append.batches().into_iter().skip(skip) {
            let floats = batch.floats.iter().map(|s| (s.series, s.time, s.start));
            let all = floats.chain(batch.histograms.iter().map(|s| (s.series, s.time, s.start)));
            let given = all.filter(|s| s.2 != 0);
            stored.starts.extend(given.map(|(series, time, start)| (labels(series), time, start)));
            stored.floats.extend(batch.floats.iter().map(|s| (labels(s.series), s.time, s.value.to_bits())));
            stored.histograms.extend(batch.histograms.into_iter().map(|s| (labels(s.series), s.time, s.value)));
            stored
                .exemplars
                .extend(batch.exemplars.into_iter().map(|(id, e)| (labels(id), e.labels, e.time, e.value.to_bits())));
            stored.metadata.extend(batch.metadata);
        }
        stored
    }
}

/// Builds 2.0 requests.
struct Request2 {
    message: v2::Request,
}

impl Request2 {
    fn new() -> Self {
        Self { message: v2::Request { symbols: vec![String::new()], timeseries: vec![] } }
    }

    fn symbol(&mut self, text: &str) -> u32 {
        let symbols = &mut self.message.symbols;
        let at = symbols.iter().position(|s| s == text).unwrap_or_else(|| {
            symbols.push(text.to_owned());
            symbols.len() - 1
        });
        at as u32
    }

    fn refs(&mut self, labels: &[(&str, &str)]) -> Vec<u32> {
        labels.iter().flat_map(|(name, value)| [self.symbol(name), self.symbol(value)]).collect()
    }

    /// Adds a series without samples; the other methods add to it.
    fn series(mut self, labels: &[(&str, &str)]) -> Self {
        let labels_refs = self.refs(labels);
        self.message.timeseries.push(v2::TimeSeries { labels_refs, ..Default::default() });
        self
    }

    fn last(&mut self) -> &mut v2::TimeSeries {
        self.message.timeseries.last_mut().unwrap()
    }

    fn sample(mut self, timestamp: i64, value: f64) -> Self {
        self.last().samples.push(v2::Sample { value, timestamp, start_timestamp: 0 });
        self
    }

    fn histogram(mut self, histogram: v2::Histogram) -> Self {
        self.last().histograms.push(histogram);
        self
    }

    fn exemplar(mut self, labels: &[(&str, &str)], timestamp: i64, value: f64) -> Self {
        let labels_refs = self.refs(labels);
        self.last().exemplars.push(v2::Exemplar { labels_refs, value, timestamp });
        self
    }

    fn metadata(mut self, metric_type: i32, help: &str, unit: &str) -> Self {
        let (help_ref, unit_ref) = (self.symbol(help), self.symbol(unit));
        self.last().metadata = Some(v2::Metadata { r#type: metric_type, help_ref, unit_ref });
        self
    }

    fn write(&self, append: &MemoryAppend) -> Result<Written, WriteError> {
        write(Protocol::V2, &self.message.encode_to_vec(), append)
    }
}

/// A 1.0 series.
fn series1(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> v1::TimeSeries {
    let label = |&(name, value): &(&str, &str)| v1::Label { name: name.into(), value: value.into() };
    v1::TimeSeries {
        labels: labels.iter().map(label).collect(),
        samples: samples.iter().map(|&(timestamp, value)| v1::Sample { value, timestamp }).collect(),
        ..Default::default()
    }
}

/// Writes 1.0 series.
fn write1(series: &[v1::TimeSeries], append: &MemoryAppend) -> Result<Written, WriteError> {
    let message = v1::WriteRequest { timeseries: series.to_vec(), metadata: vec![] };
    write(Protocol::V1, &message.encode_to_vec(), append)
}

/// The counts of a write that stored these numbers of samples, histograms and exemplars.
fn written(samples: u64, histograms: u64, exemplars: u64) -> Written {
    Written { samples, histograms, exemplars }
}

/// What a partial write stored, with the message that says why not all of it.
fn rejected(answer: Result<Written, WriteError>) -> (Written, String) {
    match answer {
        Err(WriteError::Rejected { written, message, .. }) => (written, message),
        other => panic!("expected a partial write, got {other:?}"),
    }
}

/// A label set.
fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}
