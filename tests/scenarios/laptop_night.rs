//! A laptop's night: suspended while a Prometheus waits to write, then with a clock that is set back, and years ahead. Nothing
//! is lost, nothing is deleted, and nothing needs a hand.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    http_client::{escape, get},
    process::{Server, eventually, free_address, peer},
    sender::write_one,
};

/// Counts up with every scrape: a sample that is missing shows.
const SERIES: &str = "prometheus_tsdb_head_samples_appended_total{type=\"float\"}";

/// How long the machine sleeps. `NIGHT_SECONDS` says otherwise.
fn sleep() -> Duration {
    let seconds = std::env::var("NIGHT_SECONDS").ok().map(|text| text.parse().unwrap());
    Duration::from_secs(seconds.unwrap_or(10))
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// The library that fakes the clock of the programs that load it.
fn fake_clock() -> Option<PathBuf> {
    let faketime = peer("FAKETIME_BIN", "faketime")?;
    let output = Command::new(faketime).args(["-f", "+0", "printenv", "LD_PRELOAD"]).output().unwrap();
    Some(PathBuf::from(String::from_utf8(output.stdout).unwrap().trim()))
}

/// Sets the fake clock: so far from the true one.
fn set_clock(file: &Path, offset: &str) {
    let next = file.with_extension("next");
    std::fs::write(&next, offset).unwrap();
    std::fs::rename(next, file).unwrap();
}

/// The times of all samples of the last ten minutes up to `end`.
fn times(address: &str, end: f64) -> BTreeSet<String> {
    let path = format!("/api/v1/query?query={}&time={end}", escape(&format!("{SERIES}[10m]")));
    let answer = get(address, &path).unwrap().json();
    let values = answer["data"]["result"][0]["values"].as_array().cloned().unwrap_or_default();
    values.iter().map(|point| point[0].to_string()).collect()
}

/// Waits until vctsdb has all that Prometheus had at `end`.
fn has_all(prometheus: &Server, vctsdb: &Server, end: f64) -> bool {
    let sent = times(&prometheus.address, end);
    assert!(sent.len() > 2, "{sent:?}");
    eventually(Duration::from_secs(90), || times(&vctsdb.address, end).is_superset(&sent))
}

fn metric(server: &Server, name: &str) -> f64 {
    let text = get(&server.address, "/metrics").unwrap().text();
    let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    line.unwrap_or_else(|| panic!("{name}")).rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_night_of_sleep_and_wrong_clocks_loses_and_deletes_nothing() {
    let (Some(prometheus), Some(library)) = (peer("PROMETHEUS_BIN", "prometheus"), fake_clock()) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (clock, address) = (dir.path().join("clock"), free_address());
    set_clock(&clock, "+0");
    let mut command = Command::new(env!("CARGO_BIN_EXE_vctsdb"));
    command.arg("--data-dir").arg(dir.path().join("data")).args(["--listen", &address]);
    command.args(["--self-scrape.interval", "1s", "--retention.time", "30d", "--web.enable-admin-api"]);
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &clock);
    command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let vctsdb = Server::start(&mut command, &address, "/-/ready", &dir.path().join("vctsdb.log"));
    write_one(&address, "old", (now() * 1e3) as i64 - 20 * 86_400_000, 7.0).unwrap();

    let scraped = free_address();
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs: [{{job_name: prometheus, static_configs: [{{targets: ['{scraped}']}}]}}]
remote_write: [{{url: 'http://{address}/api/v1/write', queue_config: {{batch_send_deadline: 200ms}}}}]
"
    );
    std::fs::write(dir.path().join("prometheus.yml"), config).unwrap();
    let mut command = Command::new(prometheus);
    command.arg(format!("--config.file={}", dir.path().join("prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", dir.path().join("prometheus").display()));
    command.arg(format!("--web.listen-address={scraped}"));
    let prometheus = Server::start(&mut command, &scraped, "/-/ready", &dir.path().join("prometheus.log"));
    assert!(eventually(Duration::from_secs(30), || times(&address, now()).len() > 3), "samples arrive");

    vctsdb.signal("-STOP");
    std::thread::sleep(sleep());
    vctsdb.signal("-CONT");
    assert!(has_all(&prometheus, &vctsdb, now() - 1.0), "what was scraped during the night");

    set_clock(&clock, "-3600");
    assert!(eventually(Duration::from_secs(30), || metric(&vctsdb, "vctsdb_clock_doubted") == 1.0), "said");
    std::thread::sleep(Duration::from_secs(5));
    set_clock(&clock, "+0");
    assert!(has_all(&prometheus, &vctsdb, now() - 1.0), "what was scraped while the clock was behind");
    assert_eq!(metric(&vctsdb, "vctsdb_clock_doubted"), 0.0);

    set_clock(&clock, "+10y");
    let snapshot = || super::http_client::request(&address, "POST", "/api/v1/admin/tsdb/snapshot", &[], b"").unwrap();
    assert_eq!(snapshot().status, 200, "a flush, after which retention looks");
    std::thread::sleep(Duration::from_secs(3));
    set_clock(&clock, "+0");
    assert_eq!(snapshot().status, 200);
    let old = format!("/api/v1/query?query=old&time={}", now() - 20.0 * 86_400.0 + 60.0);
    assert_eq!(get(&address, &old).unwrap().json()["data"]["result"][0]["value"][1], "7");
    assert!(has_all(&prometheus, &vctsdb, now() - 1.0), "what was scraped while the clock was ahead");
}
