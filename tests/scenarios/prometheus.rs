//! A real Prometheus writes to us, and both answer the same; it reads back through us; a kill loses nothing.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use super::{
    differential::compare::close,
    http_client::{escape, get},
    process::{Server, eventually, free_address, peer, vctsdb},
    sender::{Sender, write_one},
};

/// Prometheus reads through us: our own metrics would be in its answers one moment and not in ours the next.
const QUIET: [&str; 2] = ["--self-scrape.interval", "0"];
/// So far behind now, in seconds, a scrape that was begun is stored on both sides, even on a busy machine.
const SETTLED: f64 = 5.0;

struct World {
    dir: tempfile::TempDir,
    prometheus: Server,
    vctsdb: Server,
    _node: Server,
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Starts a node exporter, vctsdb, and a Prometheus that scrapes the exporter and itself every second.
fn start(message: &str) -> Option<World> {
    let prometheus = peer("PROMETHEUS_BIN", "prometheus")?;
    let node = peer("NODE_EXPORTER_BIN", "prometheus-node-exporter")?;
    let dir = tempfile::tempdir().unwrap();
    let node_address = free_address();
    let node = Server::start(
        Command::new(node).arg(format!("--web.listen-address={node_address}")),
        &node_address,
        "/metrics",
        &dir.path().join("node.log"),
    );
    let address = free_address();
    let vctsdb = vctsdb(&dir.path().join("data"), &address, &QUIET);
    let prometheus_address = free_address();
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - {{job_name: prometheus, static_configs: [{{targets: ['{prometheus_address}']}}]}}
  - {{job_name: node, static_configs: [{{targets: ['{node_address}']}}]}}
remote_write:
  - url: http://{address}/api/v1/write
    protobuf_message: {message}
    send_exemplars: true
    send_native_histograms: true
    queue_config: {{batch_send_deadline: 200ms}}
    metadata_config: {{send_interval: 2s}}
remote_read:
  - url: http://{address}/api/v1/read
    read_recent: true
"
    );
    let config_path = dir.path().join("prometheus.yml");
    std::fs::write(&config_path, config).unwrap();
    let prometheus = start_prometheus(&prometheus, dir.path(), &config_path, &prometheus_address);
    Some(World { dir, prometheus, vctsdb, _node: node })
}

fn start_prometheus(program: &PathBuf, dir: &Path, config: &Path, address: &str) -> Server {
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("prometheus").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--enable-feature=exemplar-storage,native-histograms,metadata-wal-records")
        .arg("--storage.remote.read-sample-limit=0");
    Server::start(&mut command, address, "/-/ready", &dir.join("prometheus.log"))
}

fn data(address: &str, path: &str) -> Value {
    let response = get(address, path).unwrap();
    assert_eq!(response.status, 200, "{address}{path}: {}", response.text());
    response.json()["data"].clone()
}

/// Series by their labels, so that the order of an instant vector doesn't count.
fn by_labels(data: &Value) -> Vec<(String, Value)> {
    let Some(list) =
        data["result"].as_array().filter(|_| data["resultType"] != "scalar" && data["resultType"] != "string")
    else {
        return vec![(String::new(), data["result"].clone())];
    };
    let mut series: Vec<_> = list.iter().map(|s| (sorted(&s["metric"]), s.clone())).collect();
    series.sort_by(|a, b| a.0.cmp(&b.0));
    series
}

fn sorted(metric: &Value) -> String {
    let mut pairs: Vec<String> = metric.as_object().into_iter().flatten().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.sort();
    pairs.join(",")
}

/// Equal JSON, but for the last digits of floats: sums over groups are added in another order, and the deviation of nearly equal numbers has few
/// digits that mean anything.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| same(v, w)))
        }
        (Value::String(a), Value::String(b)) if a != b => match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => close(a, b),
            _ => false,
        },
        _ => a == b,
    }
}

/// Compares all answers over a range of the past. What is on its way when the comparison starts may still arrive: what
/// differs is asked again a few times.
fn compare_dashboards(world: &World, from: f64, to: f64) -> usize {
    let mut last = (0, Vec::new());
    let equal = eventually(Duration::from_secs(20), || {
        last = differences(world, from, to);
        last.1.is_empty()
    });
    let (compared, wrong) = last;
    assert!(equal, "{} of {compared} answers differ:\n{}", wrong.len(), wrong.join("\n"));
    compared
}

/// How many answers were compared, and which differ.
fn differences(world: &World, from: f64, to: f64) -> (usize, Vec<String>) {
    let text = include_str!("../data/dashboard_queries.txt");
    let mut compared = 0;
    let mut wrong = Vec::new();
    for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let (instant_only, query) = line.strip_prefix("i ").map_or((false, line), |query| (true, query));
        let query_text = escape(query);
        let mut paths = vec![format!("/api/v1/query?query={query_text}&time={to}")];
        if !instant_only {
            paths.push(format!("/api/v1/query_range?query={query_text}&start={from}&end={to}&step=1"));
        }
        for path in paths {
            let theirs = data(&world.prometheus.address, &path);
            let answer = get(&world.vctsdb.address, &path).unwrap();
            let ours = if answer.status == 200 { answer.json()["data"].clone() } else { Value::Null };
            let (a, b) = (by_labels(&theirs), by_labels(&ours));
            let equal = theirs["resultType"] == ours["resultType"]
                && a.len() == b.len()
                && a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1));
            if !equal {
                let difference = a.iter().zip(&b).find(|(a, b)| a.0 != b.0 || !same(&a.1, &b.1));
                wrong.push(format!(
                    "{query} ({path})\n  {} against {} series, status {}\n  first difference: {difference:?}",
                    a.len(),
                    b.len(),
                    answer.status
                ));
            }
            compared += 1;
        }
    }
    (compared, wrong)
}

/// The newest time of `up` that vctsdb has for the job.
fn newest(address: &str, job: &str) -> f64 {
    let query = escape(&format!("timestamp(last_over_time(up{{job=\"{job}\"}}[1m]))"));
    let data = data(address, &format!("/api/v1/query?query={query}"));
    data["result"][0]["value"][1].as_str().and_then(|s| s.parse().ok()).unwrap_or_default()
}

fn answers_are_equal_and_survive_a_kill(message: &str) {
    let Some(mut world) = start(message) else { return };
    let began = now().floor();
    std::thread::sleep(Duration::from_secs(20));
    let to = now().floor() - SETTLED;
    let shipped = || ["prometheus", "node"].iter().all(|job| newest(&world.vctsdb.address, job) >= to + 0.5);
    assert!(eventually(Duration::from_secs(20), shipped), "Prometheus' samples did not arrive");
    let compared = compare_dashboards(&world, began + 3.0, to);
    println!("{compared} answers equal Prometheus' over {message}");

    // Metadata and label names went along.
    let address = world.vctsdb.address.clone();
    assert!(!data(&address, "/api/v1/metadata?metric=go_goroutines")["go_goroutines"].is_null(), "metadata");
    let has = |path: &str, item: &str| data(&address, path).as_array().unwrap().iter().any(|v| v == item);
    assert!(has("/api/v1/labels", "job") && has("/api/v1/label/job/values", "node"));

    // Prometheus reads back what only vctsdb has.
    let time = (now() * 1_000.0) as i64 - 1_000;
    write_one(&address, "only_here", time, 42.5).unwrap();
    let read_back = || {
        let found =
            data(&world.prometheus.address, &format!("/api/v1/query?query=only_here&time={}", time as f64 / 1e3));
        found["result"][0]["value"][1] == "42.5"
    };
    assert!(eventually(Duration::from_secs(10), read_back), "remote read");

    // Killed in the middle of writing, every acknowledged sample is there.
    let sender = Sender::start(&address, 4);
    std::thread::sleep(Duration::from_secs(3));
    world.vctsdb.kill();
    let acknowledged = sender.stop();
    assert!(acknowledged.iter().sum::<u64>() > 20, "{acknowledged:?}");
    world.vctsdb = vctsdb(&world.dir.path().join("data"), &address, &QUIET);
    for (stream, count) in acknowledged.iter().enumerate() {
        let found = Sender::stored(&address, stream);
        assert!(found >= *count, "stream {stream}: {count} samples were acknowledged, {found} are stored");
    }
    // Prometheus resends what was not acknowledged, so its own samples have no hole either.
    let end = now().floor();
    let shipped = || newest(&address, "node") >= end + 0.5;
    assert!(eventually(Duration::from_secs(40), shipped), "Prometheus did not resume");
    compare_dashboards(&world, began + 3.0, end - SETTLED);
    assert!(world.vctsdb.terminate(), "SIGTERM ends it cleanly");
}

#[test]
fn dashboards_answer_alike_over_remote_write_1_and_a_kill_loses_nothing() {
    answers_are_equal_and_survive_a_kill("prometheus.WriteRequest");
}

#[test]
fn dashboards_answer_alike_over_remote_write_2_and_a_kill_loses_nothing() {
    answers_are_equal_and_survive_a_kill("io.prometheus.write.v2.Request");
}
