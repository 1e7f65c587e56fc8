//! Limits on new series hold on every way in, and those that are there go on.

use prost::Message;
use vctsdb::remote::proto::{v1, v2};

use super::{
    http_client::{Response, escape, get, request},
    process::{Server, free_address, vctsdb},
    sender::now,
};

const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

fn started(dir: &tempfile::TempDir, limit: &[&str]) -> Server {
    vctsdb(&dir.path().join("data"), &free_address(), &[&["--self-scrape.interval", "0"], limit].concat())
}

/// A remote write of the series `a{job="x",pod="…"}` with these numbers.
fn write(server: &Server, pods: impl IntoIterator<Item = usize>) -> Response {
    let label = |name: &str, value: String| v1::Label { name: name.to_owned(), value };
    let series = |pod: usize| v1::TimeSeries {
        labels: vec![label("__name__", "a".to_owned()), label("job", "x".to_owned()), label("pod", format!("p{pod}"))],
        samples: vec![v1::Sample { value: pod as f64, timestamp: now() }],
        ..Default::default()
    };
    let message = v1::WriteRequest { timeseries: pods.into_iter().map(series).collect(), ..Default::default() };
    let body = snap::raw::Encoder::new().compress_vec(&message.encode_to_vec()).unwrap();
    let headers = [("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy")];
    request(&server.address, "POST", "/api/v1/write", &headers, &body).unwrap()
}

fn count(server: &Server, query: &str) -> u64 {
    let answer = get(&server.address, &format!("/api/v1/query?query={}", escape(query))).unwrap().json();
    answer["data"]["result"][0]["value"][1].as_str().map_or(0, |value| value.parse().unwrap())
}

fn post(server: &Server, path: &str, body: &str) -> (u16, String) {
    let answer = request(&server.address, "POST", path, &[], body.as_bytes()).unwrap();
    (answer.status, answer.text())
}

#[test]
fn a_full_index_takes_no_new_series_on_any_way_in_and_goes_on_with_those_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let limit = ["--ingest.max-series", "20"];
    let mut server = started(&dir, &limit);
    let answer = write(&server, 0..30);
    let why = "there are 20 series, as many as --ingest.max-series allows; of this minute's new series label \"pod\" has the most values";
    assert_eq!(answer.status, 400, "senders try this no second time");
    assert!(
        answer.text().contains(why) && answer.text().starts_with("10 refused, the rest was stored"),
        "{}",
        answer.text()
    );
    assert_eq!(count(&server, "count(a)"), 20);
    assert_eq!(write(&server, 0..20).status, 204);

    // 2.0 counts what was stored.
    let symbols = ["", "__name__", "a", "job", "x", "pod", "p3", "p77"].map(str::to_owned).to_vec();
    let series = |pod| v2::TimeSeries {
        labels_refs: vec![1, 2, 3, 4, 5, pod],
        samples: vec![v2::Sample { value: 3.5, timestamp: now(), ..Default::default() }],
        ..Default::default()
    };
    let message = v2::Request { symbols, timeseries: vec![series(6), series(7)] };
    let body = snap::raw::Encoder::new().compress_vec(&message.encode_to_vec()).unwrap();
    let answer = request(
        &server.address,
        "POST",
        "/api/v1/write",
        &[("Content-Type", V2), ("Content-Encoding", "snappy")],
        &body,
    )
    .unwrap();
    assert_eq!((answer.status, answer.header("x-prometheus-remote-write-samples-written")), (400, Some("1")));

    // It is the index that counts, so a start changes nothing.
    assert!(server.terminate());
    let server = started(&dir, &limit);
    for (path, body, want, says) in [
        (
            "/api/v1/import/prometheus",
            "a{job=\"x\",pod=\"p1\"} 999\nb 1\n",
            400,
            "nothing was stored: line 2:1: new series are refused",
        ),
        ("/api/v1/import/prometheus?on_error=skip", "a{job=\"x\",pod=\"p2\"} 99\nb 1\n", 204, ""),
        (
            "/api/v1/import/json",
            "{\"metric\":{\"__name__\":\"b\"},\"values\":[1],\"timestamps\":[1700000000000]}",
            400,
            "as many as --ingest.max-series allows",
        ),
        ("/write?db=prometheus", "a,job=x,pod=p4 value=99\nb value=1", 400, "partial write: new series are refused"),
        ("/metrics/job/x/pod/p5", "a 99\n", 400, "new series are refused"),
    ] {
        let (status, text) = post(&server, path, body);
        assert!(status == want && text.contains(says), "{path}: {status} {text}");
    }
    assert_eq!(count(&server, "count(a == 99)"), 2, "the samples of known series beside those refused");
    assert_eq!(count(&server, "count({__name__!=\"\"})"), 20);
    let metrics = get(&server.address, "/metrics").unwrap().text();
    let refused = metrics.lines().find_map(|line| line.strip_prefix("vctsdb_new_series_refused_total{limit=\"all\"} "));
    assert!(refused.is_some_and(|count| count.parse::<u64>().unwrap() >= 5), "{refused:?}");
}

#[test]
fn requests_at_once_never_pass_a_limit() {
    let dir = tempfile::tempdir().unwrap();
    let server = started(&dir, &["--ingest.max-series", "500"]);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let server = &server;
            scope.spawn(move || {
                (0..10).for_each(|i| drop(write(server, (0..50).map(|pod| thread * 10_000 + i * 50 + pod))))
            });
        }
    });
    assert_eq!(count(&server, "count(a)"), 500);
}

#[test]
fn a_minute_has_so_many_new_series() {
    let dir = tempfile::tempdir().unwrap();
    let server = started(&dir, &["--ingest.max-new-series-per-minute", "10"]);
    let answer = write(&server, 0..40);
    assert!(answer.status == 400 && answer.text().contains("--ingest.max-new-series-per-minute"), "{}", answer.text());
    // The minute may end in the midst of the request.
    let stored = count(&server, "count(a)");
    assert!((10..=20).contains(&stored), "{stored}");
    assert_eq!(write(&server, 0..10).status, 204, "the first ones are there");
}
