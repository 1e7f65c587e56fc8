//! Messages of every shape for the property tests, and other ways to spell the same message.

use proptest::prelude::*;
use prost::Message;

use super::NOW;
use crate::remote::{
    proto::{v1, v2},
    wire,
};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab]{1,2}",
        3 => Just("__name__".to_owned()),
        1 => Just(String::new()),
        1 => "\\PC{0,70}",
        1 => Just("x_sum".to_owned()),
    ]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![8 => (NOW - 1000)..(NOW + 1000), 1 => any::<i64>(), 1 => Just(0)]
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![4 => any::<f64>(), 1 => any::<u64>().prop_map(f64::from_bits), 1 => Just(crate::model::STALE_NAN)]
}

prop_compose! {
    /// A histogram that is often valid; its spans may come in several.
    fn sent_histogram()(
        float: bool,
        sound in prop::bool::weighted(0.8),
        schema in prop_oneof![4 => -4i32..=8, 1 => 9i32..=52, 1 => Just(-53), 1 => any::<i32>()],
        buckets in prop::collection::vec(0i64..1000, 0..6),
        offset in -3i32..20,
        zero in 0u64..3,
        sum in value(),
        hint in -1i32..5,
        timestamp in time(),
        extra in any::<u64>(),
    ) -> v2::Histogram {
        let custom = schema == -53;
        let zero = if custom { 0 } else { zero };
        let total = zero + buckets.iter().sum::<i64>() as u64;
        let count = if sound { total } else { extra };
        let mut previous = 0;
        let deltas = buckets.iter().map(|b| b - std::mem::replace(&mut previous, *b)).collect();
        let span = v2::BucketSpan { offset: if custom { offset.abs() } else { offset }, length: buckets.len() as u32 };
        let counts: Vec<f64> = buckets.iter().map(|b| *b as f64).collect();
        v2::Histogram {
            count: Some(if float {
                v2::histogram::Count::CountFloat(count as f64)
            } else {
                v2::histogram::Count::CountInt(count)
            }),
            zero_count: Some(if float {
                v2::histogram::ZeroCount::ZeroCountFloat(zero as f64)
            } else {
                v2::histogram::ZeroCount::ZeroCountInt(zero)
            }),
            sum,
            schema,
            zero_threshold: if custom { 0.0 } else { 0.25 },
            positive_spans: vec![span],
            positive_deltas: if float { vec![] } else { deltas },
            positive_counts: if float { counts } else { vec![] },
            reset_hint: hint,
            timestamp,
            custom_values: if custom { (0..25).map(f64::from).collect() } else { vec![] },
            start_timestamp: extra as i64,
            ..Default::default()
        }
    }
}

pub(super) fn message_v2() -> impl Strategy<Value = v2::Request> {
    let refs = || prop_oneof![9 => prop::collection::vec(0u32..8, 0..4).prop_map(|r| r.repeat(2)), 1 => prop::collection::vec(0u32..12, 0..5)];
    let named = prop::collection::vec(2u32..8, 1..3).prop_map(|mut r| {
        r.resize(2, 3);
        [vec![1], vec![r[0]], r].concat()
    });
    let labels = prop_oneof![3 => named, 1 => refs()];
    let start = prop_oneof![Just(0), any::<i64>()];
    let samples = prop::collection::vec((value(), time(), start), 0..3);
    let exemplars = prop::collection::vec((refs(), value(), time()), 0..2);
    let metadata = prop::option::of((0i32..9, 0u32..9, 0u32..9));
    let histograms = prop::collection::vec(sent_histogram(), 0..2);
    let series = (labels, samples, histograms, exemplars, metadata).prop_map(
        |(labels_refs, samples, histograms, exemplars, metadata)| v2::TimeSeries {
            labels_refs,
            samples: samples
                .into_iter()
                .map(|(value, timestamp, start_timestamp)| v2::Sample { value, timestamp, start_timestamp })
                .collect(),
            histograms,
            exemplars: exemplars
                .into_iter()
                .map(|(labels_refs, value, timestamp)| v2::Exemplar { labels_refs, value, timestamp })
                .collect(),
            metadata: metadata.map(|(r#type, help_ref, unit_ref)| v2::Metadata { r#type, help_ref, unit_ref }),
        },
    );
    (prop::collection::vec(text(), 6), prop::collection::vec(series, 0..5)).prop_map(|(texts, timeseries)| {
        let symbols = [vec![String::new(), "__name__".to_owned()], texts].concat();
        v2::Request { symbols, timeseries }
    })
}

/// The same request in 1.0, where its references resolve.
pub(super) fn as_v1(message: &v2::Request) -> v1::WriteRequest {
    let symbol = |at: u32| message.symbols.get(at as usize).cloned().unwrap_or_default();
    let labels = |refs: &[u32]| -> Vec<v1::Label> {
        refs.chunks(2).map(|pair| v1::Label { name: symbol(pair[0]), value: symbol(*pair.last().unwrap()) }).collect()
    };
    let series = |s: &v2::TimeSeries| v1::TimeSeries {
        labels: labels(&s.labels_refs),
        samples: s.samples.iter().map(|s| v1::Sample { value: s.value, timestamp: s.timestamp }).collect(),
        exemplars: s
            .exemplars
            .iter()
            .map(|e| v1::Exemplar { labels: labels(&e.labels_refs), value: e.value, timestamp: e.timestamp })
            .collect(),
        // Both protocols write a histogram alike.
        histograms: s.histograms.iter().map(|h| v1::Histogram::decode(&h.encode_to_vec()[..]).unwrap()).collect(),
    };
    let metadata = message.timeseries.iter().filter_map(|s| s.metadata).map(|m| v1::MetricMetadata {
        r#type: m.r#type,
        metric_family_name: symbol(m.unit_ref),
        help: symbol(m.help_ref),
        unit: String::new(),
    });
    v1::WriteRequest { timeseries: message.timeseries.iter().map(series).collect(), metadata: metadata.collect() }
}

/// Encodes `message` again field by field: shuffled by `seed`, with unknown fields between them, packed numbers
/// unpacked, and with some fields twice, each where `twists` says so. Messages inside get the same.
pub(super) fn respell(message: &[u8], twists: &mut impl Iterator<Item = u8>, depth: usize) -> Vec<u8> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    let mut walk = wire::Fields::new(message);
    loop {
        let at = message.len() - walk.left();
        let Ok(Some((number, value))) = walk.next() else { break };
        let field = message[at..message.len() - walk.left()].to_vec();
        let twist = twists.next().unwrap_or(0);
        let inner = if let wire::Value::Bytes(inner) = value { Some(inner) } else { None };
        match (inner, twist % 8) {
            // Messages of numbers only: labels_refs, deltas and counts; anything else of one byte is no message.
            (Some(inner), 0 | 1) if depth < 2 && is_message(inner) => {
                let inner = respell(inner, twists, depth + 1);
                let mut again = Vec::new();
                prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut again);
                prost::encoding::encode_varint(inner.len() as u64, &mut again);
                again.extend(inner);
                fields.push(again);
            }
            (_, 2) => fields.extend([field.clone(), field]),
            (_, 3) => fields.extend([field, b"\xaa\x06\x03abc".to_vec()]),
            (_, 4) => fields.extend([
                b"\xa8\x06\xff\x01\xa1\x06\x01\x02\x03\x04\x05\x06\x07\x08\xa5\x06\x01\x02\x03\x04".to_vec(),
                field,
            ]),
            (_, 5) => fields.insert(fields.len() / 2, field),
            _ => fields.push(field),
        }
    }
    fields.concat()
}

fn is_message(bytes: &[u8]) -> bool {
    let mut walk = wire::Fields::new(bytes);
    loop {
        match walk.next() {
            Ok(None) => return true,
            Ok(Some(_)) => {}
            Err(_) => return false,
        }
    }
}

/// Each packed list of a 2.0 message's series written one number at a time.
pub(super) fn unpacked(message: &v2::Request) -> Vec<u8> {
    let mut out = v2::Request { symbols: message.symbols.clone(), timeseries: vec![] }.encode_to_vec();
    for series in &message.timeseries {
        let mut bytes = v2::TimeSeries { labels_refs: vec![], histograms: vec![], ..series.clone() }.encode_to_vec();
        for symbol in &series.labels_refs {
            bytes.push(0x08);
            prost::encoding::encode_varint(u64::from(*symbol), &mut bytes);
        }
        for histogram in &series.histograms {
            let lists = (&histogram.positive_deltas, &histogram.positive_counts, &histogram.custom_values);
            let bare = v2::Histogram {
                positive_deltas: vec![],
                positive_counts: vec![],
                custom_values: vec![],
                ..histogram.clone()
            };
            let mut inner = bare.encode_to_vec();
            for delta in lists.0 {
                prost::encoding::sint64::encode(12, delta, &mut inner);
            }
            for count in lists.1 {
                prost::encoding::double::encode(13, count, &mut inner);
            }
            for bound in lists.2 {
                prost::encoding::double::encode(16, bound, &mut inner);
            }
            prost::encoding::bytes::encode(3, &inner, &mut bytes);
        }
        prost::encoding::bytes::encode(5, &bytes, &mut out);
    }
    out
}
