//! Remote write over HTTP; what it makes of bodies is tested where they are taken apart.

use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::json;

use super::harness::{Answer, NOW, Server, some_series};
use crate::{
    seams::{append::AppendError, select::MemorySelect},
    server::Deadlines,
};

const PATH: &str = "/api/v1/write";
const V1: (&str, &str) = ("content-type", "application/x-protobuf");
const V2: (&str, &str) = ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request");
const COUNTS: [&str; 3] = ["samples", "histograms", "exemplars"];

fn counts(answer: &Answer) -> [Option<&str>; 3] {
    COUNTS.map(|kind| answer.header(&format!("x-prometheus-remote-write-{kind}-written")))
}

fn snappy(message: &impl prost::Message) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(&message.encode_to_vec()).unwrap()
}

/// One series of protocol 1.0 with a sample at `time`.
fn v1_body(time: i64) -> Vec<u8> {
    use crate::remote::proto::v1::{Label, Sample, TimeSeries, WriteRequest};
    let label = Label { name: "__name__".into(), value: "up".into() };
    let sample = Sample { value: 1.0, timestamp: time };
    let series = TimeSeries { labels: vec![label], samples: vec![sample], ..TimeSeries::default() };
    snappy(&WriteRequest { timeseries: vec![series], ..WriteRequest::default() })
}

/// Two series of protocol 2.0, the second with a label reference out of range if so wished.
fn v2_body(broken: bool) -> Vec<u8> {
    use crate::remote::proto::v2::{Request, Sample, TimeSeries};
    let symbols = ["", "__name__", "up", "down"].map(str::to_owned).to_vec();
    let series = |reference| TimeSeries {
        labels_refs: vec![1, reference],
        samples: vec![Sample { value: 1.0, timestamp: NOW, ..Sample::default() }],
        ..TimeSeries::default()
    };
    snappy(&Request { symbols, timeseries: vec![series(2), series(if broken { 9 } else { 3 })] })
}

#[tokio::test]
async fn a_write_is_stored_before_it_is_acknowledged() {
    let server = Server::start(MemorySelect::default()).await;
    let answer = server.ask(Method::POST, PATH, &[V1], &v1_body(NOW)).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(counts(&answer), [None, None, None], "1.0 answers must not look like 2.0");
    let answer = server.ask(Method::POST, PATH, &[V2], &v2_body(false)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(counts(&answer), [Some("2"), Some("0"), Some("0")]);
    let stored: Vec<usize> = server.append.batches().iter().map(|batch| batch.floats.len()).collect();
    assert_eq!(stored, [1, 2]);
}

#[tokio::test]
async fn what_could_be_stored_is_counted_also_in_errors() {
    let server = Server::start(MemorySelect::default()).await;
    let answer = server.ask(Method::POST, PATH, &[V2], &v2_body(true)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(counts(&answer), [Some("1"), Some("0"), Some("0")]);
    assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
    assert!(!answer.body.is_empty());
    let answer = server.ask(Method::POST, PATH, &[V2], b"no snappy").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(counts(&answer), [Some("0"), Some("0"), Some("0")]);
    assert_eq!(server.ask(Method::POST, PATH, &[V1], &v1_body(NOW)).await.status, StatusCode::NO_CONTENT);
    let future = server.ask(Method::POST, PATH, &[V1], &v1_body(NOW + 3_600_000)).await;
    assert_eq!(future.status, StatusCode::BAD_REQUEST);
    assert_eq!(counts(&future), [None, None, None]);
}

#[tokio::test]
async fn types_and_encodings_that_are_not_ours_are_415() {
    let server = Server::start(MemorySelect::default()).await;
    for headers in [
        &[("content-type", "application/json")][..],
        &[("content-type", "application/x-protobuf;proto=some.Thing")],
        &[V1, ("content-encoding", "gzip")],
        &[V2, ("content-encoding", "zstd")],
    ] {
        let answer = server.ask(Method::POST, PATH, headers, b"broken").await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{headers:?}");
        assert_eq!(counts(&answer), [None, None, None], "nothing was negotiated");
    }
}

#[tokio::test]
async fn a_parameter_that_a_write_does_not_heed_is_refused_by_name() {
    let server = Server::start(MemorySelect::default()).await;
    for (parameters, name) in [("extra_label=dc%3Deu", "extra_label"), ("timestamp=1", "timestamp"), ("%zz", "%zz")] {
        let answer = server.ask(Method::POST, &format!("{PATH}?{parameters}"), &[V1], &v1_body(NOW)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{parameters}: {}", answer.text());
        assert!(answer.text().contains(name) && !answer.text().starts_with('{'), "{}", answer.text());
    }
    assert!(server.append.batches().is_empty());
    assert_eq!(
        server.ask(Method::POST, &format!("{PATH}?"), &[V1], &v1_body(NOW)).await.status,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn a_body_announced_too_large_is_refused_unread() {
    let server = Server::start(MemorySelect::default()).await;
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 40000000\r\n\r\nabc");
    let answer = server.raw(head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_turns_out_too_large_is_refused() {
    let server = Server::start(MemorySelect::default()).await;
    let mut request = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
    let megabyte = [b"100000\r\n".to_vec(), vec![0; 1 << 20], b"\r\n".to_vec()].concat();
    (0..33).for_each(|_| request.extend_from_slice(&megabyte));
    let answer = server.raw(&request).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_store_that_takes_no_writes_says_when_to_come_back() {
    let server = Server::start(some_series(1)).await;
    server.append.refuse(Some(AppendError::Unavailable {
        reason: "the disk is full".into(),
        retry_after: Duration::from_millis(1500),
    }));
    let answer = server.ask(Method::POST, PATH, &[V2], &v2_body(false)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), Some("2"));
    assert_eq!(counts(&answer), [Some("0"), Some("0"), Some("0")]);
    assert!(answer.text().contains("the disk is full"));
    server.append.refuse(Some(AppendError::Storage("broken".into())));
    let answer = server.ask(Method::POST, PATH, &[V1], &v1_body(NOW)).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(server.get("/api/v1/labels").await.status, StatusCode::OK, "reads go on");
}

#[tokio::test]
async fn before_the_store_is_open_senders_are_told_to_retry() {
    let server = Server::opening(Deadlines::default()).await;
    let answer = server.ask(Method::POST, PATH, &[V2], &v2_body(false)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(counts(&answer), [Some("0"), Some("0"), Some("0")]);
}

/// Writes a sample at `time`; the status, and whether the answer says when to try again.
async fn written(server: &Server, time: i64) -> (StatusCode, bool, String) {
    let answer = server.ask(Method::POST, PATH, &[V1], &v1_body(time)).await;
    (answer.status, answer.header("retry-after").is_some(), answer.text())
}

#[tokio::test]
async fn while_the_clock_is_known_to_have_gone_back_senders_are_asked_to_wait() {
    const HOUR: i64 = 3_600_000;
    let server = Server::start(MemorySelect::default()).await;
    assert_eq!(written(&server, NOW).await.0, StatusCode::NO_CONTENT);
    server.clock.set(NOW - HOUR);
    for _ in 0..2 {
        let (status, retry, text) = written(&server, NOW + 15_000).await;
        assert!(status == StatusCode::SERVICE_UNAVAILABLE && retry && text.contains("clock"), "{status}: {text}");
        // What others send late tells nothing about today.
        assert_eq!(written(&server, NOW - 3 * HOUR).await.0, StatusCode::NO_CONTENT);
    }
    server.clock.set(NOW + 30_000);
    assert_eq!(written(&server, NOW + 15_000).await.0, StatusCode::NO_CONTENT, "set right");
    server.clock.set(NOW - HOUR);
    assert_eq!(written(&server, NOW + 45_000).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(written(&server, NOW - HOUR + 1_000).await.0, StatusCode::NO_CONTENT);
    let (status, retry, _) = written(&server, NOW + 45_000).await;
    assert_eq!((status, retry), (StatusCode::BAD_REQUEST, false), "a sender agrees with the clock: it is right");
}

#[tokio::test]
async fn a_sample_ahead_of_a_clock_that_senders_agree_with_is_refused_for_good() {
    let server = Server::start(MemorySelect::default()).await;
    assert_eq!(written(&server, NOW).await.0, StatusCode::NO_CONTENT);
    let (status, retry, _) = written(&server, NOW + 601_000).await;
    assert_eq!((status, retry), (StatusCode::BAD_REQUEST, false));
}

#[tokio::test]
async fn while_no_sender_agrees_with_the_clock_senders_ahead_of_it_are_asked_to_wait() {
    const HOUR: i64 = 3_600_000;
    let server = Server::start(MemorySelect::default()).await;
    // A battery that ran out: the clock shows a time of years ago, and one sender is all there is.
    for ahead in [HOUR, 10 * 365 * 24 * HOUR] {
        let (status, retry, text) = written(&server, NOW + ahead).await;
        assert!(status == StatusCode::SERVICE_UNAVAILABLE && retry && text.contains("clock"), "{status}: {text}");
    }
    // Microseconds taken for milliseconds are nobody's present: that can never be stored.
    assert_eq!(written(&server, NOW * 1_000).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(written(&server, NOW - HOUR).await.0, StatusCode::NO_CONTENT, "an old sample tells nothing about today");
    assert_eq!(written(&server, NOW + HOUR).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(written(&server, NOW + 15_000).await.0, StatusCode::NO_CONTENT);
    assert_eq!(written(&server, NOW + HOUR).await.0, StatusCode::BAD_REQUEST);
    server.clock.set(NOW + 299_000);
    assert_eq!(written(&server, NOW + HOUR).await.0, StatusCode::BAD_REQUEST, "agreed with minutes ago");
    server.clock.set(NOW + 301_000);
    assert_eq!(written(&server, NOW + HOUR).await.0, StatusCode::SERVICE_UNAVAILABLE, "not for five minutes");
}

#[tokio::test]
async fn who_writes_is_told_with_what_came_of_it() {
    let server = Server::start(MemorySelect::default()).await;
    let agent = ("user-agent", "Prometheus/3.5.0");
    server.ask(Method::POST, PATH, &[V1, agent], &v1_body(NOW)).await;
    server.ask(Method::POST, PATH, &[V1, agent], b"no snappy").await;
    server.ask(Method::POST, "/api/v1/import/prometheus", &[], b"a 1\nb 2\n").await;
    server.get("/api/v1/query?query=1").await;
    let told = server.get("/api/v1/status/senders").await.json();
    let senders = told["data"]["senders"].as_array().unwrap();
    let of = |path: &str| senders.iter().find(|sender| sender["path"] == path).unwrap();
    assert_eq!(senders.len(), 2, "who asks doesn't write: {told}");
    let (remote, import) = (of(PATH), of("/api/v1/import/prometheus"));
    assert_eq!((&remote["userAgent"], &remote["address"]), (&json!("Prometheus/3.5.0"), &json!("127.0.0.1")));
    assert_eq!((&remote["requests"], &remote["samples"], &remote["failed"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(remote["lastFailure"]["status"], 400);
    assert!(remote["lastFailure"]["reason"].as_str().unwrap().contains("snappy"), "{remote}");
    assert_eq!((&import["requests"], &import["samples"], &import["lastFailure"]), (&json!(1), &json!(2), &json!(null)));
}
