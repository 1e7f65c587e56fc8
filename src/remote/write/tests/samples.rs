//! Samples, native histograms and exemplars.

use prost::Message;

use super::{NOW, Request2, Stored, TRACE, UP, labels, rejected, write, written};
use crate::{
    model::{Histogram, STALE_NAN, STALE_NAN_BITS},
    remote::{proto::v2, write::Protocol},
    seams::append::fake::MemoryAppend,
};

fn integer(count: u64, zero: u64, positive: &[i64], negative: &[i64]) -> v2::Histogram {
    let spans = |deltas: &[i64]| vec![v2::BucketSpan { offset: 0, length: deltas.len() as u32 }];
    v2::Histogram {
        count: Some(v2::histogram::Count::CountInt(count)),
        zero_count: Some(v2::histogram::ZeroCount::ZeroCountInt(zero)),
        sum: 10.0,
        zero_threshold: 0.001,
        positive_spans: spans(positive),
        positive_deltas: positive.to_vec(),
        negative_spans: spans(negative),
        negative_deltas: negative.to_vec(),
        timestamp: NOW,
        ..Default::default()
    }
}

fn custom() -> v2::Histogram {
    v2::Histogram {
        schema: -53,
        zero_threshold: 0.0,
        negative_spans: vec![],
        custom_values: vec![0.1, 1.0, 10.0],
        ..integer(6, 0, &[1, 1, 1], &[])
    }
}

#[test]
fn single_metrics_are_stored_with_any_utf8_in_their_labels_and_any_value() {
    for value in ["plain", "line\nbreak", "with.dots", "with spaces", "🎉 \"quoted\""] {
        for number in [1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, STALE_NAN, f64::MAX, 5e-324] {
            let append = MemoryAppend::default();
            let set = [("__name__", "up"), (value, value)];
            assert_eq!(Request2::new().series(&set).sample(NOW, number).write(&append), Ok(written(1, 0, 0)));
            assert_eq!(Stored::since(&append, 0).floats, [(labels(&set), NOW, number.to_bits())]);
        }
    }
}

#[test]
fn a_negative_zero_keeps_its_sign() {
    let append = MemoryAppend::default();
    let mut request = Request2::new().series(UP).sample(NOW, 1.0).message.encode_to_vec();
    // The generated encoder would leave a -0 out.
    let at = request.windows(8).position(|w| w == 1f64.to_le_bytes()).unwrap();
    request[at..at + 8].copy_from_slice(&(-0f64).to_le_bytes());
    assert_eq!(write(Protocol::V2, &request, &append), Ok(written(1, 0, 0)));
    assert_eq!(Stored::since(&append, 0).floats[0].2, 1 << 63);
}

#[test]
fn samples_too_far_ahead_are_refused_one_by_one() {
    let append = MemoryAppend::default();
    let limit = NOW + 600_000;
    let request = Request2::new().series(UP).sample(limit, 1.0).sample(limit + 1, 2.0).sample(i64::MAX, 3.0);
    let request = request.exemplar(TRACE, limit + 1, 1.0).sample(i64::MIN, 4.0);
    let (stored, message) = rejected(request.write(&append));
    assert_eq!(stored, written(2, 0, 0));
    assert!(message.starts_with("3 refused") && message.contains("the sample at 1700000600001 ms"), "{message}");
    assert!(message.contains(r#"{__name__="up", job="test"}"#), "{message}");
    let far = v2::Histogram { timestamp: limit + 1, ..integer(0, 0, &[], &[]) };
    let new = Request2::new().series(&[("__name__", "new")]).histogram(far);
    assert_eq!(rejected(new.write(&append)).0, written(0, 0, 0));
    assert!(append.batches().iter().all(|b| b.series.len() == 1), "nothing is defined for a series without a sample");
}

#[test]
fn start_timestamps_of_samples_are_kept_and_that_of_a_series_is_skipped() {
    let append = MemoryAppend::default();
    let mut request = Request2::new().series(UP).sample(NOW, 1.0).sample(NOW - 1, 1.0);
    request.last().samples[0].start_timestamp = NOW - 3_600_000;
    request = request.histogram(v2::Histogram { start_timestamp: NOW - 7_200_000, ..integer(0, 0, &[], &[]) });
    let mut series = request.last().encode_to_vec();
    // The retired field 6 of the series, which some libraries still send.
    series.push(0x30);
    prost::encoding::encode_varint((NOW - 3_600_000) as u64, &mut series);
    let mut message = v2::Request { symbols: request.message.symbols.clone(), timeseries: vec![] }.encode_to_vec();
    message.push(0x2a);
    prost::encoding::encode_varint(series.len() as u64, &mut message);
    message.extend(series);
    assert_eq!(write(Protocol::V2, &message, &append), Ok(written(2, 1, 0)));
    let up = labels(UP);
    let kept = [(up.clone(), NOW, NOW - 3_600_000), (up, NOW, NOW - 7_200_000)];
    assert_eq!(Stored::since(&append, 0).starts, kept);
}

#[test]
fn histograms_of_every_shape_are_stored() {
    let shapes = [
        integer(16, 2, &[1, 2, 0], &[3, 1]),
        custom(),
        integer(7, 0, &[3, 1], &[]),
        integer(7, 0, &[], &[3, 1]),
        integer(5, 5, &[], &[]),
        integer(0, 0, &[], &[]),
        v2::Histogram { timestamp: NOW, ..Default::default() },
        v2::Histogram { schema: 12, ..integer(7, 0, &[3, 1], &[]) },
    ];
    for shape in shapes {
        let append = MemoryAppend::default();
        let request = Request2::new().series(UP).histogram(shape).metadata(3, "help", "s").exemplar(TRACE, NOW, 1.0);
        assert_eq!(request.write(&append), Ok(written(0, 1, 1)));
        let stored = Stored::since(&append, 0);
        assert!(stored.histograms[0].2.schema <= 8);
        assert_eq!(stored.metadata[0].family, "up");
    }
}

#[test]
fn a_histogram_whose_buckets_do_not_add_up_is_refused_and_the_rest_stored() {
    let append = MemoryAppend::default();
    let request =
        Request2::new().series(UP).histogram(integer(99, 2, &[1, 2], &[])).histogram(integer(6, 2, &[1, 2], &[]));
    let (stored, message) = rejected(request.exemplar(TRACE, NOW, 1.0).write(&append));
    assert_eq!(stored, written(0, 1, 1));
    assert!(message.contains("6 observations found in buckets, but the count is 99"), "{message}");
}

#[test]
fn float_histograms_and_stale_ones_keep_what_matters() {
    let append = MemoryAppend::default();
    let float = v2::Histogram {
        count: Some(v2::histogram::Count::CountFloat(6.5)),
        positive_spans: vec![v2::BucketSpan { offset: 3, length: 1 }],
        positive_counts: vec![6.5],
        reset_hint: 3,
        timestamp: NOW,
        ..Default::default()
    };
    let stale = v2::Histogram { sum: STALE_NAN, timestamp: NOW + 1, ..integer(99, 1, &[1], &[]) };
    assert_eq!(Request2::new().series(UP).histogram(float).histogram(stale).write(&append), Ok(written(0, 2, 0)));
    let stored = Stored::since(&append, 0).histograms;
    assert!(matches!(&stored[0].2.counts, crate::model::BucketCounts::Float { count, .. } if *count == 6.5));
    assert!(stored[1].2.same_bits(&Histogram::stale()) && stored[1].2.sum.to_bits() == STALE_NAN_BITS);
}

#[test]
fn exemplars_are_stored_with_any_labels_and_counted() {
    let shapes: [&[(&str, &str)]; 5] = [&[], TRACE, &[("a", "1"), ("b", "ü")], &[("ключ", "значение")], &[("x", "")]];
    for shape in shapes {
        for value in [0.0, -1.0, 1e300, 5e-324, f64::INFINITY, f64::NEG_INFINITY] {
            let append = MemoryAppend::default();
            let request = Request2::new().series(UP).sample(NOW, 1.0).exemplar(shape, 0, value);
            assert_eq!(request.write(&append), Ok(written(1, 0, 1)));
            let want = (labels(UP), labels(shape), 0, value.to_bits());
            assert_eq!(Stored::since(&append, 0).exemplars, [want]);
        }
    }
}

#[test]
fn exemplars_with_too_many_characters_or_broken_labels_are_refused() {
    let append = MemoryAppend::default();
    let (fits, long) = ("ü".repeat(120), "ü".repeat(121));
    let request = Request2::new().series(UP).sample(NOW, 1.0).exemplar(&[("trace_id", &fits)], NOW, 1.0);
    assert_eq!(request.write(&append), Ok(written(1, 0, 1)));
    let request = Request2::new().series(UP).sample(NOW, 1.0).exemplar(&[("trace_id", &long)], NOW, 1.0);
    let (stored, message) = rejected(request.write(&append));
    assert_eq!(stored, written(1, 0, 0));
    assert!(message.contains("129 characters"), "{message}");
    let twice = Request2::new().series(UP).exemplar(&[("a", "1"), ("a", "2")], NOW, 1.0).sample(NOW, 1.0);
    assert_eq!(rejected(twice.write(&append)).0, written(1, 0, 0));
    let nameless = Request2::new().series(&[("job", "x")]).sample(NOW, 1.0).exemplar(TRACE, NOW, 1.0);
    assert_eq!(rejected(nameless.write(&append)).0, written(0, 0, 0));
}

#[test]
fn several_samples_and_exemplars_of_one_series_keep_their_order() {
    let append = MemoryAppend::default();
    let times = [NOW - 3_600_000, NOW - 60_000, NOW];
    let mut request = Request2::new().series(UP);
    for t in times {
        request = request.sample(t, t as f64).exemplar(TRACE, t, 1.0);
    }
    assert_eq!(request.write(&append), Ok(written(3, 0, 3)));
    assert_eq!(Stored::since(&append, 0).floats.iter().map(|f| f.1).collect::<Vec<_>>(), times);
}

#[test]
fn fifty_series_with_everything_are_counted_exactly() {
    let append = MemoryAppend::default();
    let (mut counters, mut histograms) = (Request2::new(), Request2::new());
    for i in 0..50 {
        let name = format!("metric_{i}");
        let set = [("__name__", name.as_str()), ("i", "🎉\n\"x\"")];
        counters = counters.series(&set).sample(NOW, 1.0).metadata(1, "h", "").exemplar(TRACE, NOW, 1.0);
        let set = [("i", "1"), ("__name__", name.as_str())];
        histograms = histograms.series(&set).histogram(custom()).metadata(3, "h", "").exemplar(TRACE, NOW, 1.0);
    }
    for _ in 0..2 {
        assert_eq!(counters.write(&append), Ok(written(50, 0, 50)));
        assert_eq!(histograms.write(&append), Ok(written(0, 50, 50)));
    }
}

#[test]
fn one_time_twice_counts_twice_and_stands_in_order_for_the_last_to_win() {
    let append = MemoryAppend::default();
    let request = Request2::new().series(UP).sample(NOW, 1.0).sample(NOW, 2.0);
    assert_eq!(request.write(&append), Ok(written(2, 0, 0)));
    let values: Vec<f64> = append.batches()[0].floats.iter().map(|f| f.value).collect();
    assert_eq!(values, [1.0, 2.0]);
}
