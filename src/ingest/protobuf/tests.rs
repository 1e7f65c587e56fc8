use proptest::prelude::*;
use prost::Message as _;

use super::proto::{
    Bucket, BucketSpan, Counter, Exemplar, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType, Moment,
    Quantile, Summary,
};
use crate::{
    ingest::{Declared, Import, ImportError, ImportLimits, Imported, OnError, reader},
    model::BucketCounts,
    seams::append::fake::{MemoryAppend, finished},
};

const NOW: i64 = 1_700_000_000_000;

fn pairs(labels: &[(&str, &str)]) -> Vec<LabelPair> {
    labels.iter().map(|(name, value)| LabelPair { name: (*name).to_owned(), value: (*value).to_owned() }).collect()
}

fn family(name: &str, kind: MetricType, metric: Vec<Metric>) -> MetricFamily {
    MetricFamily {
        name: name.to_owned(),
        help: format!("About {name}."),
        r#type: kind.into(),
        metric,
        unit: String::new(),
    }
}

fn gauge(labels: &[(&str, &str)], value: f64) -> Metric {
    Metric { label: pairs(labels), gauge: Some(Gauge { value }), ..Metric::default() }
}

fn body(families: &[MetricFamily]) -> Vec<u8> {
    families.iter().flat_map(|family| family.encode_length_delimited_to_vec()).collect()
}

fn declared() -> Declared {
    let content_type =
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited".to_owned();
    Declared { content_type, ..Declared::default() }
}

fn take(declared: &Declared, body: &[u8], piece: usize, append: &MemoryAppend) -> Result<Imported, ImportError> {
    let mut import = Import::new(reader(None, declared)?, declared, NOW, &ImportLimits::default(), append);
    for piece in body.chunks(piece) {
        import.text().extend_from_slice(piece);
        while import.step()? {}
    }
    finished(import.finish())
}

/// Series, time, value and start time of all floats.
fn floats(append: &MemoryAppend) -> Vec<(String, i64, f64, i64)> {
    let batches = append.batches();
    let floats = batches.iter().flat_map(|batch| &batch.floats);
    floats.map(|s| (append.labels(s.series).unwrap().to_string(), s.time, s.value, s.start)).collect()
}

#[test]
fn each_kind_of_metric_becomes_the_series_of_the_text_format() {
    let moment = |seconds| Some(Moment { seconds, nanos: 500_000_000 });
    let exemplar = Exemplar { label: pairs(&[("trace", "t1")]), value: 0.5, timestamp: moment(1_600_000_000) };
    let counter = Counter { value: 3.0, exemplar: Some(exemplar.clone()), created_timestamp: moment(1_500_000_000) };
    let summary = Summary {
        sample_count: 4,
        sample_sum: 8.0,
        quantile: vec![Quantile { quantile: 1.0, value: 7.0 }],
        created_timestamp: None,
    };
    let bucket = Bucket { cumulative_count: 2, upper_bound: 1.0, exemplar: Some(exemplar), ..Bucket::default() };
    let histogram = Histogram { sample_count: 3, sample_sum: 5.0, bucket: vec![bucket], ..Histogram::default() };
    let families = [
        family("c_total", MetricType::Counter, vec![Metric { counter: Some(counter), ..Metric::default() }]),
        family("s", MetricType::Summary, vec![Metric { summary: Some(summary), ..Metric::default() }]),
        family("h", MetricType::Histogram, vec![Metric { histogram: Some(histogram), ..Metric::default() }]),
        family("g", MetricType::Gauge, vec![Metric { timestamp_ms: Some(NOW - 5), ..gauge(&[("a", "b")], -0.0) }]),
    ];
    let append = MemoryAppend::default();
    let imported = take(&declared(), &body(&families), 1 << 20, &append).unwrap();
    let start = 1_500_000_000_500;
    let want = [
        ("{__name__=\"c_total\"}", NOW, 3.0, start),
        ("{__name__=\"s\", quantile=\"1.0\"}", NOW, 7.0, 0),
        ("{__name__=\"s_sum\"}", NOW, 8.0, 0),
        ("{__name__=\"s_count\"}", NOW, 4.0, 0),
        ("{__name__=\"h_bucket\", le=\"1.0\"}", NOW, 2.0, 0),
        ("{__name__=\"h_bucket\", le=\"+Inf\"}", NOW, 3.0, 0),
        ("{__name__=\"h_sum\"}", NOW, 5.0, 0),
        ("{__name__=\"h_count\"}", NOW, 3.0, 0),
        ("{__name__=\"g\", a=\"b\"}", NOW - 5, -0.0, 0),
    ];
    assert_eq!(floats(&append), want.map(|(series, time, value, start)| (series.to_owned(), time, value, start)));
    assert_eq!((imported.exemplars, imported.metadata), (2, 4));
    let exemplars = append.batches().iter().flat_map(|batch| batch.exemplars.clone()).collect::<Vec<_>>();
    let of: Vec<String> = exemplars.iter().map(|(series, _)| append.labels(*series).unwrap().to_string()).collect();
    assert_eq!(of, ["{__name__=\"c_total\"}", "{__name__=\"h_bucket\", le=\"1.0\"}"]);
    assert!(exemplars.iter().all(|(_, exemplar)| exemplar.time == 1_600_000_000_500));
}

#[test]
fn native_buckets_finer_than_are_stored_are_merged_and_those_of_no_schema_refused() {
    let histogram = |schema| Histogram {
        sample_count: 3,
        schema,
        positive_span: vec![BucketSpan { offset: 1, length: 2 }],
        positive_delta: vec![1, 1],
        ..Histogram::default()
    };
    let post = |schema, append: &MemoryAppend| {
        let metric = Metric { histogram: Some(histogram(schema)), ..Metric::default() };
        take(&declared(), &body(&[family("n", MetricType::Histogram, vec![metric])]), 1 << 20, append)
    };
    let append = MemoryAppend::default();
    post(9, &append).unwrap();
    let batches = append.batches();
    let [sample] = &batches[0].histograms[..] else { panic!("{batches:?}") };
    let counts = BucketCounts::Integer { count: 3, zero: 0, positive: vec![3], negative: vec![] };
    assert_eq!((sample.value.schema, &sample.value.counts), (8, &counts));
    assert!(post(53, &append).is_err_and(|error| error.to_string().contains("53")));
}

#[test]
fn native_buckets_become_a_native_histogram_beside_the_classic_ones() {
    let native = Histogram {
        sample_count: 3,
        sample_sum: 5.0,
        schema: 3,
        zero_threshold: 0.001,
        zero_count: 1,
        positive_span: vec![BucketSpan { offset: -2, length: 2 }],
        positive_delta: vec![1, 0],
        created_timestamp: Some(Moment { seconds: 1, nanos: 0 }),
        ..Histogram::default()
    };
    let both = Histogram {
        bucket: vec![Bucket { cumulative_count: 1, upper_bound: 2.0, ..Bucket::default() }],
        ..native.clone()
    };
    let metric = |histogram| vec![Metric { histogram: Some(histogram), ..Metric::default() }];
    let families =
        [family("n", MetricType::GaugeHistogram, metric(native)), family("b", MetricType::Histogram, metric(both))];
    let append = MemoryAppend::default();
    take(&declared(), &body(&families), 1 << 20, &append).unwrap();
    let histograms = append.batches().iter().flat_map(|batch| batch.histograms.clone()).collect::<Vec<_>>();
    let [gauge, counter] = &histograms[..] else { panic!("{histograms:?}") };
    assert_eq!(append.labels(gauge.series).unwrap().to_string(), "{__name__=\"n\"}");
    assert_eq!((gauge.value.reset_hint as u8, counter.value.reset_hint as u8), (3, 0));
    assert_eq!((counter.time, counter.start), (NOW, 1_000));
    let counts = BucketCounts::Integer { count: 3, zero: 1, positive: vec![1, 0], negative: vec![] };
    assert_eq!(counter.value.counts, counts);
    let names: Vec<String> = floats(&append).into_iter().map(|(series, ..)| series).collect();
    let of_b = ["b_bucket\", le=\"2.0", "b_bucket\", le=\"+Inf", "b_sum", "b_count"];
    assert_eq!(names, of_b.map(|name| format!("{{__name__=\"{name}\"}}")));
}

#[test]
fn a_metric_that_breaks_a_rule_is_named_and_leaves_nothing_of_itself() {
    let wrong = Histogram { positive_span: vec![BucketSpan { offset: 0, length: 2 }], ..Histogram::default() };
    let families = [
        family("a", MetricType::Gauge, vec![gauge(&[("x", "1")], 1.0), gauge(&[("x", "1"), ("x", "2")], 2.0)]),
        family(
            "b",
            MetricType::Histogram,
            vec![Metric { histogram: Some(wrong), ..Metric::default() }, Metric::default()],
        ),
        family("c", MetricType::Gauge, vec![gauge(&[], 3.0)]),
    ];
    let append = MemoryAppend::default();
    let error = take(&declared(), &body(&families), 1 << 20, &append).unwrap_err().to_string();
    for says in [
        "metric 2 of the body, of family \"a\"",
        "metric 3 of the body, of family \"b\"",
        "metric 4",
        "it has no value",
    ] {
        assert!(error.contains(says), "{says}: {error}");
    }
    assert!(append.batches().is_empty());
    let skip = Declared { on_error: OnError::Skip, ..declared() };
    assert_eq!(take(&skip, &body(&families), 1 << 20, &append).unwrap().samples, 2);
}

#[test]
fn what_is_no_message_is_refused_with_the_place() {
    let good = body(&[family("a", MetricType::Gauge, vec![gauge(&[], 1.0)])]);
    let append = MemoryAppend::default();
    for (tail, says) in [
        (&[9, 0x0a][..], "the body ends inside it"),
        (&[3, 0x0b, 0, 0], "a field is a group"),
        (&[3, 0x0a, 9, b'x'], "a field runs past the end"),
        (b"up 1\n", "no metric families behind their lengths"),
    ] {
        let error = take(&declared(), &[&good[..], tail].concat(), 1 << 20, &append).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("after 1 metrics"), "{error}");
    }
    let text =
        Declared { content_type: "application/vnd.google.protobuf; encoding=text".to_owned(), ..Declared::default() };
    let error = take(&text, &good, 1 << 20, &append).unwrap_err().to_string();
    assert!(error.contains("encoding=text; expected"), "{error}");
    assert!(append.batches().is_empty());
}

#[test]
fn many_buckets_with_long_labels_are_refused_before_they_take_memory() {
    let bucket = |i: u32| Bucket { upper_bound: f64::from(i), ..Bucket::default() };
    let metric = |buckets, label: &str| Metric {
        label: pairs(&[("x", label)]),
        histogram: Some(Histogram { bucket: (0..buckets).map(bucket).collect(), ..Histogram::default() }),
        ..Metric::default()
    };
    let append = MemoryAppend::default();
    let families = |metric| body(&[family("h", MetricType::Histogram, vec![metric])]);
    let error = take(&declared(), &families(metric(2_000, &"v".repeat(60_000))), 1 << 20, &append).unwrap_err();
    assert!(error.to_string().contains("too many for labels of"), "{error}");
    assert_eq!(take(&declared(), &families(metric(1_000, &"v".repeat(100))), 1 << 20, &append).unwrap().samples, 1_003);
}

proptest! {
    #[test]
    fn a_body_in_any_pieces_stores_what_a_whole_one_does(piece in 1usize..300, most in 1u32..60) {
        let metric = |i: u32| gauge(&[("i", &i.to_string()), ("long", &"x".repeat(i as usize * 3))], f64::from(i));
        let families: Vec<MetricFamily> =
            (0..6).map(|i| family(&format!("f{i}"), MetricType::Gauge, (0..most).map(metric).collect())).collect();
        let (whole, pieces) = (MemoryAppend::default(), MemoryAppend::default());
        let want = take(&declared(), &body(&families), 1 << 20, &whole).unwrap();
        prop_assert_eq!(take(&declared(), &body(&families), piece, &pieces).unwrap(), want);
        prop_assert_eq!(floats(&pieces), floats(&whole));
    }

    #[test]
    fn a_damaged_body_is_stored_or_refused(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        len in any::<prop::sample::Index>(),
        piece in 1usize..400,
    ) {
        let bucket = Bucket { upper_bound: 2.0, exemplar: Some(Exemplar::default()), ..Bucket::default() };
        let histogram = Histogram {
            sample_count: 3,
            bucket: vec![bucket; 3],
            schema: 3,
            positive_span: vec![BucketSpan { offset: -2, length: 2 }; 2],
            positive_delta: vec![1, 0, 0, 1],
            ..Histogram::default()
        };
        let summary = Summary { quantile: vec![Quantile { quantile: 0.5, value: 7.0 }; 2], ..Summary::default() };
        let mut body = body(&[
            family("g", MetricType::Gauge, vec![gauge(&[("a", "b"), ("c", "d")], 1.5)]),
            family("h", MetricType::Histogram, vec![Metric { histogram: Some(histogram), ..Metric::default() }]),
            family("s", MetricType::Summary, vec![Metric { summary: Some(summary), ..gauge(&[], 1.0) }]),
        ]);
        for (at, byte) in damage {
            let at = at.index(body.len());
            body[at] = byte;
        }
        body.truncate(len.index(body.len()).max(1));
        let (append, skipping) = (MemoryAppend::default(), MemoryAppend::default());
        let stored = take(&declared(), &body, piece, &append);
        prop_assert!(stored.is_ok() || append.batches().is_empty(), "a body that is refused leaves nothing");
        let skip = Declared { on_error: OnError::Skip, ..declared() };
        let skipped = take(&skip, &body, piece, &skipping);
        prop_assert!(stored.is_err() || skipped == stored, "a body without a fault leaves nothing to skip");
    }

    #[test]
    fn any_bytes_are_stored_or_refused(bytes in proptest::collection::vec(any::<u8>(), 1..200), piece in 1usize..50) {
        let append = MemoryAppend::default();
        let stored = take(&declared(), &bytes, piece, &append);
        prop_assert!(stored.is_ok() || append.batches().is_empty(), "a body that is refused leaves nothing");
    }
}
