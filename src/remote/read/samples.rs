//! The SAMPLES answer: one message, compressed as a whole.
//!
//! Series are encoded as they are read, so that only bytes pile up. Samples are written by hand: the generated encoder
//! takes -0 for an absent field and would lose its sign.

use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint},
};

use super::{Alive, ReadError, ReadLimits, ReadRequest, each_series};
use crate::{
    model::{BucketCounts, BucketSpan, Histogram, Labels, SeriesBuf},
    remote::{proto::v1, snappy},
    seams::{memory_budget::MemoryBudget, select::Select},
};

/// Bytes of a sample's value field: key and double.
const VALUE_FIELD: usize = 9;

/// Memory is taken for so much of an answer at a time (bytes) …
const PIECE_BYTES: usize = 256 << 10;
/// … this many times: a list that grows is there twice for a moment, and once more compressed.
const HELD_TIMES: usize = 3;

/// Answers `request` with a compressed `prometheus.ReadResponse`: one result for each query, in order.
///
/// # Errors
/// When the answer would pass a limit or the `budget` has no memory for it, nobody is `alive` to read it, or stored data can't be read.
pub fn samples(
    request: &ReadRequest,
    select: &dyn Select,
    alive: Alive<'_>,
    limits: &ReadLimits,
    budget: &dyn MemoryBudget,
) -> Result<Vec<u8>, ReadError> {
    let mut response = Vec::new();
    let mut paid = 0;
    let mut count = 0u64;
    for query in &request.queries {
        let begin = response.len();
        let mut series = Vec::new();
        each_series(query, &request.external_labels, select, alive, None, |labels, buf| {
            count += buf.len() as u64;
            if count > limits.samples {
                let limit = limits.samples;
                return Err(too_large(&format!("{limit} samples")));
            }
            series.clear();
            put_series(labels, buf, &mut series);
            if response.len() + series.len() > limits.answer {
                return Err(too_large(&format!("{} bytes", limits.answer)));
            }
            while response.len() + series.len() > paid {
                paid += PIECE_BYTES;
                if !budget.take(HELD_TIMES * PIECE_BYTES) {
                    return Err(ReadError::NoRoom);
                }
            }
            put_message(1, &series, &mut response);
            Ok(())
        })?;
        // The length stands before what it measures. Moving that is better than holding it twice.
        let mut head = Vec::new();
        encode_key(1, WireType::LengthDelimited, &mut head);
        encode_varint((response.len() - begin) as u64, &mut head);
        drop(response.splice(begin..begin, head));
    }
    Ok(snappy::deflate(&response)?)
}

fn too_large(limit: &str) -> ReadError {
    ReadError::Limit(format!(
        "the answer exceeds the limit of {limit}; ask for fewer series or a shorter time, or accept STREAMED_XOR_CHUNKS"
    ))
}

/// Appends a series and its samples as an item of `timeseries`, field 1, of a result.
pub fn put_timeseries(labels: &Labels, buf: &SeriesBuf, out: &mut Vec<u8>) {
    let mut series = Vec::new();
    put_series(labels, buf, &mut series);
    put_message(1, &series, out);
}

fn put_series(labels: &Labels, buf: &SeriesBuf, out: &mut Vec<u8>) {
    for label in proto_labels(labels) {
        put_message(1, &label.encode_to_vec(), out);
    }
    for (&time, value) in buf.times.iter().zip(&buf.values) {
        encode_key(2, WireType::LengthDelimited, out);
        encode_varint((VALUE_FIELD + 1 + encoded_len_varint(time as u64)) as u64, out);
        put_double(1, *value, out);
        encode_key(2, WireType::Varint, out);
        encode_varint(time as u64, out);
    }
    for (time, histogram) in &buf.histograms {
        put_message(4, &histogram_bytes(*time, histogram), out);
    }
}

/// Labels as messages carry them.
#[must_use]
pub fn proto_labels(labels: &Labels) -> Vec<v1::Label> {
    labels.iter().map(|(name, value)| v1::Label { name: name.to_owned(), value: value.to_owned() }).collect()
}

fn put_message(number: u32, message: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(message.len() as u64, out);
    out.extend_from_slice(message);
}

fn put_double(number: u32, value: f64, out: &mut Vec<u8>) {
    encode_key(number, WireType::SixtyFourBit, out);
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

fn histogram_bytes(timestamp: i64, histogram: &Histogram) -> Vec<u8> {
    let spans = |spans: &[BucketSpan]| -> Vec<v1::BucketSpan> {
        spans.iter().map(|s| v1::BucketSpan { offset: s.offset, length: s.length }).collect()
    };
    let mut message = v1::Histogram {
        schema: histogram.schema,
        negative_spans: spans(&histogram.negative_spans),
        positive_spans: spans(&histogram.positive_spans),
        reset_hint: histogram.reset_hint as i32,
        timestamp,
        custom_values: histogram.custom_values.clone(),
        ..Default::default()
    };
    match &histogram.counts {
        BucketCounts::Integer { count, zero, positive, negative } => {
            message.count = Some(v1::histogram::Count::CountInt(*count));
            message.zero_count = Some(v1::histogram::ZeroCount::ZeroCountInt(*zero));
            message.positive_deltas.clone_from(positive);
            message.negative_deltas.clone_from(negative);
        }
        BucketCounts::Float { count, zero, positive, negative } => {
            message.count = Some(v1::histogram::Count::CountFloat(*count));
            message.zero_count = Some(v1::histogram::ZeroCount::ZeroCountFloat(*zero));
            message.positive_counts.clone_from(positive);
            message.negative_counts.clone_from(negative);
        }
    }
    let mut bytes = message.encode_to_vec();
    put_double(3, histogram.sum, &mut bytes);
    put_double(5, histogram.zero_threshold, &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::testing::{query, request, store};
    use super::*;
    use crate::model::{STALE_NAN, SeriesBuf};
    use crate::seams::{
        memory_budget::{Unlimited, fake::Bytes},
        select::MemorySelect,
    };

    fn answer(queries: Vec<super::super::Query>, select: &dyn Select) -> v1::ReadResponse {
        let body = samples(&request(queries), select, &|| true, &ReadLimits::default(), &Unlimited).unwrap();
        v1::ReadResponse::decode(&snappy::inflate(&body, 1 << 30).unwrap()[..]).unwrap()
    }

    fn histogram(count: u64, sum: f64) -> Histogram {
        Histogram {
            sum,
            schema: 3,
            zero_threshold: -0.0,
            positive_spans: vec![BucketSpan { offset: -7, length: 1 }],
            counts: BucketCounts::Integer { count, zero: 0, positive: vec![count as i64], negative: vec![] },
            ..Histogram::stale()
        }
    }

    #[test]
    fn each_query_has_its_result_in_order_even_when_it_finds_nothing() {
        let select = store(&[("a", &[(1, 1.0)], &[]), ("b", &[(2, 2.0)], &[])]);
        let nothing = super::super::Query { matchers: vec![], ..query("a", 0, 9) };
        let found =
            answer(vec![query("b", 0, 9), query("c", 0, 9), query("a", 9, 0), nothing, query("a|b", 0, 9)], &select);
        let counts: Vec<_> = found.results.iter().map(|r| r.timeseries.len()).collect();
        assert_eq!(counts, [1, 0, 0, 0, 2]);
        let labels: Vec<_> =
            found.results[0].timeseries[0].labels.iter().map(|l| (&l.name[..], &l.value[..])).collect();
        assert_eq!(labels, [("__name__", "b"), ("job", "x")]);
        assert_eq!(answer(vec![], &select).results, []);
    }

    #[test]
    fn times_are_trimmed_to_the_query_at_both_ends() {
        let select = store(&[(
            "a",
            &[(-1, 0.5), (1, 1.0), (2, 2.0), (3, 3.0)],
            &[(4, histogram(1, 1.0)), (5, histogram(2, 2.0))],
        )]);
        let found = answer(vec![query("a", 2, 4)], &select);
        let series = &found.results[0].timeseries[0];
        assert_eq!(series.samples.iter().map(|s| s.timestamp).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(series.histograms.iter().map(|h| h.timestamp).collect::<Vec<_>>(), [4]);
        assert_eq!(answer(vec![query("a", -9, -1)], &select).results[0].timeseries[0].samples[0].timestamp, -1);
        assert_eq!(answer(vec![query("a", 6, 9)], &select).results[0].timeseries, []);
    }

    #[test]
    fn values_and_histograms_keep_their_bits() {
        let odd = [-0.0, STALE_NAN, f64::NAN, f64::INFINITY, 5e-324, 0.0];
        let floats: Vec<(i64, f64)> = odd.iter().enumerate().map(|(i, v)| (i as i64, *v)).collect();
        let sent = [(10, histogram(3, -0.0)), (11, Histogram::stale())];
        let select = store(&[("a", &floats, &sent)]);
        let found = answer(vec![query("a", 0, 99)], &select);
        let series = &found.results[0].timeseries[0];
        let bits: Vec<u64> = series.samples.iter().map(|s| s.value.to_bits()).collect();
        assert_eq!(bits, odd.map(f64::to_bits));
        assert_eq!(series.histograms[0].sum.to_bits(), 1 << 63);
        assert_eq!(series.histograms[0].zero_threshold.to_bits(), 1 << 63);
        assert_eq!(series.histograms[0].positive_deltas, [3]);
        assert_eq!(series.histograms[0].count, Some(v1::histogram::Count::CountInt(3)));
        assert_eq!(series.histograms[1].sum.to_bits(), STALE_NAN.to_bits());
    }

    #[test]
    fn an_answer_beyond_its_limits_is_refused_with_a_way_out() {
        let select = store(&[("a", &[(1, 1.0), (2, 2.0)], &[(3, histogram(1, 1.0))])]);
        let with = |limits| samples(&request(vec![query("a", 0, 9)]), &select, &|| true, &limits, &Unlimited);
        assert!(with(ReadLimits { samples: 3, ..Default::default() }).is_ok());
        let error = with(ReadLimits { samples: 2, ..Default::default() }).unwrap_err();
        assert!(matches!(&error, ReadError::Limit(why) if why.contains("2 samples")), "{error}");
        let error = with(ReadLimits { answer: 40, ..Default::default() }).unwrap_err();
        assert!(matches!(&error, ReadError::Limit(why) if why.contains("40 bytes")), "{error}");
    }

    #[test]
    fn what_was_read_can_be_written_again() {
        let select = store(&[("a", &[(1, -0.0), (2, STALE_NAN)], &[(3, histogram(4, 2.0))])]);
        let body =
            samples(&request(vec![query("a", 0, 9)]), &select, &|| true, &ReadLimits::default(), &Unlimited).unwrap();
        let response = snappy::inflate(&body, 1 << 20).unwrap();
        // A result's series and a write request's series are the same field of the same type.
        let mut fields = crate::remote::wire::Fields::new(&response);
        let (_, result) = fields.next().unwrap().unwrap();
        let written = v1::WriteRequest::decode(result.bytes(1).unwrap()).unwrap();
        assert_eq!(written.timeseries[0].samples.len(), 2);
        let mut buf = SeriesBuf::default();
        written.timeseries[0].samples.iter().for_each(|s| buf.push_float(s.timestamp, s.value));
        assert_eq!(buf.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), [1 << 63, STALE_NAN.to_bits()]);
    }

    #[test]
    fn an_answer_takes_its_memory_before_it_grows() {
        let mut select = MemorySelect::default();
        let mut long = SeriesBuf::default();
        (0..100_000).for_each(|t| long.push_float(t, 0.5));
        select.series.insert(Labels::from_pairs([("__name__", "a")]).unwrap(), long);
        let within = |bytes| {
            let request = request(vec![query("a", 0, 100_000)]);
            samples(&request, &select, &|| true, &ReadLimits::default(), &Bytes::new(bytes))
        };
        assert!(matches!(within(1 << 20), Err(ReadError::NoRoom)));
        assert!(within(16 << 20).is_ok());
    }
}
