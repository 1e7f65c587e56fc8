//! OTLP over HTTP, as an SDK or a collector sends it.

use std::{io::Write as _, time::SystemTime};

use serde_json::{Value, json};
use vctsdb::remote::otlp::json::to_protobuf;

use super::{
    http_client::{Response, get, request},
    process::{Server, free_address, vctsdb},
};

struct Receiver {
    server: Server,
    _dir: tempfile::TempDir,
}

impl Receiver {
    fn start(more: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = vctsdb(dir.path(), &free_address(), more);
        Self { server, _dir: dir }
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        request(&self.server.address, "POST", path, headers, body).unwrap()
    }

    /// The value that a query has now.
    fn value(&self, query: &str) -> String {
        let path = format!("/api/v1/query?query={}", super::http_client::escape(query));
        let answer = get(&self.server.address, &path).unwrap().json();
        answer["data"]["result"][0]["value"][1].as_str().unwrap_or("nothing").to_owned()
    }
}

const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn metric(name: &str, value: f64) -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos().to_string();
    let service = json!({"key": "service.name", "value": {"stringValue": "shop"}});
    let gauge = json!({"dataPoints": [{"timeUnixNano": now, "asDouble": value}]});
    json!({"resourceMetrics": [{
        "resource": {"attributes": [service]},
        "scopeMetrics": [{"metrics": [{"name": name, "unit": "By", "gauge": gauge}]}],
    }]})
}

fn body(name: &str, value: f64) -> Vec<u8> {
    metric(name, value).to_string().into_bytes()
}

#[test]
fn both_paths_take_both_encodings_plain_and_compressed() {
    let receiver = Receiver::start(&[]);
    let (json, protobuf) = (body("plain.json", 1.0), to_protobuf(&body("plain.protobuf", 2.0)).unwrap());
    let answer = receiver.post("/v1/metrics", &[JSON], &json);
    assert_eq!(
        (answer.status, answer.text().as_str(), answer.header("content-type")),
        (200, "{}", Some("application/json"))
    );
    let answer = receiver.post("/api/v1/otlp/v1/metrics", &[PROTOBUF], &protobuf);
    assert_eq!(
        (answer.status, answer.body.len(), answer.header("content-type")),
        (200, 0, Some("application/x-protobuf"))
    );
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&body("zipped", 3.0)).unwrap();
    let answer = receiver.post("/v1/metrics", &[JSON, ("Content-Encoding", "gzip")], &gzip.finish().unwrap());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let zstd = zstd::encode_all(&to_protobuf(&body("frozen", 4.0)).unwrap()[..], 3).unwrap();
    let answer = receiver.post("/v1/metrics", &[PROTOBUF, ("Content-Encoding", "zstd")], &zstd);
    assert_eq!(answer.status, 200, "{}", answer.text());
    for (name, value) in [("plain_json", "1"), ("plain_protobuf", "2"), ("zipped", "3"), ("frozen", "4")] {
        assert_eq!(receiver.value(&format!("{name}_bytes{{job=\"shop\"}}")), value, "{name}");
    }
    for empty in [(&b""[..], PROTOBUF), (&b"{}"[..], JSON)] {
        assert_eq!(receiver.post("/v1/metrics", &[empty.1], empty.0).status, 200, "an empty request is one too");
    }
}

#[test]
fn what_is_not_stored_is_said_in_the_encoding_of_the_request_and_counted() {
    let receiver = Receiver::start(&[]);
    let mut request = metric("good", 1.0);
    let more = json!({"name": "bad", "sum": {"aggregationTemporality": 1, "dataPoints": [{"timeUnixNano": "1", "asInt": "1"}]}});
    request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array_mut().unwrap().push(more);
    let answer = receiver.post("/v1/metrics", &[JSON], request.to_string().as_bytes());
    assert_eq!(answer.status, 200);
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedDataPoints"], "1");
    let message = partial["errorMessage"].as_str().unwrap();
    assert!(message.contains("\"bad\"") && message.contains("TEMPORALITY_PREFERENCE=cumulative"), "{message}");
    assert_eq!(receiver.value("good_bytes"), "1");
    let metrics = get(&receiver.server.address, "/metrics").unwrap().text();
    for line in ["vctsdb_otlp_points_total 1", "vctsdb_otlp_rejected_points_total{reason=\"delta\"} 1"] {
        assert!(metrics.lines().any(|own| own == line), "{line}");
    }
}

#[test]
fn bodies_that_are_no_requests_are_refused_with_the_code_and_the_place() {
    let receiver = Receiver::start(&[]);
    let answer = receiver.post("/v1/metrics", &[JSON], b"{\"resourceMetrics\": 1}");
    assert_eq!((answer.status, answer.json()["code"].as_u64()), (400, Some(3)));
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("\"resourceMetrics\"") && message.contains("line 1 column"), "{message}");
    let answer = receiver.post("/v1/metrics", &[PROTOBUF], b"\x0a\x09");
    assert_eq!((answer.status, &answer.body[..2]), (400, &[0x08, 3][..]));
    assert_eq!(receiver.post("/v1/metrics", &[PROTOBUF, ("Content-Encoding", "gzip")], b"none").status, 400);
    assert_eq!(receiver.post("/v1/metrics", &[PROTOBUF, ("Content-Encoding", "br")], b"").status, 415);
    let answer = receiver.post("/v1/metrics", &[("Content-Type", "text/plain")], b"x 1");
    assert_eq!(answer.status, 415);
    assert!(answer.text().contains("application/x-protobuf or application/json"), "{}", answer.text());
    // A few bytes that become more than any request may have.
    let bomb = zstd::encode_all(&vec![0_u8; 70 << 20][..], 3).unwrap();
    let answer = receiver.post("/v1/metrics", &[PROTOBUF, ("Content-Encoding", "zstd")], &bomb);
    assert_eq!((answer.status, &answer.body[..2]), (413, &[0x08, 8][..]), "{}", answer.text());
}
