//! What a remote-write receiver has to do, asked of the real binary over HTTP.
//!
//! [`suite`] follows the public receiver compliance suite test by test, but expects each case's intended answer: a
//! success is exactly 204 with exact counts, twice, because a retry must change nothing; a refusal is exactly 400 or
//! 415. [`negotiation`] has the rules about headers, [`partial`] those about requests of which only a part can be kept;
//! [`durable`] restarts the server.

mod durable;
mod messages;
mod negotiation;
mod partial;
mod suite;

use serde_json::Value;

use self::messages::Request2;
use super::{
    http_client::{Response, escape, get, request},
    process::{Server, free_address, vctsdb},
    sender::now,
};

/// The headers of a 2.0 request.
const V2: [(&str, &str); 2] =
    [("Content-Type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"), ("Content-Encoding", "snappy")];
/// The headers of a 1.0 request.
const V1: [(&str, &str); 2] = [("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy")];

/// Counts of samples, histograms and exemplars.
type Counts = [u64; 3];

/// A running server that is written to.
struct Receiver {
    dir: tempfile::TempDir,
    server: Server,
}

fn snappy(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

/// The counts that an answer states; `None` where it has no such header.
fn stated(answer: &Response) -> [Option<u64>; 3] {
    ["samples", "histograms", "exemplars"].map(|kind| {
        let name = format!("x-prometheus-remote-write-{kind}-written:");
        let line = answer.headers.lines().find(|line| line.to_lowercase().starts_with(&name))?;
        Some(line[name.len()..].trim().parse().unwrap())
    })
}

impl Receiver {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = vctsdb(&dir.path().join("data"), &free_address(), &["--self-scrape.interval", "0"]);
        Self { dir, server }
    }

    fn post(&self, headers: &[(&str, &str)], body: &[u8]) -> Response {
        request(&self.server.address, "POST", "/api/v1/write", headers, body).unwrap()
    }

    /// Sends a request that must be stored whole, and sends it again.
    fn stores(&self, what: &str, request: &Request2, counts: Counts) {
        for attempt in ["first", "second"] {
            let answer = self.post(&V2, &snappy(&request.encode()));
            assert_eq!(answer.status, 204, "{what}, {attempt} time: {}", answer.text());
            assert_eq!(answer.body, b"", "{what}");
            assert_eq!(stated(&answer), counts.map(Some), "{what}, {attempt} time");
        }
    }

    /// Sends a request of which only `counts` can be stored. Gives the message.
    fn refuses(&self, what: &str, request: &Request2, counts: Counts) -> String {
        let answer = self.post(&V2, &snappy(&request.encode()));
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        assert!(answer.text().len() > 15, "{what}: {:?}", answer.text());
        assert_eq!(stated(&answer), counts.map(Some), "{what}");
        answer.text()
    }

    fn data(&self, path: &str) -> Value {
        let answer = get(&self.server.address, path).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()["data"].clone()
    }

    /// How many samples of the last two days a selector finds.
    fn samples(&self, selector: &str) -> usize {
        let data = self.data(&format!("/api/v1/query?query={}", escape(&format!("{selector}[2d]"))));
        let series = data["result"].as_array().unwrap().iter();
        series.flat_map(|s| [&s["values"], &s["histograms"]]).map(|v| v.as_array().map_or(0, Vec::len)).sum()
    }

    /// The exemplars of the last two days that a selector finds.
    fn exemplars(&self, selector: &str) -> Vec<Value> {
        let from = now() / 1_000 - 2 * 86_400;
        let data = self.data(&format!("/api/v1/query_exemplars?start={from}&query={}", escape(selector)));
        data.as_array().unwrap().iter().flat_map(|s| s["exemplars"].as_array().unwrap().clone()).collect()
    }
}
