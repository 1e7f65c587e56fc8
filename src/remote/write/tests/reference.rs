//! The walk held against a second reading of the protocols: messages decoded by the generated types, rules applied the
//! plain way, series by series.
//!
//! On any bytes both must store the same or both call them malformed, with two intended differences: the generated
//! decoder skips groups, which the walk refuses, and it refuses a message for text that is not UTF-8, where the walk
//! refuses the series.

use proptest::prelude::*;
use prost::Message;

use super::{
    NOW, Stored,
    messages::{as_v1, message_v2, respell, unpacked},
    write,
};
use crate::{
    model::{BucketCounts, BucketSpan, Histogram, Labels, Metadata, MetricType, ResetHint, admit},
    remote::{
        WireError,
        proto::{v1, v2},
        write::{Malformed, Protocol, WriteError, Written, family},
    },
    seams::append::fake::MemoryAppend,
};

/// What a request should do.
#[derive(Debug, Default)]
struct Expected {
    stored: Stored,
    /// Start times of floats and of histograms.
    starts: [Vec<(Labels, i64, i64)>; 2],
    written: Written,
    refused: bool,
}

/// Label pairs, unless they can't be made out.
type Pairs = Option<Vec<(String, String)>>;

/// A series in neither protocol's types.
struct Plain {
    labels: Pairs,
    samples: Vec<(i64, f64, i64)>,
    histograms: Vec<(i64, Histogram, i64)>,
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
        for (time, value, start) in series.samples {
            if time > latest {
                self.refused = true;
            } else {
                self.stored.floats.push((labels.clone(), time, value.to_bits()));
                self.starts[0].extend((start != 0).then(|| (labels.clone(), time, start)));
                self.written.samples += 1;
            }
        }
        for (time, mut histogram, start) in series.histograms {
            if time > latest || admit(&mut histogram).is_err() {
                self.refused = true;
            } else {
                self.stored.histograms.push((labels.clone(), time, histogram));
                self.starts[1].extend((start != 0).then(|| (labels.clone(), time, start)));
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
    ($module:ident, $sent:expr, $start:expr) => {{
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
        (sent.timestamp, histogram, $start)
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
            samples: series.samples.iter().map(|s| (s.timestamp, s.value, 0)).collect(),
            histograms: series.histograms.iter().map(|h| plain_histogram!(v1, h, 0)).collect(),
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
            samples: series.samples.iter().map(|s| (s.timestamp, s.value, s.start_timestamp)).collect(),
            histograms: series.histograms.iter().map(|h| plain_histogram!(v2, h, h.start_timestamp)).collect(),
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
        want.starts = expected.starts.concat();
        if again && protocol == Protocol::V2 {
            // What is known is not described again.
            stored.metadata.retain(|m| want.metadata.contains(m));
            want.metadata.retain(|m| stored.metadata.contains(m));
        }
        prop_assert_eq!(comparable(&stored), comparable(&want));
    }
    Ok(())
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
