//! Whole requests, in JSON as people would write them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{json::to_protobuf, *};
use crate::{
    model::STALE_NAN,
    seams::{
        append::fake::{MemoryAppend, finished},
        memory_budget::{Unlimited, fake::Bytes},
    },
};

const NOW: i64 = 1_700_000_000_000;

/// A request of one resource, whose service is `shop`, with these metrics.
fn request(metrics: &Value) -> Value {
    let service = json!({"key": "service.name", "value": {"stringValue": "shop"}});
    json!({"resourceMetrics": [{
        "scopeMetrics": [{"metrics": metrics}],
        "resource": {"attributes": [service]},
    }]})
}

/// A point at a time, in ms.
fn point(ms: i64, more: &Value) -> Value {
    let mut point = more.clone();
    point["timeUnixNano"] = json!((ms * 1_000_000).to_string());
    point
}

fn take(request: &Value, settings: &OtlpSettings, append: &MemoryAppend) -> Received {
    let message = to_protobuf(request.to_string().as_bytes()).unwrap();
    let taken = take_in(&message, settings, NOW + 600_000, append, &Unlimited).unwrap();
    finished(taken.store(append)).unwrap()
}

/// What was stored, a line each.
fn lines(append: &MemoryAppend) -> Vec<String> {
    let mut lines = Vec::new();
    for batch in append.batches() {
        for sample in &batch.floats {
            let labels = append.labels(sample.series).unwrap();
            let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let value =
                if sample.value.to_bits() == STALE_NAN.to_bits() { "stale".into() } else { sample.value.to_string() };
            lines.push(format!("{} {value} {} {}", pairs.join(","), sample.time - NOW, sample.start));
        }
        lines.extend(batch.histograms.iter().map(|sample| format!("{:?}", sample.value)));
        lines.extend(batch.exemplars.iter().map(|(_, e)| format!("exemplar {:?} {}", e.labels, e.value)));
    }
    lines
}

#[test]
fn attributes_are_labels_and_a_point_that_is_wrong_costs_itself_only() {
    let append = MemoryAppend::default();
    let attribute = |key: &str| json!([{"key": key, "value": {"stringValue": "x"}}]);
    let request = request(&json!([
        {"name": "orders", "sum": {"isMonotonic": true, "aggregationTemporality": 2, "dataPoints": [
            point(NOW, &json!({"asInt": "3", "attributes": attribute("shop.kind"), "startTimeUnixNano": "1699999999000000000"})),
            point(NOW, &json!({"asInt": "4", "attributes": attribute("..")})),
            point(NOW + 700_000, &json!({"asInt": "5"})),
            {"asInt": "6"},
        ]}},
        {"name": "waits", "histogram": {"aggregationTemporality": 1, "dataPoints": [point(NOW, &json!({"count": 1}))]}},
        {"name": "new.kind", "someday": {"dataPoints": [{}]}},
    ]));
    let received = take(&request, &OtlpSettings::default(), &append);
    assert_eq!(lines(&append), ["__name__=orders_total,job=shop,shop_kind=x 3 0 1699999999000"]);
    let refused = [(Reason::Delta, 1), (Reason::Label, 1), (Reason::Time, 1), (Reason::Future, 1)];
    assert_eq!(received.refused, refused.into_iter().collect());
    assert_eq!((received.points, received.future), (1, Some(NOW + 700_000)));
    let message = received.message().unwrap();
    assert!(
        message.starts_with("metric \"orders\": the key of attribute \"..\" makes no name of a label"),
        "{message}"
    );
    assert!(message.ends_with("(points refused by reason: delta: 1, label: 1, time: 1, future: 1)"), "{message}");
}

#[test]
fn a_series_that_the_store_knows_is_found_again_by_the_bytes_of_its_attributes() {
    let append = MemoryAppend::default();
    let metrics = json!([{"name": "load", "gauge": {"dataPoints": [point(NOW, &json!({"asDouble": 1.5}))]}}]);
    for _ in 0..2 {
        take(&request(&metrics), &OtlpSettings::default(), &append);
    }
    let batches = append.batches();
    assert_eq!((batches[0].series.len(), batches[1].series.len()), (1, 0));
    assert_eq!((batches[0].metadata.len(), batches[1].metadata.len()), (1, 0));
    assert_eq!(batches[0].floats, batches[1].floats);
    let described = json!([{"name": "load", "description": "Other", "gauge": metrics[0]["gauge"]}]);
    take(&request(&described), &OtlpSettings::default(), &append);
    assert_eq!(append.batches()[2].metadata[0].help, "Other");
}

#[test]
fn a_histogram_is_stored_whole_or_not_at_all() {
    let append = MemoryAppend::default();
    // One label short of too many: the series with a bound has no place for it.
    let many: Vec<Value> = (0..254).map(|i| json!({"key": format!("k{i}"), "value": {"intValue": i}})).collect();
    let of = |attributes: &Value| {
        request(&json!([{"name": "waits", "histogram": {"aggregationTemporality": 2, "dataPoints": [point(NOW, &json!({
            "count": 3, "sum": 2.5, "bucketCounts": [1, 2], "explicitBounds": [0.5], "attributes": attributes,
        }))]}}]))
    };
    let received = take(&of(&json!(many)), &OtlpSettings::default(), &append);
    assert_eq!((received.refused[&Reason::Label], lines(&append).len()), (1, 0));
    take(&of(&json!([])), &OtlpSettings::default(), &append);
    assert_eq!(
        lines(&append),
        [
            "__name__=waits_sum,job=shop 2.5 0 0",
            "__name__=waits_count,job=shop 3 0 0",
            "__name__=waits_bucket,job=shop,le=0.5 1 0 0",
            "__name__=waits_bucket,job=shop,le=+Inf 3 0 0",
        ]
    );
}

#[test]
fn an_exponential_histogram_is_shifted_by_one_bucket_and_merged_if_it_is_too_fine() {
    let of = |scale: i32, counts: &[u64]| {
        let append = MemoryAppend::default();
        let total: u64 = counts.iter().sum();
        let data = json!({"aggregationTemporality": 2, "dataPoints": [point(NOW, &json!({
            "count": total, "scale": scale, "positive": {"offset": -2, "bucketCounts": counts},
        }))]});
        let received =
            take(&request(&json!([{"name": "e", "exponentialHistogram": data}])), &OtlpSettings::default(), &append);
        (received.rejected(), append.batches().pop().and_then(|mut batch| batch.histograms.pop()))
    };
    let (_, found) = of(3, &[1, 2, 0, 0, 0, 4]);
    let value = found.unwrap().value;
    let spans: Vec<_> = value.positive_spans.iter().map(|span| (span.offset, span.length)).collect();
    assert_eq!((value.schema, spans), (3, vec![(-1, 2), (3, 1)]));
    let (_, found) = of(9, &[1, 2, 4, 8]);
    let value = found.unwrap().value;
    let spans: Vec<_> = value.positive_spans.iter().map(|span| (span.offset, span.length)).collect();
    assert_eq!((value.schema, spans), (8, vec![(0, 2)]));
    assert_eq!(of(-5, &[1]).0, 1);
}

#[test]
fn target_info_has_as_many_samples_as_queries_need_and_no_more() {
    let append = MemoryAppend::default();
    let at = |ms| point(ms, &json!({"asInt": "1"}));
    let mut request = request(&json!([{"name": "g", "gauge": {"dataPoints": [at(1), at(NOW - 400_000), at(NOW)]}}]));
    let host = json!({"key": "host", "value": {"stringValue": "a"}});
    request["resourceMetrics"][0]["resource"]["attributes"].as_array_mut().unwrap().push(host);
    take(&request, &OtlpSettings::default(), &append);
    let infos =
        lines(&append).into_iter().filter(|line| line.starts_with("__name__=target_info,host=a,job=shop 1")).count();
    assert!((9_000..10_010).contains(&infos), "{infos}");
}

#[test]
fn memory_is_taken_before_it_is_there() {
    let counts = vec!["0"; 100_000];
    let data = json!({"aggregationTemporality": 2, "dataPoints": [point(NOW, &json!({"positive": {"bucketCounts": counts}}))]});
    let message =
        to_protobuf(request(&json!([{"name": "e", "exponentialHistogram": data}])).to_string().as_bytes()).unwrap();
    let append = MemoryAppend::default();
    let taken = |bytes| take_in(&message, &OtlpSettings::default(), NOW, &append, &Bytes::new(bytes)).map(drop);
    assert_eq!(taken(64 << 10), Err(OtlpError::NoRoom));
    assert_eq!(taken(16 << 20), Ok(()));
}

#[test]
fn what_is_no_request_is_named_by_its_place() {
    let append = MemoryAppend::default();
    let taken = |bytes: &[u8]| take_in(bytes, &OtlpSettings::default(), NOW, &append, &Unlimited).map(drop);
    let error = taken(&[0x0a, 2, 0x12, 9]).unwrap_err().to_string();
    assert!(error.contains("top-level field 0: a value runs past the end"), "{error}");
    assert!(taken(b"{}").is_err());
    for (body, want) in [
        (r#"{"resourceMetrics": 7}"#, "7 is no value of \"resourceMetrics\", which is a list"),
        (
            r#"{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"gauge": {"dataPoints": [{"asInt": "x"}]}}]}]}]}"#,
            "\"x\" is no value of \"asInt\", which is an integer of 64 bits, as a number or a text at line 1 column",
        ),
        ("[]", "expected an object at line 1 column 0"),
        ("{", "EOF while parsing an object at line 1 column 1"),
        ("{} {}", "trailing characters at line 1 column 4"),
    ] {
        let error = to_protobuf(body.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
}

#[test]
fn answers_are_in_the_encoding_of_the_request() {
    use answer::{Encoding, refused, taken};
    let all = Received::default();
    assert_eq!((taken(&all, Encoding::Protobuf), taken(&all, Encoding::Json)), (vec![], b"{}".to_vec()));
    let some = Received { refused: [(Reason::Name, 2)].into(), remark: Some("why".to_owned()), ..Received::default() };
    let text = String::from_utf8(taken(&some, Encoding::Json)).unwrap();
    assert_eq!(
        text,
        r#"{"partialSuccess":{"rejectedDataPoints":"2","errorMessage":"why (points refused by reason: name: 2)"}}"#
    );
    assert_eq!(&taken(&some, Encoding::Protobuf)[..5], [0x0a, 43, 0x08, 2, 0x12]);
    assert_eq!(refused(3, "no", Encoding::Protobuf), [0x08, 3, 0x12, 2, b'n', b'o']);
    assert_eq!(refused(3, "no", Encoding::Json), br#"{"code":3,"message":"no"}"#);
    assert_eq!(Encoding::of_media("Application/JSON; charset=utf-8"), Some(Encoding::Json));
    assert_eq!(Encoding::of_media("text/plain"), None);
}

proptest! {
    #[test]
    fn every_byte_string_is_taken_in_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let append = MemoryAppend::default();
        let _ = take_in(&bytes, &OtlpSettings::default(), NOW, &append, &Unlimited);
        let _ = to_protobuf(&bytes);
    }

    #[test]
    fn damage_to_a_request_is_refused_or_makes_another_request(at in 0usize..400, byte: u8, cut in 0usize..400) {
        let exemplar = json!({"asDouble": 1, "traceId": "ab", "timeUnixNano": 5});
        let metrics = json!([
            {"name": "h", "unit": "s", "histogram": {"aggregationTemporality": 2, "dataPoints": [point(NOW, &json!({
                "count": 1, "sum": 0.5, "bucketCounts": [1, 0], "explicitBounds": [1], "exemplars": [exemplar],
                "attributes": [{"key": "k", "value": {"arrayValue": {"values": [{"intValue": 1}]}}}],
            }))]}},
            {"name": "e", "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": [point(NOW, &json!({
                "count": 3, "scale": 2, "positive": {"offset": 1, "bucketCounts": [1, 2]},
            }))]}},
            {"name": "s", "summary": {"dataPoints": [point(NOW, &json!({"quantileValues": [{"quantile": 0.5, "value": 1}]}))]}},
        ]);
        let mut message = to_protobuf(request(&metrics).to_string().as_bytes()).unwrap();
        let length = message.len();
        message[at % length] = byte;
        message.truncate(cut % (length + 1));
        let settings = OtlpSettings { custom_buckets: byte.is_multiple_of(2), promote_scope: true, ..OtlpSettings::default() };
        let _ = take_in(&message, &settings, NOW, &MemoryAppend::default(), &Unlimited);
    }
}
