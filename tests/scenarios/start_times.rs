//! Start timestamps over real HTTP: written with remote write 2.0, kept through a SIGKILL and into tables, asked for in PromQL.

use std::path::Path;

use prost::Message;
use serde_json::{Value, json};
use vctsdb::remote::proto::v2;

use super::{
    http_client::{escape, get, request},
    process::{Server, eventually, free_address, vctsdb},
};

const T: i64 = 1_700_000_000_000;
const MINUTE: i64 = 60_000;

/// A sample at minute `at` that counts from `start` ms after [`T`] on.
fn sample(at: i64, value: f64, start: i64) -> v2::Sample {
    v2::Sample { value, timestamp: T + at * MINUTE, start_timestamp: T + start }
}

fn write(server: &Server, timeseries: Vec<v2::TimeSeries>) {
    let symbols = ["", "__name__", "requests_total", "kind", "counter", "delta", "latency"];
    let message = v2::Request { symbols: symbols.map(str::to_owned).to_vec(), timeseries };
    let body = snap::raw::Encoder::new().compress_vec(&message.encode_to_vec()).unwrap();
    let content = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    let headers = [("Content-Type", content), ("Content-Encoding", "snappy")];
    let answer = request(&server.address, "POST", "/api/v1/write", &headers, &body).unwrap();
    assert_eq!(answer.status, 204, "{}", answer.text());
}

fn series(labels_refs: &[u32], samples: Vec<v2::Sample>) -> v2::TimeSeries {
    v2::TimeSeries { labels_refs: labels_refs.to_vec(), samples, ..Default::default() }
}

/// A counter that was reset, as only its start tells; deltas; and one native histogram.
fn everything() -> Vec<v2::TimeSeries> {
    let half = MINUTE / 2;
    let counter = (1..=4).map(|i| sample(i, i as f64 * 10.0, if i < 3 { half } else { 2 * MINUTE + half })).collect();
    let deltas = (1..=4).map(|i| sample(i, 5.0, (i - 1) * MINUTE)).collect();
    let histogram = v2::Histogram {
        count: Some(v2::histogram::Count::CountInt(60)),
        zero_count: Some(v2::histogram::ZeroCount::ZeroCountInt(60)),
        sum: 30.0,
        timestamp: T + 2 * MINUTE,
        start_timestamp: T + MINUTE,
        ..Default::default()
    };
    let histograms = v2::TimeSeries { labels_refs: vec![1, 6], histograms: vec![histogram], ..Default::default() };
    vec![series(&[1, 2, 3, 4], counter), series(&[1, 2, 3, 5], deltas), histograms]
}

/// The values at minute 4, sorted by labels.
fn ask(server: &Server, expr: &str) -> Vec<f64> {
    let path = format!("/api/v1/query?query={}&time={}", escape(expr), (T + 4 * MINUTE) / 1000);
    let answer = get(&server.address, &path).unwrap().json();
    assert!(answer["warnings"].is_null(), "{expr}: {answer}");
    let values = answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{expr}: {answer}"));
    values.iter().map(|one| one["value"][1].as_str().unwrap().parse().unwrap()).collect()
}

/// What is known with start times; `counter` is that of the counter's newest sample, in seconds after [`T`].
fn check(server: &Server, counter: f64) {
    let begin = T as f64 / 1000.0;
    assert_eq!(ask(server, "start_timestamp(requests_total)"), [begin + counter, begin + 180.0]);
    assert_eq!(ask(server, "start_timestamp(latency)"), [begin + 60.0]);
    assert_eq!(ask(server, "increase(requests_total[5m])")[1], 20.0, "deltas add up");
    assert_eq!(ask(server, "histogram_count(increase(latency[5m]))"), [60.0], "one sample is enough");
    if counter == 150.0 {
        assert_eq!(ask(server, "increase(requests_total[5m])")[0], 60.0);
        assert_eq!(ask(server, "resets(requests_total[5m])"), [1.0, 3.0]);
    }
}

fn start(data: &Path, more: &[&str]) -> Server {
    let off = ["--self-scrape.interval", "off"];
    vctsdb(data, &free_address(), &[&off, more].concat())
}

#[test]
fn start_times_outlive_a_kill_and_a_flush_and_queries_heed_them_when_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let features = ["--enable-feature", "use-start-timestamps,promql-experimental-functions"];
    let mut server = start(&data, &features);
    write(&server, everything());
    check(&server, 150.0);
    server.kill();

    let mut server = start(&data, &features);
    check(&server, 150.0);
    assert!(server.terminate(), "what is in memory goes into tables");
    drop(server);

    let mut server = start(&data, &features);
    let tables = get(&server.address, "/api/v1/status/storage").unwrap().json();
    assert!(!tables["data"]["tables"].as_array().unwrap().is_empty(), "{tables}");
    check(&server, 150.0);
    // The same value with another start replaces it, over what is in a table and again after a kill.
    write(&server, vec![series(&[1, 2, 3, 4], vec![sample(4, 40.0, 210_000)])]);
    check(&server, 210.0);
    server.kill();
    let mut server = start(&data, &features);
    check(&server, 210.0);
    assert!(server.terminate());

    // Without the feature they are as good as unknown.
    let server = start(&data, &["--enable-feature", "promql-experimental-functions"]);
    assert_eq!(ask(&server, "start_timestamp(requests_total)"), [0.0; 0]);
    assert_eq!(ask(&server, "increase(requests_total[5m])"), [35.0, 0.0]);
    assert_eq!(ask(&server, "histogram_count(increase(latency[5m]))"), [0.0; 0]);
}

#[test]
fn a_hang_up_opens_the_query_log_anew_and_ends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (log, moved) = (dir.path().join("queries.log"), dir.path().join("moved.log"));
    let server = start(&dir.path().join("data"), &["--query.log", log.to_str().unwrap()]);
    get(&server.address, "/api/v1/query?query=1").unwrap();
    std::fs::rename(&log, &moved).unwrap();
    server.signal("-HUP");
    assert!(eventually(std::time::Duration::from_secs(30), || log.is_file()), "there is a new file");
    get(&server.address, "/api/v1/query?query=2").unwrap();
    let query = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        serde_json::from_str::<Value>(text.trim_end()).unwrap()["params"]["query"].clone()
    };
    assert_eq!((query(&moved), query(&log)), (json!("1"), json!("2")));
}
