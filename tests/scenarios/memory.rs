//! A small memory budget, under load, heavy questions, a kill and the replay after it: each part and the process stay
//! within it. With less than this the process passes it for moments (see the specification).

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prost::Message;
use vctsdb::remote::proto::v1::{Label, Sample, TimeSeries, WriteRequest};

use super::{
    http_client::{escape, get, request},
    process::{Server, eventually, free_address, vctsdb},
};

const BUDGET: u64 = 96 << 20;
/// Each brings series of its own: together with their labels they take more than all memtables may.
const REQUESTS: usize = 120;
const SERIES: usize = 500;
const SAMPLES: usize = 5;
/// Between samples (ms).
const STEP: i64 = 15_000;

/// The most memory a process has had, without the pages of the program's own file: a test build has many.
fn most(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let bytes = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    };
    bytes("VmHWM:") - bytes("RssFile:")
}

fn start(dir: &Path, address: &str) -> Server {
    vctsdb(dir, address, &["--memory", "96MiB", "--self-scrape.interval", "off"])
}

/// Request `number`: new series of a fleet, some samples each, the last at `end`.
fn body(number: usize, end: i64) -> Vec<u8> {
    let label = |name: &str, value: String| Label { name: name.to_owned(), value };
    let series = |i: usize| TimeSeries {
        labels: vec![
            label("__name__", "container_memory_working_set_bytes".to_owned()),
            label("container", format!("container-{}", i % 50)),
            label("id", format!("/kubepods/burstable/pod-{number:08}-{i:08}")),
            label("instance", format!("node-{:04}.example.com:10250", number % 40)),
            label("job", "kubelet".to_owned()),
            label("namespace", format!("namespace-{}", number % 20)),
        ],
        samples: (0..SAMPLES)
            .map(|n| Sample { value: (number * i + n) as f64, timestamp: end - (SAMPLES - 1 - n) as i64 * STEP })
            .collect(),
        ..TimeSeries::default()
    };
    let message = WriteRequest { timeseries: (0..SERIES).map(series).collect(), ..WriteRequest::default() };
    snap::raw::Encoder::new().compress_vec(&message.encode_to_vec()).unwrap()
}

/// Sends a body until it is taken; a server that is short of memory for a moment says so and is asked again.
fn send(address: &str, body: &[u8]) {
    let headers = [("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy")];
    assert!(eventually(Duration::from_secs(60), || {
        match request(address, "POST", "/api/v1/write", &headers, body).unwrap().status {
            204 => true,
            status => {
                assert_eq!(status, 503);
                false
            }
        }
    }));
}

fn ask(address: &str, text: &str, end: i64) -> (u16, serde_json::Value) {
    let (text, end) = (escape(text), end / 1000);
    let path = format!("/api/v1/query_range?query={text}&start={}&end={end}&step=1&nocache=1", end - 200);
    let answer = get(address, &path).unwrap();
    (answer.status, answer.json())
}

#[test]
fn each_part_keeps_to_its_limit_and_the_process_to_its_budget_under_load_and_when_it_replays() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut server = start(&dir.path().join("data"), &address);
    let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64 / STEP * STEP;
    std::thread::scope(|scope| {
        let sending: Vec<_> = (0..2)
            .map(|half| {
                let address = &address;
                scope.spawn(move || (half..REQUESTS).step_by(2).for_each(|n| send(address, &body(n, end))))
            })
            .collect();
        while sending.iter().any(|thread| !thread.is_finished()) {
            let (status, _) = ask(&address, "sum by (namespace) (rate(container_memory_working_set_bytes[1m]))", end);
            assert_eq!(status, 200);
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let (status, refused) = ask(&address, "container_memory_working_set_bytes", end);
    let message = refused["error"].as_str().unwrap().to_owned();
    assert!(status == 422 && message.contains("{__name__=\"container_memory_working_set_bytes\"}"), "{message}");

    let list = |path: &str| get(&address, &format!("/api/v1/{path}")).unwrap();
    let refused = list("series?match[]=container_memory_working_set_bytes");
    assert!(refused.status == 422 && refused.text().contains("set a limit"), "{}", refused.text());
    let some = list("series?match[]=container_memory_working_set_bytes&limit=3").json();
    assert_eq!(some["data"].as_array().unwrap().len(), 3);
    assert_eq!(some["warnings"][0], "results truncated due to limit");
    let first = list("label/id/values?limit=2").json();
    let pod = |i: usize| format!("/kubepods/burstable/pod-00000000-{i:08}");
    assert_eq!(first["data"], serde_json::json!([pod(0), pod(1)]));

    let shown = get(&address, "/api/v1/status/storage").unwrap().json();
    let memory = &shown["data"]["memory"];
    assert_eq!(memory["budgetBytes"], BUDGET);
    let parts = memory["parts"].as_array().unwrap();
    for part in parts {
        assert!(part["usedBytes"].as_u64() <= part["limitBytes"].as_u64(), "{memory}");
    }
    let limits: u64 = parts.iter().filter_map(|part| part["limitBytes"].as_u64()).sum();
    assert!(parts.len() >= 6 && limits < BUDGET, "{memory}");
    assert!(get(&address, "/metrics").unwrap().text().contains("vctsdb_memory_used_bytes{part=\"block cache\"}"));
    let loaded = most(&server);
    server.kill();

    let mut server = start(&dir.path().join("data"), &address);
    let all = escape("sum(count_over_time(container_memory_working_set_bytes[10m]))");
    let path = format!("/api/v1/query?query={all}&time={}", end / 1000);
    let count = get(&address, &path).unwrap().json();
    let want = (REQUESTS * SERIES * SAMPLES).to_string();
    assert_eq!(count["data"]["result"][0]["value"][1], want, "{count}");
    let replayed = most(&server);
    server.kill();
    eprintln!("most memory: under load {} KiB, replaying and asked {} KiB", loaded >> 10, replayed >> 10);
    assert!(loaded < BUDGET && replayed < BUDGET, "{loaded} and {replayed} of {BUDGET} bytes");
}
