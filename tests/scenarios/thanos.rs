//! The calls of a Thanos sidecar in front of us, as it makes them.

use prost::Message;
use vctsdb::remote::proto::v1;

use super::{
    http_client::{Response, get, request},
    process::{Server, free_address, vctsdb},
    sender::{write, write_one},
};

const T: i64 = 1_700_000_000_000;

fn read(server: &Server, matchers: Vec<v1::LabelMatcher>, types: Vec<i32>) -> Response {
    let query = v1::Query { start_timestamp_ms: T - 1_000, end_timestamp_ms: T + 1_000, matchers, hints: None };
    let message = v1::ReadRequest { queries: vec![query], accepted_response_types: types }.encode_to_vec();
    let body = snap::raw::Encoder::new().compress_vec(&message).unwrap();
    let headers = [
        ("Content-Encoding", "snappy"),
        ("Content-Type", "application/x-protobuf"),
        ("X-Prometheus-Remote-Read-Version", "0.1.0"),
    ];
    request(&server.address, "POST", "/api/v1/read", &headers, &body).unwrap()
}

fn matcher(kind: i32, name: &str, value: &str) -> v1::LabelMatcher {
    v1::LabelMatcher { r#type: kind, name: name.into(), value: value.into() }
}

/// The labels of each frame, whose checksums are checked.
fn frames(mut body: &[u8]) -> Vec<Vec<(String, String)>> {
    let mut found = Vec::new();
    while !body.is_empty() {
        let length = prost::encoding::decode_varint(&mut body).unwrap() as usize;
        let (crc, rest) = body.split_at(4);
        let (payload, rest) = rest.split_at(length);
        assert_eq!(crc, crc32c::crc32c(payload).to_be_bytes());
        let message = v1::ChunkedReadResponse::decode(payload).unwrap();
        assert_eq!((message.chunked_series.len(), message.query_index), (1, 0), "one series a frame");
        found.push(message.chunked_series[0].labels.iter().map(|l| (l.name.clone(), l.value.clone())).collect());
        body = rest;
    }
    found
}

#[test]
fn the_calls_of_a_sidecar_are_answered_as_it_expects() {
    let dir = tempfile::tempdir().unwrap();
    let options =
        ["--self-scrape.interval", "0", "--external-label", "replica=a", "--external-label", "cluster=eu \"1\""];
    let server = vctsdb(&dir.path().join("data"), &free_address(), &options);
    let ask = |path: &str| {
        let answer = get(&server.address, path).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()["data"].clone()
    };
    // Before there is anything the oldest sample is at the end of time.
    let lowest = |server: &Server| -> f64 {
        let text = get(&server.address, "/metrics").unwrap().text();
        let line = text.lines().find(|line| line.starts_with("prometheus_tsdb_lowest_timestamp_seconds ")).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(lowest(&server) > 9e15);

    write_one(&server.address, "up", T, 1.0).unwrap();
    assert_eq!(write(&server.address, &[("__name__", "up"), ("z", "1")], &[(T, 2.0)]).unwrap(), 204);
    assert_eq!(write(&server.address, &[("__name__", "up"), ("cluster", "own")], &[(T + 1, 3.0)]).unwrap(), 204);
    assert!((lowest(&server) - T as f64 / 1_000.0).abs() < 1e-6);

    // Start: who is it, how is it set up, what tells its series from others'?
    let version = ask("/api/v1/status/buildinfo")["version"].as_str().unwrap().to_owned();
    let numbers: Vec<u32> = version.split('.').map(|n| n.parse().unwrap()).collect();
    assert!(numbers.as_slice() >= &[2, 24][..], "{version} can stream and filter series");
    let yaml = ask("/api/v1/status/config")["yaml"].as_str().unwrap().to_owned();
    let labels =
        "global:\n  scrape_interval: 1m\n  external_labels:\n    cluster: \"eu \\\"1\\\"\"\n    replica: \"a\"\n";
    let (comment, rest) = yaml.split_once(labels).unwrap_or_else(|| panic!("{yaml}"));
    // It takes the global section, and passes over what else there is.
    assert!(comment.starts_with("# ") && comment.lines().count() == 1 && rest.starts_with("otlp:\n"), "{yaml}");
    assert!(ask("/api/v1/status/flags").as_object().unwrap().values().all(serde_json::Value::is_string));
    assert_eq!(get(&server.address, "/-/ready").unwrap().status, 200);
    assert_eq!(get(&server.address, "/-/healthy").unwrap().status, 200);

    // Series: a streamed read, sorted with the labels added, none taken from a series that has its own.
    let answer = read(&server, vec![matcher(0, "__name__", "up")], vec![1]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let exact = "content-type: application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
    assert!(answer.headers.lines().any(|line| line.eq_ignore_ascii_case(exact)), "{}", answer.headers);
    let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    };
    let eu = ("cluster", "eu \"1\"");
    let want = [
        pairs(&[("__name__", "up"), eu, ("replica", "a")]),
        pairs(&[("__name__", "up"), eu, ("replica", "a"), ("z", "1")]),
        pairs(&[("__name__", "up"), ("cluster", "own"), ("replica", "a")]),
    ];
    assert_eq!(frames(&answer.body), want);
    let ours = vec![matcher(0, "__name__", "up"), matcher(0, "replica", "a"), matcher(0, eu.0, eu.1)];
    assert_eq!(frames(&read(&server, ours.clone(), vec![1, 0]).body), want[..2]);
    let others = vec![matcher(0, "__name__", "up"), matcher(0, "replica", "b")];
    assert!(frames(&read(&server, others, vec![1, 0]).body).is_empty());
    let answer = read(&server, ours, vec![0]);
    let message = snap::raw::Decoder::new().decompress_vec(&answer.body).unwrap();
    let found = v1::ReadResponse::decode(&message[..]).unwrap();
    let names: Vec<usize> = found.results[0].timeseries.iter().map(|s| s.labels.len()).collect();
    assert_eq!(names, [3, 4], "the other form of answer has them too");

    // Label names, values and series, with matchers and a time range; exemplars, metadata, rules and targets.
    let range = format!("start={}&end={}", T / 1_000 - 1, T / 1_000 + 1);
    assert_eq!(ask(&format!("/api/v1/labels?match[]=up&{range}")), serde_json::json!(["__name__", "cluster", "z"]));
    assert_eq!(ask(&format!("/api/v1/label/z/values?match[]=up&{range}")), serde_json::json!(["1"]));
    assert_eq!(ask(&format!("/api/v1/series?match[]=%7Bz=%221%22%7D&{range}")).as_array().unwrap().len(), 1);
    assert_eq!(ask(&format!("/api/v1/query_exemplars?query=up&{range}")), serde_json::json!([]));
    assert!(ask("/api/v1/metadata?limit=10").is_object());
    assert!(ask("/api/v1/rules")["groups"].is_array());
    assert!(ask("/api/v1/targets")["activeTargets"].is_array());
}
