use proptest::prelude::*;

use super::*;
use crate::model::BucketCounts;
use crate::model::{BucketSpan, CUSTOM_BUCKETS_SCHEMA, ResetHint};

fn round_trip(samples: &[Histogram]) -> usize {
    let mut bytes = Vec::new();
    encode(samples, &mut bytes);
    let memory = samples.iter().map(Histogram::memory).sum();
    let mut out = Vec::new();
    decode(&bytes, samples.len(), memory, &mut out).unwrap();
    assert_eq!(out.len(), samples.len());
    for (a, b) in out.iter().zip(samples) {
        assert!(a.same_bits(b), "{a:?} instead of {b:?}");
    }
    bytes.len()
}

fn growing(i: u64) -> Histogram {
    Histogram {
        reset_hint: ResetHint::NotReset,
        schema: 3,
        zero_threshold: 1e-128,
        sum: i as f64 * 1.5,
        positive_spans: vec![BucketSpan { offset: -2, length: 3 }, BucketSpan { offset: 4, length: 1 }],
        negative_spans: Vec::new(),
        custom_values: Vec::new(),
        counts: BucketCounts::Integer {
            count: 10 * i,
            zero: i,
            positive: vec![2 * i as i64, i as i64, -(i as i64), 0],
            negative: Vec::new(),
        },
    }
}

#[test]
fn a_histogram_that_grows_evenly_costs_little_more_than_a_byte_a_field() {
    let samples: Vec<Histogram> = (0..100).map(growing).collect();
    assert!(round_trip(&samples) < 40 + 100 * (6 + 9));
    assert_eq!(round_trip(&[]), 0);
}

#[test]
fn a_change_of_layout_starts_a_new_run() {
    let mut samples: Vec<Histogram> = (0..10).map(growing).collect();
    samples[4].zero_threshold = -0.0;
    samples[5] = Histogram::stale();
    samples[7].schema = CUSTOM_BUCKETS_SCHEMA;
    samples[7].custom_values = vec![f64::NAN, 1.0];
    samples[8].counts =
        BucketCounts::Float { count: -0.0, zero: f64::NAN, positive: vec![1.5], negative: vec![0.0; 9] };
    round_trip(&samples);
}

#[test]
fn more_memory_than_allowed_is_refused_but_a_single_histogram_never() {
    let samples = [growing(1), growing(2)];
    let mut bytes = Vec::new();
    encode(&samples, &mut bytes);
    let mut out = Vec::new();
    assert!(matches!(decode(&bytes, 2, samples[0].memory(), &mut out), Err(CodecError::Range { .. })));
    bytes.clear();
    encode(&samples[..1], &mut bytes);
    decode(&bytes, 1, 0, &mut out).unwrap();
}

fn spans() -> impl Strategy<Value = Vec<BucketSpan>> {
    prop::collection::vec((any::<i32>(), any::<u32>()).prop_map(|(offset, length)| BucketSpan { offset, length }), 0..4)
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![any::<u64>().prop_map(f64::from_bits), (0i32..100).prop_map(f64::from)]
}

fn counts() -> impl Strategy<Value = BucketCounts> {
    let integers = || prop::collection::vec(prop_oneof![any::<i64>(), -9i64..9], 0..6);
    let floats = || prop::collection::vec(float(), 0..6);
    prop_oneof![
        (any::<u64>(), 0u64..99, integers(), integers())
            .prop_map(|(count, zero, positive, negative)| BucketCounts::Integer { count, zero, positive, negative }),
        (float(), float(), floats(), floats()).prop_map(|(count, zero, positive, negative)| BucketCounts::Float {
            count,
            zero,
            positive,
            negative
        }),
    ]
}

fn histogram() -> impl Strategy<Value = Histogram> {
    let scalars = (0..4i32, any::<i32>(), float(), float());
    (scalars, spans(), spans(), prop::collection::vec(float(), 0..3), counts()).prop_map(
        |((hint, schema, zero_threshold, sum), positive_spans, negative_spans, custom_values, counts)| Histogram {
            reset_hint: ResetHint::from_number(hint),
            schema,
            zero_threshold,
            sum,
            positive_spans,
            negative_spans,
            custom_values,
            counts,
        },
    )
}

proptest! {
    #[test]
    fn any_histograms_valid_or_not_come_back(
        shapes in prop::collection::vec((histogram(), prop::collection::vec((float(), any::<u64>()), 0..5)), 0..6),
    ) {
        let mut samples = Vec::new();
        for (shape, runs) in shapes {
            samples.push(shape.clone());
            for (sum, bits) in runs {
                let mut next = Histogram { sum, ..shape.clone() };
                match &mut next.counts {
                    BucketCounts::Integer { count, positive, .. } => {
                        *count = bits;
                        positive.iter_mut().for_each(|p| *p = p.wrapping_add(bits as i64));
                    }
                    BucketCounts::Float { zero, negative, .. } => {
                        *zero = f64::from_bits(bits);
                        negative.iter_mut().for_each(|n| *n += 1.0);
                    }
                }
                samples.push(next);
            }
        }
        round_trip(&samples);
    }

    #[test]
    fn any_bytes_are_answered_within_the_memory(bytes in prop::collection::vec(any::<u8>(), 0..300), count in 0usize..100) {
        let mut out = Vec::new();
        let _ = decode(&bytes, count, 4096, &mut out);
        prop_assert!(out.len() <= count);
        prop_assert!(out.len() <= 1 || out.iter().map(Histogram::memory).sum::<usize>() <= 4096);
    }

    #[test]
    fn damaged_columns_are_answered(samples in prop::collection::vec(histogram(), 1..4), at: prop::sample::Index, to: u8) {
        let mut bytes = Vec::new();
        encode(&samples, &mut bytes);
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _ = decode(&bytes, samples.len(), 1 << 20, &mut Vec::new());
    }
}
