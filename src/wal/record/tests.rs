use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    model::{BucketCounts, BucketSpan, FieldType, Histogram, ResetHint, STALE_NAN_BITS},
    seams::catalog::{CatalogEntry, Field},
};

fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        any::<i64>().prop_map(|v| v as f64),
        (-1000i64..1000).prop_map(|v| v as f64),
        prop::sample::select(vec![0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::from_bits(STALE_NAN_BITS), 5e-324]),
    ]
}

fn times() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), Just(1_700_000_000_000), 1_700_000_000_000i64..1_700_000_100_000]
}

fn starts() -> impl Strategy<Value = i64> {
    prop_oneof![4 => Just(0), 2 => Just(1_699_999_000_000), 1 => times()]
}

fn ids() -> impl Strategy<Value = SeriesId> {
    prop_oneof![any::<u32>(), 0u32..50].prop_map(SeriesId)
}

fn labels() -> impl Strategy<Value = Labels> {
    prop::collection::btree_map("\\PC{1,5}", "\\PC{1,9}", 0..5).prop_map(|pairs| Labels::from_pairs(&pairs).unwrap())
}

fn spans() -> impl Strategy<Value = Vec<BucketSpan>> {
    let span = (any::<i32>(), any::<u32>()).prop_map(|(offset, length)| BucketSpan { offset, length });
    prop::collection::vec(span, 0..4)
}

fn some_floats() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(floats(), 0..5)
}

fn histograms() -> impl Strategy<Value = Histogram> {
    let deltas = || prop::collection::vec(any::<i64>(), 0..5);
    let counts = prop_oneof![
        (any::<u64>(), any::<u64>(), deltas(), deltas())
            .prop_map(|(count, zero, positive, negative)| BucketCounts::Integer { count, zero, positive, negative }),
        (floats(), floats(), some_floats(), some_floats())
            .prop_map(|(count, zero, positive, negative)| BucketCounts::Float { count, zero, positive, negative }),
    ];
    (0..4i32, any::<i32>(), floats(), floats(), spans(), spans(), some_floats(), counts).prop_map(
        |(hint, schema, zero_threshold, sum, positive_spans, negative_spans, custom_values, counts)| Histogram {
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

fn batches() -> impl Strategy<Value = Batch> {
    let float = (ids(), times(), floats(), starts()).prop_map(|(series, time, value, start)| FloatSample {
        series,
        time,
        value,
        start,
    });
    let histogram = (ids(), times(), histograms(), starts()).prop_map(|(series, time, value, start)| HistogramSample {
        series,
        time,
        value,
        start,
    });
    let exemplar = (ids(), labels(), floats(), times())
        .prop_map(|(id, labels, value, time)| (id, Exemplar { labels, value, time }));
    let metadata = ("\\PC{0,9}", 0..8i32, "\\PC{0,30}", "\\PC{0,4}").prop_map(|(family, kind, help, unit)| Metadata {
        family,
        metric_type: MetricType::from_number(kind),
        help,
        unit,
    });
    let name = || "\\PC{0,9}".prop_map(|text| Arc::from(text.as_str()));
    let entry = prop_oneof![
        name().prop_map(CatalogEntry::Database),
        (name(), name(), name(), name(), prop::sample::select(FieldType::ALL.to_vec())).prop_map(
            |(database, measurement, name, metric, field_type)| {
                CatalogEntry::Field(Field { database, measurement, name, metric, field_type })
            }
        ),
    ];
    (
        prop::collection::vec((ids(), labels()), 0..6),
        prop::collection::vec(float, 0..40),
        prop::collection::vec(histogram, 0..4),
        prop::collection::vec(exemplar, 0..4),
        prop::collection::vec(metadata, 0..4),
        prop::collection::vec(entry.prop_map(Arc::new), 0..3),
    )
        .prop_map(|(series, floats, histograms, exemplars, metadata, catalog)| Batch {
            witnessed: false,
            series,
            fingerprints: Vec::new(),
            floats,
            histograms,
            exemplars,
            metadata,
            catalog,
        })
}

fn same_bits(a: &Batch, b: &Batch) -> bool {
    let floats =
        |batch: &Batch| batch.floats.iter().map(|s| (s.series, s.time, s.start, s.value.to_bits())).collect::<Vec<_>>();
    let exemplars = |batch: &Batch| -> Vec<_> {
        batch.exemplars.iter().map(|(id, e)| (*id, e.labels.clone(), e.time, e.value.to_bits())).collect()
    };
    a.series == b.series
        && floats(a) == floats(b)
        && exemplars(a) == exemplars(b)
        && a.metadata == b.metadata
        && a.catalog == b.catalog
        && a.histograms.len() == b.histograms.len()
        && a.histograms
            .iter()
            .zip(&b.histograms)
            .all(|(x, y)| (x.series, x.time, x.start) == (y.series, y.time, y.start) && x.value.same_bits(&y.value))
}

fn encoded(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    encode(batch, &mut out);
    out
}

#[test]
fn a_scrape_of_counters_takes_few_bytes_a_sample() {
    let sample = |i: u32| FloatSample {
        series: SeriesId(1000 + i),
        time: 1_700_000_000_000,
        value: f64::from(i * 10),
        start: 0,
    };
    let batch = Batch { floats: (0..500).map(sample).collect(), ..Batch::default() };
    let bytes = encoded(&batch).len();
    assert!(bytes < 500 * 4, "{bytes} bytes for 500 samples");
}

#[test]
fn start_times_that_repeat_take_a_few_bytes_and_none_takes_nothing() {
    let sample = |i: u32, start| FloatSample { series: SeriesId(i), time: 1_700_000_000_000, value: 1.0, start };
    let bytes = |start: fn(u32) -> i64| {
        encoded(&Batch { floats: (0..500).map(|i| sample(i, start(i))).collect(), ..Batch::default() }).len()
    };
    let without = bytes(|_| 0);
    assert_eq!(without, 500 * 2 + 12, "as in version 1");
    assert!(bytes(|_| 1_699_990_000_000) < without + 15);
    assert!(bytes(|i| if i % 4 == 0 { 0 } else { 1_699_990_000_000 }) < without + 500);
}

#[test]
fn a_run_of_start_times_beyond_the_samples_is_refused() {
    let float = FloatSample { series: SeriesId(1), time: 5, value: 1.0, start: 3 };
    let mut bytes = encoded(&Batch { floats: vec![float], ..Batch::default() });
    let run = bytes.len() - 2;
    assert_eq!(bytes[run], 3);
    for wrong in [5, 1] {
        bytes[run] = wrong;
        assert!(decode(&bytes).unwrap_err().to_string().contains("a run of start times"), "{wrong}");
    }
}

#[test]
fn a_record_that_has_lost_its_start_times_is_refused() {
    let float = FloatSample { series: SeriesId(1), time: 5, value: 1.0, start: 3 };
    let bytes = encoded(&Batch { floats: vec![float], ..Batch::default() });
    let without = encoded(&Batch { floats: vec![FloatSample { start: 0, ..float }], ..Batch::default() });
    assert_eq!(bytes.len(), 5 + without.len() + 2, "the mark, the lists, one run");
    assert!(decode(&bytes[..bytes.len() - 2]).is_err());
    assert_eq!(decode(&bytes[5..bytes.len() - 2]).unwrap().floats, [FloatSample { start: 0, ..float }]);
}

#[test]
fn an_empty_batch_is_five_zeros() {
    assert_eq!(encoded(&Batch::default()), [0; 5]);
}

#[test]
fn a_count_beyond_the_bytes_is_refused_before_anything_is_allocated() {
    let mut bytes = vec![0];
    varint::put(&mut bytes, u64::MAX);
    let error = decode(&bytes).unwrap_err().to_string();
    assert!(error.contains("floats is 18446744073709551615, which is more than the 5 possible"), "{error}");
}

#[test]
fn an_id_outside_32_bits_is_refused() {
    let mut bytes = vec![1];
    varint::put_signed(&mut bytes, -1);
    bytes.extend([0, 0, 0, 0, 0, 0]);
    assert!(decode(&bytes).unwrap_err().to_string().contains("a series id"));
}

proptest! {
    #[test]
    fn a_batch_comes_back_to_the_bit_and_in_order(batch in batches()) {
        let bytes = encoded(&batch);
        prop_assert!(same_bits(&decode(&bytes).unwrap(), &batch));
    }

    #[test]
    fn a_record_cut_short_is_refused(batch in batches(), cut: prop::sample::Index) {
        let bytes = encoded(&batch);
        prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..4], 0..300)) {
        if let Ok(batch) = decode(&bytes) {
            prop_assert!(same_bits(&decode(&encoded(&batch)).unwrap(), &batch));
        }
    }
}
