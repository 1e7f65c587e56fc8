//! Requests built from generated types.

use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint},
};
use vctsdb::remote::proto::v2;

/// Builds 2.0 requests. The labels of each series stand in another order than the one before, as the suite has it.
#[derive(Default)]
pub(super) struct Request2 {
    symbols: Vec<String>,
    series: Vec<(v2::TimeSeries, i64)>,
    seed: usize,
}

/// What a native histogram holds in its buckets.
pub(super) struct Buckets {
    pub(super) positive: Vec<i64>,
    pub(super) negative: Vec<i64>,
    pub(super) zero: u64,
}

impl Request2 {
    /// A request for one series.
    pub(super) fn of(labels: &[(&str, &str)]) -> Self {
        Self { symbols: vec![String::new()], ..Self::default() }.and(labels)
    }

    /// Adds a series; the methods below are about the last one.
    pub(super) fn and(mut self, labels: &[(&str, &str)]) -> Self {
        let mut labels = labels.to_vec();
        self.seed += 1;
        let turn = self.seed * 7 % labels.len().max(1);
        labels.rotate_left(turn);
        if self.seed.is_multiple_of(2) {
            labels.reverse();
        }
        let labels_refs = self.refs(&labels);
        self.series.push((v2::TimeSeries { labels_refs, ..Default::default() }, 0));
        self
    }

    fn symbol(&mut self, text: &str) -> u32 {
        let at = self.symbols.iter().position(|s| s == text).unwrap_or_else(|| {
            self.symbols.push(text.to_owned());
            self.symbols.len() - 1
        });
        at as u32
    }

    fn refs(&mut self, labels: &[(&str, &str)]) -> Vec<u32> {
        labels.iter().flat_map(|(name, value)| [self.symbol(name), self.symbol(value)]).collect()
    }

    pub(super) fn last(&mut self) -> &mut v2::TimeSeries {
        &mut self.series.last_mut().unwrap().0
    }

    pub(super) fn sample(mut self, timestamp: i64, value: f64) -> Self {
        self.last().samples.push(v2::Sample { value, timestamp, start_timestamp: 0 });
        self
    }

    pub(super) fn histogram(mut self, histogram: v2::Histogram) -> Self {
        self.last().histograms.push(histogram);
        self
    }

    pub(super) fn exemplar(mut self, labels: &[(&str, &str)], timestamp: i64, value: f64) -> Self {
        let labels_refs = self.refs(labels);
        self.last().exemplars.push(v2::Exemplar { labels_refs, value, timestamp });
        self
    }

    pub(super) fn metadata(mut self, metric_type: i32, help: &str, unit: &str) -> Self {
        let (help_ref, unit_ref) = (self.symbol(help), self.symbol(unit));
        self.last().metadata = Some(v2::Metadata { r#type: metric_type, help_ref, unit_ref });
        self
    }

    /// A start time, in the retired field that senders still use.
    pub(super) fn created(mut self, time: i64) -> Self {
        self.series.last_mut().unwrap().1 = time;
        self
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = v2::Request { symbols: self.symbols.clone(), timeseries: vec![] }.encode_to_vec();
        for (series, created) in &self.series {
            let mut bytes = series.encode_to_vec();
            if *created != 0 {
                encode_key(6, WireType::Varint, &mut bytes);
                encode_varint(*created as u64, &mut bytes);
            }
            encode_key(5, WireType::LengthDelimited, &mut out);
            encode_varint(bytes.len() as u64, &mut out);
            out.extend(bytes);
        }
        out
    }
}

/// A histogram of schema 0 whose count is that of its buckets.
pub(super) fn histogram(timestamp: i64, buckets: &Buckets) -> v2::Histogram {
    let deltas = |counts: &[i64]| -> Vec<i64> {
        counts.iter().scan(0, |before, count| Some(count - std::mem::replace(before, *count))).collect()
    };
    let spans = |counts: &[i64]| match counts.len() {
        0 => vec![],
        length => vec![v2::BucketSpan { offset: 0, length: length as u32 }],
    };
    let count = buckets.zero + buckets.positive.iter().chain(&buckets.negative).sum::<i64>() as u64;
    v2::Histogram {
        count: Some(v2::histogram::Count::CountInt(count)),
        zero_count: Some(v2::histogram::ZeroCount::ZeroCountInt(buckets.zero)),
        zero_threshold: 0.001,
        sum: count as f64 * 1.5,
        positive_spans: spans(&buckets.positive),
        positive_deltas: deltas(&buckets.positive),
        negative_spans: spans(&buckets.negative),
        negative_deltas: deltas(&buckets.negative),
        timestamp,
        ..Default::default()
    }
}

/// A histogram with observations of all kinds.
pub(super) fn mixed(timestamp: i64) -> v2::Histogram {
    histogram(timestamp, &Buckets { positive: vec![5, 3, 7], negative: vec![2, 1], zero: 5 })
}

/// A histogram with custom buckets.
pub(super) fn custom(timestamp: i64) -> v2::Histogram {
    v2::Histogram {
        schema: -53,
        zero_threshold: 0.0,
        custom_values: vec![0.1, 0.5, 1.0, 5.0],
        ..histogram(timestamp, &Buckets { positive: vec![10, 20, 5, 1, 4], negative: vec![], zero: 0 })
    }
}
