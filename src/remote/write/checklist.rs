//! The cases of the receiver compliance suite that don't depend on HTTP, and the rules beyond it, one test each.

use std::time::Duration;

use prost::Message;

use super::{
    Malformed, Protocol, WriteError,
    testing::{NOW, Request2, Stored, labels, rejected, series1, write, write_body, write1, written},
};
use crate::{
    model::{Histogram, Metadata, MetricType, STALE_NAN, STALE_NAN_BITS},
    remote::{
        SnappyError,
        proto::{v1, v2},
    },
    seams::append::{AppendError, fake::MemoryAppend},
};

const UP: &[(&str, &str)] = &[("__name__", "up"), ("job", "test")];
const TRACE: &[(&str, &str)] = &[("trace_id", "abc123")];

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
fn corrupt_bodies_are_malformed() {
    let append = MemoryAppend::default();
    for protocol in [Protocol::V1, Protocol::V2] {
        let snappy = write_body(protocol, b"\x10not snappy", &append);
        assert!(matches!(snappy, Err(WriteError::Malformed(Malformed::Snappy(SnappyError::Corrupt(_))))));
        let framed = write_body(protocol, b"\xff\x06\x00\x00sNaPpY", &append);
        assert!(matches!(framed, Err(WriteError::Malformed(Malformed::Snappy(SnappyError::Framed)))));
        let message = write(protocol, b"\x2a\x05abc", &append);
        assert!(matches!(message, Err(WriteError::Malformed(Malformed::Message { field: 0, .. }))), "{message:?}");
    }
    assert!(append.batches().is_empty());
}

#[test]
fn damage_behind_good_series_stores_nothing() {
    let append = MemoryAppend::default();
    let mut message = Request2::new().series(UP).sample(NOW, 1.0).message.encode_to_vec();
    message.extend([0x2a, 2, 0x12, 9]);
    let error = write(Protocol::V2, &message, &append).unwrap_err();
    assert_eq!(error.written(), written(0, 0, 0));
    let want = "the body is not a valid io.prometheus.write.v2.Request message: top-level field 6: a value runs past the end of its message";
    assert_eq!(error.to_string(), want);
    assert!(append.batches().is_empty());
}

#[test]
fn bodies_beyond_the_limits_are_refused() {
    let append = MemoryAppend::default();
    let body = vec![0; (32 << 20) + 1];
    assert!(matches!(write_body(Protocol::V1, &body, &append), Err(WriteError::TooLarge { .. })));
    let announced = write_body(Protocol::V1, &[0x81, 0x80, 0x80, 0x10, 0], &append);
    let want = SnappyError::TooLong { announced: (32 << 20) + 1, limit: 32 << 20 };
    assert_eq!(announced, Err(WriteError::Malformed(Malformed::Snappy(want))));
}

#[test]
fn floods_of_empty_messages_are_refused_before_they_fill_the_memory() {
    let append = MemoryAppend::default();
    let inside = |number: u8, empty: u8, count: usize| {
        let mut message = vec![number];
        prost::encoding::encode_varint(2 * count as u64, &mut message);
        message.extend([empty, 0].repeat(count));
        message
    };
    // Samples and histograms in one series, then symbols.
    for (protocol, message, floods) in [
        (Protocol::V1, inside(0x0a, 0x12, (4 << 20) + 1), true),
        (Protocol::V1, inside(0x0a, 0x22, (4 << 16) + 1), true),
        (Protocol::V2, inside(0x2a, 0x1a, (4 << 16) + 1), true),
        (Protocol::V2, [0x22, 0].repeat((4 << 20) + 1), true),
        (Protocol::V1, inside(0x0a, 0x12, 4 << 18), false),
    ] {
        let answer = write(protocol, &message, &append);
        let refused = answer == Err(WriteError::Malformed(Malformed::TooMany));
        assert_eq!(refused, floods, "{answer:?}");
    }
}

#[test]
fn a_series_with_too_many_labels_is_refused_and_the_rest_stored() {
    let append = MemoryAppend::default();
    let names: Vec<String> = (0..300).map(|i| format!("n{i}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), "v")).chain(UP.iter().copied()).collect();
    let request = Request2::new().series(&many).sample(NOW, 1.0).series(UP).sample(NOW, 1.0);
    let (stored, message) = rejected(request.write(&append));
    assert_eq!(stored, written(1, 0, 0));
    assert!(message.contains("more than the 256 labels allowed"), "{message}");
    let answer = write1(&[series1(&many, &[(NOW, 1.0)]), series1(UP, &[(NOW, 1.0)])], &append);
    assert_eq!(rejected(answer).0, written(1, 0, 0));
}

#[test]
fn an_empty_message_writes_nothing_and_succeeds() {
    let append = MemoryAppend::default();
    assert_eq!(write(Protocol::V1, b"", &append), Ok(written(0, 0, 0)));
    assert_eq!(write(Protocol::V2, b"", &append), Ok(written(0, 0, 0)));
    assert!(append.batches().is_empty());
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
fn labels_in_any_order_are_one_series() {
    let append = MemoryAppend::default();
    let request = Request2::new().series(UP).sample(NOW - 1, 1.0).series(&[UP[1], UP[0]]).sample(NOW, 2.0);
    assert_eq!(request.write(&append), Ok(written(2, 0, 0)));
    assert_eq!(write1(&[series1(&[UP[1], UP[0]], &[(NOW, 3.0)])], &append), Ok(written(1, 0, 0)));
    assert!(Stored::since(&append, 0).floats.iter().all(|f| f.0 == labels(UP)));
    let series: Vec<_> = append.batches().iter().flat_map(|b| b.floats.clone()).map(|f| f.series).collect();
    assert_eq!(series, [series[0]; 3]);
}

#[test]
fn a_series_without_a_metric_name_is_refused_and_the_others_are_stored() {
    for nameless in [&[("job", "x")][..], &[], &[("__name__", ""), ("job", "x")]] {
        let append = MemoryAppend::default();
        let request = Request2::new().series(UP).sample(NOW, 1.0).series(nameless).sample(NOW, 2.0);
        let (stored, message) = rejected(request.series(UP).sample(NOW - 5, 3.0).write(&append));
        assert_eq!(stored, written(2, 0, 0));
        assert!(message.contains("has no metric name"), "{message}");
        let one = series1(nameless, &[(NOW, 2.0)]);
        assert_eq!(rejected(write1(&[one, series1(UP, &[(NOW, 1.0)])], &append)).0, written(1, 0, 0));
    }
}

#[test]
fn all_series_refused_is_a_rejection_that_stores_nothing() {
    let append = MemoryAppend::default();
    let request = Request2::new().series(&[]).sample(NOW, 1.0).series(&[("a", "b")]).sample(NOW, 1.0);
    assert_eq!(rejected(request.write(&append)).0, written(0, 0, 0));
    assert!(append.batches().is_empty());
}

#[test]
fn duplicate_and_empty_label_names_are_refused_and_empty_values_left_out() {
    let append = MemoryAppend::default();
    for (bad, why) in [(("job", "again"), "more than once"), (("", "x"), "empty name")] {
        let set = [UP[0], UP[1], bad];
        let (stored, message) = rejected(Request2::new().series(&set).sample(NOW, 1.0).write(&append));
        assert_eq!(stored, written(0, 0, 0));
        assert!(message.contains(why), "{message}");
        let (stored, message) = rejected(write1(&[series1(&set, &[(NOW, 1.0)])], &append));
        assert_eq!(stored, written(0, 0, 0));
        assert!(message.contains(why), "{message}");
    }
    let set = [UP[0], UP[1], ("zone", "")];
    assert_eq!(Request2::new().series(&set).sample(NOW, 1.0).write(&append), Ok(written(1, 0, 0)));
    assert_eq!(Stored::since(&append, 0).floats[0].0, labels(UP));
}

#[test]
fn text_that_is_not_utf8_costs_its_series_only() {
    let append = MemoryAppend::default();
    let mut message = Request2::new().series(UP).sample(NOW, 1.0).series(UP).sample(NOW, 2.0).message;
    message.symbols.push("BROKEN".into());
    let broken = message.symbols.len() as u32 - 1;
    message.timeseries[1].labels_refs.extend([1, broken]);
    let mut bytes = message.encode_to_vec();
    let at = bytes.windows(6).position(|w| w == b"BROKEN").unwrap();
    bytes[at] = 0xff;
    let (stored, text) = rejected(write(Protocol::V2, &bytes, &append));
    assert_eq!(stored, written(1, 0, 0));
    assert!(text.contains("not UTF-8"), "{text}");

    let mut bytes =
        v1::WriteRequest { timeseries: vec![series1(&[UP[0], ("x", "BROKEN")], &[(NOW, 1.0)])], metadata: vec![] }
            .encode_to_vec();
    let at = bytes.windows(6).position(|w| w == b"BROKEN").unwrap();
    bytes[at] = 0xff;
    assert_eq!(rejected(write(Protocol::V1, &bytes, &append)).0, written(0, 0, 0));
}

#[test]
fn bad_symbol_references_cost_their_series_only() {
    for (refs, why) in
        [(vec![1, 2, 1], "no whole number of pairs"), (vec![1, 99], "symbol 99"), (vec![u32::MAX, 1], "refers")]
    {
        let append = MemoryAppend::default();
        let mut request = Request2::new().series(UP).sample(NOW, 1.0).series(UP).sample(NOW, 2.0);
        request.last().labels_refs = refs;
        let (stored, message) = rejected(request.write(&append));
        assert_eq!(stored, written(1, 0, 0));
        assert!(message.contains(why), "{message}");
    }
    let append = MemoryAppend::default();
    let no_symbols = v2::Request {
        symbols: vec![],
        timeseries: vec![v2::TimeSeries { labels_refs: vec![0, 0], ..Default::default() }],
    };
    assert_eq!(rejected(write(Protocol::V2, &no_symbols.encode_to_vec(), &append)).0, written(0, 0, 0));
    let mut request = Request2::new().series(UP).sample(NOW, 1.0);
    request.last().metadata = Some(v2::Metadata { r#type: 1, help_ref: 77, unit_ref: 0 });
    assert!(rejected(request.write(&append)).1.contains("symbol 77"));
    let mut request = Request2::new().series(UP).sample(NOW, 1.0).exemplar(TRACE, NOW, 1.0);
    request.last().exemplars[0].labels_refs.push(1);
    assert_eq!(rejected(request.write(&append)).0, written(1, 0, 0));
}

#[test]
fn a_request_whose_first_symbol_is_not_empty_is_accepted() {
    let append = MemoryAppend::default();
    let symbols = ["__name__", "up", "job", "test"].map(str::to_owned).to_vec();
    let samples = vec![v2::Sample { value: 1.0, timestamp: NOW, start_timestamp: 0 }];
    let timeseries = vec![v2::TimeSeries { labels_refs: vec![0, 1, 2, 3], samples, ..Default::default() }];
    let message = v2::Request { symbols, timeseries }.encode_to_vec();
    assert_eq!(write(Protocol::V2, &message, &append), Ok(written(1, 0, 0)));
    assert_eq!(Stored::since(&append, 0).floats[0].0, labels(UP));
    assert_eq!(Stored::since(&append, 0).metadata, []);
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
fn start_timestamps_in_either_place_are_accepted_and_are_no_sample() {
    let append = MemoryAppend::default();
    let mut request = Request2::new().series(UP).sample(NOW, 1.0);
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
    assert_eq!(write(Protocol::V2, &message, &append), Ok(written(1, 1, 0)));
}

#[test]
fn histograms_of_every_shape_are_stored() {
    let shapes = [
        integer(21, 2, &[1, 2, 0], &[3, 1]),
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
        let total = match &shape.count {
            Some(v2::histogram::Count::CountInt(n)) if *n == 21 => {
                v2::Histogram { count: Some(v2::histogram::Count::CountInt(2 + 1 + 3 + 3 + 3 + 4)), ..shape.clone() }
            }
            _ => shape,
        };
        let request = Request2::new().series(UP).histogram(total).metadata(3, "help", "s").exemplar(TRACE, NOW, 1.0);
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
fn a_series_with_exemplars_only_is_created_and_one_with_metadata_only_is_not() {
    let append = MemoryAppend::default();
    assert_eq!(Request2::new().series(UP).exemplar(TRACE, NOW, 1.0).write(&append), Ok(written(0, 0, 1)));
    assert_eq!(append.batches()[0].series.len(), 1);
    let request = Request2::new().series(&[("__name__", "b_sum")]).metadata(5, "Help.", "s");
    assert_eq!(request.write(&append), Ok(written(0, 0, 0)));
    assert!(append.batches()[1].series.is_empty());
    let want =
        Metadata { family: "b".into(), metric_type: MetricType::Summary, help: "Help.".into(), unit: "s".into() };
    assert_eq!(append.batches()[1].metadata, [want]);
}

#[test]
fn a_series_with_nothing_is_a_no_op_but_its_references_are_checked() {
    let append = MemoryAppend::default();
    assert_eq!(Request2::new().series(UP).write(&append), Ok(written(0, 0, 0)));
    assert_eq!(write1(&[series1(UP, &[]), series1(&[], &[])], &append), Ok(written(0, 0, 0)));
    assert!(append.batches().is_empty());
    assert_eq!(rejected(Request2::new().series(&[]).write(&append)).0, written(0, 0, 0));
}

#[test]
fn metadata_of_every_type_is_stored_once_a_request_and_never_counted() {
    for (number, metric_type) in (1..8).map(|n| (n, MetricType::from_number(n))) {
        let append = MemoryAppend::default();
        let request = Request2::new().series(UP).sample(NOW, 1.0).metadata(number, "a \"help\"\nin lines", "");
        let request = request.series(&[UP[0]]).sample(NOW, 1.0).metadata(number, "a \"help\"\nin lines", "");
        assert_eq!(request.write(&append), Ok(written(2, 0, 0)));
        let want =
            Metadata { family: "up".into(), metric_type, help: "a \"help\"\nin lines".into(), unit: String::new() };
        assert_eq!(Stored::since(&append, 0).metadata, [want]);
    }
}

#[test]
fn metadata_is_sent_on_again_only_when_it_changes() {
    let append = MemoryAppend::default();
    let request = |help| Request2::new().series(UP).sample(NOW, 1.0).metadata(1, help, "");
    for (help, times) in [("one", 1), ("one", 0), ("two", 1), ("two", 0), ("one", 0)] {
        let before = append.batches().len();
        assert_eq!(request(help).write(&append), Ok(written(1, 0, 0)));
        assert_eq!(Stored::since(&append, before).metadata.len(), times, "{help}");
    }
}

#[test]
fn metadata_of_a_1_0_request_is_stored() {
    let append = MemoryAppend::default();
    let entry = |family: &str, kind| v1::MetricMetadata {
        r#type: kind,
        metric_family_name: family.into(),
        help: "Help.".into(),
        unit: "bytes".into(),
    };
    let metadata = vec![entry("a_total", 1), entry("", 1), entry("b", 99), entry("a_total", 1)];
    let message = v1::WriteRequest { timeseries: vec![], metadata }.encode_to_vec();
    assert_eq!(write(Protocol::V1, &message, &append), Ok(written(0, 0, 0)));
    let found: Vec<_> = Stored::since(&append, 0).metadata.into_iter().map(|m| (m.family, m.metric_type)).collect();
    assert_eq!(found, [("a_total".into(), MetricType::Counter), ("b".into(), MetricType::Unknown)]);
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
fn a_new_series_is_defined_once_a_request_and_known_afterwards() {
    let append = MemoryAppend::default();
    let one = |t| series1(UP, &[(t, 1.0)]);
    let other = series1(&[("__name__", "other")], &[(NOW, 1.0)]);
    write1(&[one(NOW), other.clone(), one(NOW - 1), other, one(NOW - 2)], &append).unwrap();
    assert_eq!(append.batches()[0].series.len(), 2);
    write1(&[one(NOW)], &append).unwrap();
    assert!(append.batches()[1].series.is_empty());
    assert_eq!(append.batches()[1].floats[0].series, append.batches()[0].floats[0].series);
}

#[test]
fn labels_with_samples_between_them_are_known_by_the_labels_alone() {
    let append = MemoryAppend::default();
    for (time, defined) in [(NOW, 1), (NOW + 15_000, 0)] {
        let mut series = Vec::new();
        for label in UP {
            series.extend(series1(&[*label], &[]).encode_to_vec());
            series.extend(series1(&[], &[(time, 1.0)]).encode_to_vec());
        }
        let mut message = vec![0x0a];
        prost::encoding::encode_varint(series.len() as u64, &mut message);
        message.extend(series);
        assert_eq!(write(Protocol::V1, &message, &append), Ok(written(2, 0, 0)));
        assert_eq!(append.batches().last().unwrap().series.len(), defined);
    }
    assert!(Stored::since(&append, 0).floats.iter().all(|f| f.0 == labels(UP)));
}

#[test]
fn one_time_twice_counts_twice_and_stands_in_order_for_the_last_to_win() {
    let append = MemoryAppend::default();
    let request = Request2::new().series(UP).sample(NOW, 1.0).sample(NOW, 2.0);
    assert_eq!(request.write(&append), Ok(written(2, 0, 0)));
    let values: Vec<f64> = append.batches()[0].floats.iter().map(|f| f.value).collect();
    assert_eq!(values, [1.0, 2.0]);
}

#[test]
fn a_store_that_cannot_write_says_when_to_retry_and_nothing_counts() {
    let append = MemoryAppend::default();
    let retry_after = Duration::from_secs(7);
    append.refuse(Some(AppendError::Unavailable { reason: "the disk is full".into(), retry_after }));
    let mixed = Request2::new().series(UP).sample(NOW, 1.0).series(&[]).sample(NOW, 1.0);
    let error = mixed.write(&append).unwrap_err();
    assert_eq!(error, WriteError::Unavailable { reason: "the disk is full".into(), retry_after });
    assert_eq!(error.written(), written(0, 0, 0));
    append.refuse(Some(AppendError::Storage("crc".into())));
    assert!(matches!(mixed.write(&append), Err(WriteError::Internal(_))));
}
