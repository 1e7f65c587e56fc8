//! The walk held against a second reading of the protocols: messages decoded by the generated types, rules applied the
//! plain way, series by series.
//!
//! On any bytes both must store the same or both call them malformed, with two intended differences: the generated
//! decoder skips groups, which the walk refuses, and it refuses a message for text that is not UTF-8, where the walk
//! refuses the series.

use proptest::prelude::*;
use prost::Message;

use super::{
    Malformed, Protocol, WriteError, Written, family,
    histogram::admit,
    testing::{NOW, Stored, write},
};
use crate::{
    model::{BucketCounts, BucketSpan, Histogram, Labels, Metadata, MetricType, ResetHint},
    remote::{
        WireError,
        proto::{v1, v2},
    },
    seams::append::fake::MemoryAppend,
};

/// What a request should do.
#[derive(Debug, Default)]
struct Expected {
    stored: Stored,
    written: Written,
    refused: bool,
}

/// Label pairs, unless they can't be made out.
type Pairs = Option<Vec<(String, String)>>;

/// A series in neither protocol's types.
struct Plain {
    labels: Pairs,
    samples: Vec<(i64, f64)>,
    histograms: Vec<(i64, Histogram)>,
    exemplars: Vec<(Pairs, i64, f64)>,
    metadata: Option<(MetricType, String, String)>,
}

impl Expected {
    fn add(&mut self, series: Plain) {
        let latest = NOW + 600_000;
        let labels = series.labels.and_then(|pairs| Labels::from_pairs(pairs).ok());
        let Some(labels) = labels.filter(|l| l.metric_name().is_some()) else {
            self.refused = true;
            return;
        };
        if let Some((metric_type, help, unit)) = series.metadata {
            let name = labels.metric_name().unwrap();
            let family = family::family_of(name, metric_type, !series.histograms.is_empty());
            self.describe(family, metric_type, help, unit);
        }
        for (time, value) in series.samples {
            if time > latest {
                self.refused = true;
            } else {
                self.stored.floats.push((labels.clone(), time, value.to_bits()));
                self.written.samples += 1;
            }
        }
        for (time, mut histogram) in series.histograms {
            if time > latest || admit(&mut histogram).is_err() {
                self.refused = true;
            } else {
                self.stored.histograms.push((labels.clone(), time, histogram));
                self.written.histograms += 1;
            }
        }
        for (own, time, value) in series.exemplars {
            let own = own.and_then(|pairs| Labels::from_pairs(pairs).ok());
            let chars = |l: &Labels| l.iter().map(|(n, v)| n.chars().count() + v.chars().count()).sum::<usize>();
            match own.filter(|own| time <= latest && chars(own) <= 128) {
                None => self.refused = true,
                Some(own) => {
                    self.stored.exemplars.push((labels.clone(), own, time, value.to_bits()));
                    self.written.exemplars += 1;
                }
            }
        }
    }

    fn describe(&mut self, family: &str, metric_type: MetricType, help: String, unit: String) {
        if family.is_empty() || (metric_type == MetricType::Unknown && help.is_empty() && unit.is_empty()) {
            return;
        }
        let metadata = Metadata { family: family.to_owned(), metric_type, help, unit };
        if !self.stored.metadata.contains(&metadata) {
            self.stored.metadata.push(metadata);
        }
    }
}

macro_rules! plain_histogram {
    ($module:ident, $sent:expr) => {{
        let sent = $sent;
        let spans = |spans: &[$module::BucketSpan]| -> Vec<BucketSpan> {
            spans.iter().map(|s| BucketSpan { offset: s.offset, length: s.length }).collect()
        };
        let counts = match sent.count {
            Some($module::histogram::Count::CountFloat(count)) => BucketCounts::Float {
                count,
                zero: match sent.zero_count {
                    Some($module::histogram::ZeroCount::ZeroCountFloat(zero)) => zero,
                    _ => 0.0,
                },
                positive: sent.positive_counts.clone(),
                negative: sent.negative_counts.clone(),
            },
            count => BucketCounts::Integer {
                count: match count {
                    Some($module::histogram::Count::CountInt(count)) => count,
                    _ => 0,
                },
                zero: match sent.zero_count {
                    Some($module::histogram::ZeroCount::ZeroCountInt(zero)) => zero,
                    _ => 0,
                },
                positive: sent.positive_deltas.clone(),
                negative: sent.negative_deltas.clone(),
            },
        };
        let histogram = Histogram {
            reset_hint: ResetHint::from_number(sent.reset_hint),
            schema: sent.schema,
            zero_threshold: sent.zero_threshold,
            sum: sent.sum,
            positive_spans: spans(&sent.positive_spans),
            negative_spans: spans(&sent.negative_spans),
            custom_values: sent.custom_values.clone(),
            counts,
        };
        (sent.timestamp, histogram)
    }};
}

fn expect_v1(message: &v1::WriteRequest) -> Expected {
    let pairs = |labels: &[v1::Label]| Some(labels.iter().map(|l| (l.name.clone(), l.value.clone())).collect());
    let mut expected = Expected::default();
    for series in &message.timeseries {
        if series.samples.is_empty() && series.histograms.is_empty() && series.exemplars.is_empty() {
            continue;
        }
        expected.add(Plain {
            labels: pairs(&series.labels),
            samples: series.samples.iter().map(|s| (s.timestamp, s.value)).collect(),
            histograms: series.histograms.iter().map(|h| plain_histogram!(v1, h)).collect(),
            exemplars: series.exemplars.iter().map(|e| (pairs(&e.labels), e.timestamp, e.value)).collect(),
            metadata: None,
        });
    }
    for m in &message.metadata {
        let metric_type = MetricType::from_number(m.r#type);
        expected.describe(&m.metric_family_name, metric_type, m.help.clone(), m.unit.clone());
    }
    expected
}

fn expect_v2(message: &v2::Request) -> Expected {
    let symbol = |at: u32| message.symbols.get(at as usize).cloned();
    let pairs = |refs: &[u32]| -> Pairs {
        let texts = refs.iter().map(|&r| symbol(r)).collect::<Option<Vec<_>>>()?;
        refs.len().is_multiple_of(2).then(|| texts.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
    };
    let mut expected = Expected::default();
    for series in &message.timeseries {
        let text = |at: u32| if at == 0 { Some(String::new()) } else { symbol(at) };
        let sent = series.metadata.unwrap_or_default();
        let metadata = text(sent.help_ref).zip(text(sent.unit_ref));
        expected.add(Plain {
            labels: pairs(&series.labels_refs).filter(|_| metadata.is_some()),
            samples: series.samples.iter().map(|s| (s.timestamp, s.value)).collect(),
            histograms: series.histograms.iter().map(|h| plain_histogram!(v2, h)).collect(),
            exemplars: series.exemplars.iter().map(|e| (pairs(&e.labels_refs), e.timestamp, e.value)).collect(),
            metadata: metadata.map(|(help, unit)| (MetricType::from_number(sent.r#type), help, unit)),
        });
    }
    expected
}

/// Histograms to the bit, as text: `NaN` is equal to itself there.
fn comparable(stored: &Stored) -> String {
    format!("{stored:?}")
}

/// Writes `bytes` twice, the second time with every series known, and compares both with the reference.
fn compare(protocol: Protocol, bytes: &[u8]) -> Result<(), TestCaseError> {
    let expected = match protocol {
        Protocol::V1 => v1::WriteRequest::decode(bytes).map(|m| expect_v1(&m)),
        Protocol::V2 => v2::Request::decode(bytes).map(|m| expect_v2(&m)),
    };
    let append = MemoryAppend::default();
    for again in [false, true] {
        let before = append.batches().len();
        let answer = write(protocol, bytes, &append);
        let expected = match (&expected, &answer) {
            (Ok(_), Err(WriteError::Malformed(Malformed::Message { source: WireError::Group(_), .. }))) => continue,
            (Err(_), Err(WriteError::Malformed(_))) => continue,
            (Err(error), Ok(_) | Err(WriteError::Rejected { .. })) => {
                prop_assert!(error.to_string().contains("UTF-8"), "{} but {:?}", error, answer);
                continue;
            }
            (Ok(expected), Ok(_) | Err(WriteError::Rejected { .. })) => expected,
            (expected, answer) => {
                return Err(TestCaseError::fail(format!("{expected:?} but {answer:?}")));
            }
        };
        prop_assert_eq!(expected.refused, answer.is_err(), "{:?}", &answer);
        prop_assert_eq!(expected.written, answer.unwrap_or_else(|error| error.written()));
        let mut stored = Stored::since(&append, before);
        let mut want = expected.stored.clone();
        if again && protocol == Protocol::V2 {
            // What is known is not described again.
            stored.metadata.retain(|m| want.metadata.contains(m));
            want.metadata.retain(|m| stored.metadata.contains(m));
        }
        prop_assert_eq!(comparable(&stored), comparable(&want));
    }
    Ok(())
}

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

fn message_v2() -> impl Strategy<Value = v2::Request> {
    let refs = || prop_oneof![9 => prop::collection::vec(0u32..8, 0..4).prop_map(|r| r.repeat(2)), 1 => prop::collection::vec(0u32..12, 0..5)];
    let named = prop::collection::vec(2u32..8, 1..3).prop_map(|mut r| {
        r.resize(2, 3);
        [vec![1], vec![r[0]], r].concat()
    });
    let labels = prop_oneof![3 => named, 1 => refs()];
    let samples = prop::collection::vec((value(), time(), any::<i64>()), 0..3);
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
fn as_v1(message: &v2::Request) -> v1::WriteRequest {
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
fn respell(message: &[u8], twists: &mut impl Iterator<Item = u8>, depth: usize) -> Vec<u8> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    let mut walk = super::super::wire::Fields::new(message);
    loop {
        let at = message.len() - walk.left();
        let Ok(Some((number, value))) = walk.next() else { break };
        let field = message[at..message.len() - walk.left()].to_vec();
        let twist = twists.next().unwrap_or(0);
        let inner = if let super::super::wire::Value::Bytes(inner) = value { Some(inner) } else { None };
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
    let mut walk = super::super::wire::Fields::new(bytes);
    loop {
        match walk.next() {
            Ok(None) => return true,
            Ok(Some(_)) => {}
            Err(_) => return false,
        }
    }
}

/// Each packed list of a 2.0 message's series written one number at a time.
fn unpacked(message: &v2::Request) -> Vec<u8> {
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

proptest! {
    #[test]
    fn the_walk_stores_what_the_generated_types_say(message in message_v2()) {
        compare(Protocol::V2, &message.encode_to_vec())?;
        compare(Protocol::V2, &unpacked(&message))?;
        compare(Protocol::V1, &as_v1(&message).encode_to_vec())?;
    }

    #[test]
    fn other_spellings_of_a_message_mean_the_same(
        message in message_v2(),
        twists in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        compare(Protocol::V2, &respell(&message.encode_to_vec(), &mut twists.iter().copied(), 0))?;
        compare(Protocol::V1, &respell(&as_v1(&message).encode_to_vec(), &mut twists.iter().copied(), 0))?;
    }

    #[test]
    fn damaged_messages_are_refused_by_both_or_mean_the_same(
        message in message_v2(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        shorten: bool,
    ) {
        for (protocol, mut bytes) in
            [(Protocol::V2, message.encode_to_vec()), (Protocol::V1, as_v1(&message).encode_to_vec())]
        {
            if bytes.is_empty() {
                continue;
            }
            for (at, byte) in &damage {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            if shorten {
                bytes.truncate(cut.index(bytes.len()));
            }
            compare(protocol, &bytes)?;
        }
    }

    #[test]
    fn arbitrary_bytes_never_disagree(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        compare(Protocol::V1, &bytes)?;
        compare(Protocol::V2, &bytes)?;
    }
}

#[test]
fn a_group_is_refused_where_the_generated_decoder_would_skip_it() {
    let bytes = b"\xab\x06\xac\x06";
    assert!(v1::WriteRequest::decode(&bytes[..]).is_ok());
    let answer = write(Protocol::V1, bytes, &MemoryAppend::default());
    assert!(matches!(answer, Err(WriteError::Malformed(Malformed::Message { source: WireError::Group(101), .. }))));
}
