//! A real Prometheus and a real vctsdb with the same data.

use std::{path::Path, process::Command};

use serde_json::{Value, json};

use crate::scenarios::{
    http_client::{escape, get, request},
    process::{Server, free_address, vctsdb},
};

/// Both servers.
pub(crate) struct Peers {
    prometheus: Server,
    vctsdb: Server,
    dir: tempfile::TempDir,
}

/// When to evaluate: at one time (then `step` is 0), or on a grid. In ms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) step: i64,
}

impl Peers {
    /// Starts both on empty folders and writes the same request to them.
    pub(crate) fn start(prometheus: &Path, data: &[u8]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let address = free_address();
        let config = dir.path().join("prometheus.yml");
        std::fs::write(&config, "storage: {tsdb: {out_of_order_time_window: 1h}}\n").unwrap();
        let mut command = Command::new(prometheus);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("prometheus").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--web.enable-remote-write-receiver", "--storage.tsdb.retention.time=100y"])
            .arg("--enable-feature=promql-experimental-functions,promql-duration-expr,native-histograms")
            .arg("--enable-feature=promql-per-step-stats");
        let prometheus = Server::start(&mut command, &address, "/-/ready", &dir.path().join("prometheus.log"));
        let features = "promql-experimental-functions,promql-per-step-stats";
        let more = ["--self-scrape.interval", "off", "--enable-feature", features];
        let vctsdb = vctsdb(&dir.path().join("data"), &free_address(), &more);
        let body = snap::raw::Encoder::new().compress_vec(data).unwrap();
        let headers = [("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy")];
        for address in [&prometheus.address, &vctsdb.address] {
            let answer = request(address, "POST", "/api/v1/write", &headers, &body).unwrap();
            assert!(matches!(answer.status, 200 | 204), "{address}: {} {}", answer.status, answer.text());
        }
        Self { prometheus, vctsdb, dir }
    }

    pub(crate) fn ask_prometheus(&self, expr: &str, when: When) -> (u16, Value) {
        self.ask(&self.prometheus, "prometheus.log", &path(expr, when))
    }

    pub(crate) fn ask_vctsdb(&self, expr: &str, when: When) -> (u16, Value) {
        self.ask(&self.vctsdb, "data.log", &path(expr, when))
    }

    /// How many samples both have looked at for an answer, altogether and by step: Prometheus, then we.
    pub(crate) fn samples(&self, expr: &str, when: When) -> (Value, Value) {
        let of = |server, log| {
            let (_, answer) = self.ask(server, log, &format!("{}&stats=all", path(expr, when)));
            let samples = &answer["data"]["stats"]["samples"];
            let by_step = samples["totalQueryableSamplesPerStep"].as_array().into_iter().flatten();
            json!([samples["totalQueryableSamples"], by_step.collect::<Vec<_>>()])
        };
        (of(&self.prometheus, "prometheus.log"), of(&self.vctsdb, "data.log"))
    }

    fn ask(&self, server: &Server, log: &str, path: &str) -> (u16, Value) {
        let answer = get(&server.address, path).unwrap_or_else(|error| {
            let log = std::fs::read_to_string(self.dir.path().join(log)).unwrap_or_default();
            panic!("{path}: {error}\n{log}")
        });
        (answer.status, answer.json())
    }

    /// What both say about an expression at `path`: Prometheus, then we.
    pub(crate) fn about(&self, path: &str, expr: &str) -> ((u16, Value), (u16, Value)) {
        let body = format!("query={}", escape(expr));
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let say = |address: &str| {
            let answer = request(address, "POST", path, &headers, body.as_bytes()).unwrap();
            (answer.status, answer.json())
        };
        (say(&self.prometheus.address), say(&self.vctsdb.address))
    }
}

fn path(expr: &str, When { start, end, step }: When) -> String {
    let (expr, seconds) = (escape(expr), |ms: i64| ms as f64 / 1000.0);
    if step == 0 {
        return format!("/api/v1/query?query={expr}&time={}", seconds(start));
    }
    let (start, end, step) = (seconds(start), seconds(end), seconds(step));
    format!("/api/v1/query_range?query={expr}&start={start}&end={end}&step={step}")
}
