//! The compliance suite's tests, in its order; each comment names those that a test here stands for.

use prost::Message;
use vctsdb::remote::proto::{v1, v2};

use super::super::sender::now;
use super::{
    Receiver, V1, V2,
    messages::{Buckets, Request2, custom, histogram, mixed},
    snappy, stated,
};

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

/// Labels of a series with a name and what a scrape adds.
fn labels(name: &str) -> [(&str, &str); 3] {
    [("__name__", name), ("job", "test"), ("instance", "a:1")]
}

fn of(name: &str) -> Request2 {
    Request2::of(&labels(name))
}

const TRACE: [(&str, &str); 2] = [("trace_id", "abc123"), ("span_id", "def456")];

// TestBadContentTypes, TestBadContentEncodings, TestCorruptRequestBody
#[test]
fn headers_are_judged_before_a_broken_body() {
    let receiver = Receiver::start();
    for kind in ["application/json", "image/png"] {
        let answer = receiver.post(&[("Content-Type", kind), V2[1]], b"broken");
        assert_eq!(answer.status, 415, "{kind}: {}", answer.text());
    }
    for encoding in ["gzip", "deflate"] {
        let answer = receiver.post(&[V2[0], ("Content-Encoding", encoding)], b"broken");
        assert_eq!(answer.status, 415, "{encoding}: {}", answer.text());
    }
    let answer = receiver.post(&V2, b"broken");
    assert_eq!((answer.status, stated(&answer)), (400, [Some(0); 3]), "{}", answer.text());
}

// TestSingleMetric, TestMultipleMetrics
#[test]
fn floats_of_any_name_and_value_are_stored_and_nameless_ones_are_not() {
    let receiver = Receiver::start();
    let t = now();
    let shapes: [&[(&str, &str)]; 4] = [
        &[("__name__", "plain"), ("a", "b")],
        &[("__name__", "lines"), ("text", "one\ntwo")],
        &[("__name__", "with.dots"), ("label.dots", "x")],
        &[("__name__", "with space"), ("label space", "x y")],
    ];
    for shape in shapes {
        receiver.stores(&format!("{shape:?}"), &Request2::of(shape).sample(t, 1.0), [1, 0, 0]);
    }
    assert_eq!(receiver.samples("{\"with.dots\",\"label.dots\"=\"x\"}"), 1);
    assert_eq!(receiver.samples("{\"with space\",\"label space\"=\"x y\"}"), 1);
    for (i, value) in [f64::INFINITY, f64::NEG_INFINITY, 9.221_120_237_041_09e18, 1.844e19, -0.0].iter().enumerate() {
        receiver.stores(&value.to_string(), &of(&format!("value_{i}")).sample(t, *value), [1, 0, 0]);
    }
    let nameless: [&[(&str, &str)]; 3] = [&[("job", "x")], &[], &[("__name__", ""), ("job", "x")]];
    for shape in nameless {
        let message = receiver.refuses(&format!("{shape:?}"), &Request2::of(shape).sample(t, 1.0), [0; 3]);
        assert!(message.contains("__name__"), "{message}");
    }

    let four =
        (0..3).fold(of("many_0").sample(t, 0.0), |r, i| r.and(&labels(&format!("many_{}", i + 1))).sample(t, 1.0));
    receiver.stores("four series", &four, [4, 0, 0]);
    let none = Request2::of(&[("a", "1")]).sample(t, 1.0).and(&[("a", "2")]).sample(t, 1.0);
    receiver.refuses("all nameless", &none, [0; 3]);
    let mostly = of("most_0").sample(t, 1.0).and(&[("a", "1")]).sample(t, 1.0);
    let mostly = mostly.and(&labels("most_1")).sample(t, 1.0).and(&labels("most_2")).sample(t, 1.0);
    receiver.refuses("one of four nameless", &mostly, [3, 0, 0]);
    assert_eq!(receiver.samples("{__name__=~\"most_.*\"}"), 3, "the valid part is stored");
}

// TestCounterWithCreatedTimestamp, TestHistogramWithCreatedTimestamp, TestExemplarWithCreatedTimestamp,
// TestCounterMetadataWithCreatedTimestamp
#[test]
fn start_times_are_taken_and_add_no_sample() {
    let receiver = Receiver::start();
    let t = now();
    receiver.stores("counter", &of("created_total").sample(t, 5.0).created(t - HOUR), [1, 0, 0]);
    assert_eq!(receiver.samples("created_total"), 1);
    receiver.stores("histogram", &of("created_seconds").histogram(mixed(t)).created(t - HOUR), [0, 1, 0]);
    let exemplar = of("created_exemplar_total").sample(t, 5.0).exemplar(&TRACE, t, 1.0).created(t - 2 * HOUR);
    receiver.stores("with an exemplar", &exemplar, [1, 0, 1]);
    let described = of("created_described_total").sample(t, 5.0).metadata(1, "Things.", "").created(t - HOUR);
    receiver.stores("with metadata", &described, [1, 0, 0]);
    let mut per_sample = of("created_new_total").sample(t, 5.0).histogram(mixed(t + 1));
    per_sample.last().samples[0].start_timestamp = t - HOUR;
    per_sample.last().histograms[0].start_timestamp = t + HOUR;
    receiver.stores("in the samples, one after its sample", &per_sample, [1, 1, 0]);
}

// TestHistograms, TestMultipleHistograms, TestEmptyHistogram
#[test]
fn native_histograms_of_all_shapes_are_stored_and_miscounted_ones_are_not() {
    let receiver = Receiver::start();
    let t = now();
    let only = |positive: &[i64], negative: &[i64], zero| {
        histogram(t, &Buckets { positive: positive.to_vec(), negative: negative.to_vec(), zero })
    };
    let float = v2::Histogram {
        count: Some(v2::histogram::Count::CountFloat(6.5)),
        zero_count: Some(v2::histogram::ZeroCount::ZeroCountFloat(0.5)),
        positive_deltas: vec![],
        positive_counts: vec![1.0, 2.0, 3.0],
        ..only(&[1, 2, 3], &[], 0)
    };
    let shapes = [
        ("mixed", mixed(t)),
        ("custom", custom(t)),
        ("positive", only(&[1, 2, 3], &[], 0)),
        ("negative", only(&[], &[4, 5], 0)),
        ("zero", only(&[], &[], 7)),
        ("empty", only(&[], &[], 0)),
        ("float", float),
    ];
    for (name, shape) in shapes {
        receiver.stores(name, &of(name).histogram(shape), [0, 1, 0]);
        assert_eq!(receiver.samples(name), 1, "{name}");
    }
    let wrong = v2::Histogram { count: Some(v2::histogram::Count::CountInt(99)), ..mixed(t) };
    let message = receiver.refuses("count 99, buckets 23", &of("wrong").histogram(wrong), [0; 3]);
    assert!(message.contains("wrong") && message.contains("99") && message.contains("23"), "{message}");
    let two = of("two_0").histogram(mixed(t)).and(&labels("two_1")).histogram(custom(t));
    receiver.stores("two series", &two, [0, 2, 0]);
}

// TestHistogramWithMetadata, TestMultipleHistogramsWithMetadata, TestHistogramWithExemplar,
// TestHistogramWithMetadataAndExemplar, TestHistogramsWithMetadataAndExemplars, TestComplexHistogramsRequest,
// TestMultipleMetricFamiliesHistograms, TestCustomBucketsHistogramWithExemplar, TestMetadataWithComplexLabels
#[test]
fn histograms_come_with_metadata_and_exemplars() {
    let receiver = Receiver::start();
    let t = now();
    let described = |name: &str| of(name).histogram(mixed(t)).metadata(3, "Durations.", "seconds");
    receiver.stores("metadata", &described("h_0"), [0, 1, 0]);
    let two = described("h_1").and(&labels("h_2")).histogram(custom(t)).metadata(3, "Sizes.", "bytes");
    receiver.stores("two with metadata", &two, [0, 2, 0]);
    receiver.stores("exemplar", &of("h_3").histogram(mixed(t)).exemplar(&TRACE, t, 0.5), [0, 1, 1]);
    receiver.stores("both", &described("h_4").exemplar(&TRACE, t, 0.5), [0, 1, 1]);
    let complex =
        described("h_5").exemplar(&TRACE, t, 0.5).and(&labels("h_6")).histogram(mixed(t)).metadata(3, "H.", "");
    receiver.stores("two histograms, two metadata, one exemplar", &complex, [0, 2, 1]);
    receiver.stores("custom buckets", &of("h_7").histogram(custom(t)).exemplar(&TRACE, t, 0.3), [0, 1, 1]);
    let six = [("__name__", "h_8"), ("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5")];
    let six = Request2::of(&six).histogram(mixed(t)).metadata(3, "Six labels.", "seconds");
    receiver.stores("six labels", &six, [0, 1, 0]);
    assert_eq!(receiver.exemplars("{__name__=~\"h_.*\"}").len(), 4, "sent twice, kept once");
    let families = receiver.data("/api/v1/metadata");
    assert_eq!(families["h_2"][0]["unit"], "bytes", "{families}");
    assert_eq!(families["h_8"][0]["help"], "Six labels.", "{families}");
}

// TestExemplars, TestMultipleExemplars, TestExemplarTimestamps, TestExemplarValidation, TestExemplarSpecialValues
#[test]
fn exemplars_of_all_shapes_are_stored() {
    let receiver = Receiver::start();
    let t = now();
    let long = "x".repeat(100);
    let shapes: [&[(&str, &str)]; 7] = [
        &TRACE,
        &[("trace_id", "only")],
        &[],
        &[("user", "ünïcödé"), ("emoji", "🚀")],
        &[("a", "1"), ("b", "2"), ("c", "3")],
        &[("no_trace", "here")],
        &[("long", &long)],
    ];
    for (i, shape) in shapes.iter().enumerate() {
        let request = of(&format!("shape_{i}_total")).sample(t, 1.0).exemplar(shape, t, 1.0);
        receiver.stores(&format!("{shape:?}"), &request, [1, 0, 1]);
    }
    let three = (1..3).fold(of("three_0").sample(t, 0.0).exemplar(&TRACE, t, 1.0), |r, i| {
        r.and(&labels(&format!("three_{i}"))).sample(t, 1.0).exemplar(&TRACE, t, 1.0)
    });
    receiver.stores("three series", &three, [3, 0, 3]);
    let times = [t - HOUR, t - MINUTE, t];
    let series = times.iter().fold(of("times_total"), |r, t| r.sample(*t, 1.0).exemplar(&TRACE, *t, 1.0));
    receiver.stores("three times", &series, [3, 0, 3]);
    assert_eq!(receiver.exemplars("times_total").len(), 3);
    for nameless in [&[("job", "x")][..], &[("__name__", ""), ("job", "x")]] {
        receiver.refuses("nameless", &Request2::of(nameless).sample(t, 1.0).exemplar(&TRACE, t, 1.0), [0; 3]);
    }
    let values = [0.0, -5.5, 1e300, 1e-300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    for (i, value) in values.iter().enumerate() {
        let request = of(&format!("special_{i}_total")).sample(t, 1.0).exemplar(&TRACE, t, *value);
        receiver.stores(&format!("exemplar {value}"), &request, [1, 0, 1]);
    }
    assert_eq!(receiver.exemplars("special_4_total")[0]["value"], "+Inf");
}

// TestMetadata, TestMetadataWithSamples, TestMultipleMetadata, TestMetadataValidation
#[test]
fn metadata_of_all_kinds_is_stored_and_served() {
    let receiver = Receiver::start();
    let t = now();
    let kinds = ["unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset"];
    for (number, kind) in kinds.iter().enumerate() {
        let request = of(&format!("kind_{kind}")).sample(t, 1.0).metadata(number as i32, "Help.", "unit");
        receiver.stores(kind, &request, [1, 0, 0]);
    }
    receiver.stores("empty texts", &of("empty_texts").sample(t, 1.0).metadata(2, "", ""), [1, 0, 0]);
    let odd = "One\ntwo \"three\" \\four";
    receiver.stores("odd texts", &of("odd_texts").sample(t, 1.0).metadata(2, odd, ""), [1, 0, 0]);
    let three = of("m_0").sample(t, 1.0).metadata(1, "A.", "").and(&labels("m_1")).sample(t, 1.0).metadata(2, "B.", "");
    let three = three.and(&labels("m_2")).sample(t, 1.0).metadata(3, "C.", "");
    receiver.stores("three", &three, [3, 0, 0]);
    let nameless = Request2::of(&[("job", "x")]).sample(t, 1.0).metadata(1, "Nobody's.", "");
    receiver.refuses("nameless", &nameless, [0; 3]);
    let families = receiver.data("/api/v1/metadata");
    for kind in kinds {
        assert_eq!(families[format!("kind_{kind}")][0]["type"], kind, "{families}");
    }
    assert_eq!(families["odd_texts"][0]["help"], odd);
    assert_eq!(families["m_1"], serde_json::json!([{"type": "gauge", "help": "B.", "unit": ""}]));
}

// TestSamplesWithMetadataAndExemplars, TestComplexSamplesRequest, TestMultipleMetricFamiliesSamples,
// TestEdgeCaseCombinations, TestSpecialCharactersCombined
#[test]
fn combinations_are_stored_with_exact_counts() {
    let receiver = Receiver::start();
    let t = now();
    let counter = |name: &str| of(name).sample(t, 5.0).metadata(1, "Things.", "").exemplar(&TRACE, t, 1.0);
    receiver.stores("counter", &counter("c_0_total"), [1, 0, 1]);
    let complex = of("c_1").sample(t, 1.0).metadata(2, "A.", "").exemplar(&TRACE, t, 1.0);
    let complex = complex.and(&labels("c_2")).sample(t, 2.0).metadata(2, "B.", "");
    receiver.stores("two gauges, two metadata, one exemplar", &complex, [2, 0, 1]);
    receiver.stores("counter and gauge", &counter("c_3_total").and(&labels("c_4")).sample(t, 1.0), [2, 0, 1]);

    receiver.stores("metadata only", &of("only_described").metadata(2, "Nothing yet.", ""), [0; 3]);
    assert_eq!(receiver.data("/api/v1/metadata?metric=only_described")["only_described"][0]["help"], "Nothing yet.");
    receiver.stores("exemplar only", &of("only_exemplar").exemplar(&TRACE, t, 1.0), [0, 0, 1]);
    assert_eq!(receiver.exemplars("only_exemplar").len(), 1);
    let backwards = of("c_5").sample(t, 1.0).sample(t - HOUR, 2.0).exemplar(&TRACE, t - HOUR / 2, 1.0);
    receiver.stores("now, an hour ago, an exemplar between", &backwards, [2, 0, 1]);
    assert_eq!(receiver.samples("c_5"), 2);

    let odd =
        [("__name__", "odd_🚀_total"), ("quote", "\"a\""), ("lines", "a\nb\tc"), ("backslash", "\\"), ("é", "🎉")];
    let odd = Request2::of(&odd).sample(t, 1.0).metadata(1, "\"🚀\"\n", "µs").exemplar(&[("🔑", "\"v\"\n")], t, 1.0);
    receiver.stores("special characters everywhere", &odd, [1, 0, 1]);
    let series = receiver.data("/api/v1/series?match[]=%7B%22odd_%F0%9F%9A%80_total%22%7D");
    assert_eq!(series[0]["lines"], "a\nb\tc", "{series}");
    assert_eq!(receiver.exemplars("{\"odd_🚀_total\"}")[0]["labels"]["🔑"], "\"v\"\n");
}

// TestManySamples, TestManyHistograms
#[test]
fn fifty_series_with_everything_are_counted_exactly() {
    let receiver = Receiver::start();
    let t = now();
    let names: Vec<String> = (0..50).map(|i| format!("series_{i}")).collect();
    let mut request = Request2::of(&labels("first")).sample(t, 1.0);
    for name in &names {
        request = request.and(&labels(name)).sample(t, 1.0).metadata(1, "Many.", "").exemplar(&TRACE, t, 1.0);
    }
    receiver.stores("counters", &request, [51, 0, 50]);
    let mut request = Request2::of(&labels("first")).sample(t, 1.0);
    for name in &names {
        let name = format!("native_{name}");
        request = request.and(&labels(&name)).histogram(mixed(t)).metadata(3, "Many.", "").exemplar(&TRACE, t, 1.0);
    }
    receiver.stores("histograms", &request, [1, 50, 50]);
    assert_eq!(receiver.samples("{__name__=~\"native_.*\"}"), 50);
    assert_eq!(receiver.exemplars("{__name__=~\".*series_.*\"}").len(), 100);
}

// TestRW1BasicCompatibility, TestRW1ErrorHandling
#[test]
fn protocol_1_is_served_without_counts() {
    let receiver = Receiver::start();
    let labels = [("job", "x"), ("__name__", "old")];
    let labels = labels.map(|(name, value)| v1::Label { name: name.into(), value: value.into() }).to_vec();
    let samples = vec![v1::Sample { value: 3.0, timestamp: now() }];
    let series = v1::TimeSeries { labels, samples, ..Default::default() };
    let message = v1::WriteRequest { timeseries: vec![series], metadata: vec![] };
    let answer = receiver.post(&V1, &snappy(&message.encode_to_vec()));
    assert_eq!((answer.status, stated(&answer)), (204, [None; 3]), "{}", answer.text());
    let answer = receiver.post(&V1, b"broken");
    assert_eq!((answer.status, stated(&answer)), (400, [None; 3]), "{}", answer.text());
    assert_eq!(receiver.samples("old{job=\"x\"}"), 1);
}
