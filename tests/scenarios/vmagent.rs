//! vmagent as a sender: it tries an encoding of its own first and falls back when that is refused properly.

use std::{process::Command, time::Duration};

use super::{
    http_client::{escape, get},
    process::{Server, eventually, free_address, peer, vctsdb},
};

#[test]
fn vmagent_falls_back_and_delivers() {
    let Some(program) = peer("VMAGENT_BIN", "vmagent") else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = vctsdb(&dir.path().join("data"), &free_address(), &["--self-scrape.interval", "0"]);
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - {{job_name: us, static_configs: [{{targets: ['{}']}}]}}\n",
        server.address
    );
    let config_path = dir.path().join("scrape.yml");
    std::fs::write(&config_path, config).unwrap();
    let address = free_address();
    let mut command = Command::new(program);
    command
        .arg(format!("-promscrape.config={}", config_path.display()))
        .arg(format!("-remoteWrite.url=http://{}/api/v1/write", server.address))
        .arg(format!("-remoteWrite.tmpDataPath={}", dir.path().join("queue").display()))
        .arg(format!("-httpListenAddr={address}"))
        .arg("-remoteWrite.flushInterval=1s");
    let _vmagent = Server::start(&mut command, &address, "/metrics", &dir.path().join("vmagent.log"));
    let value = |query: &str| -> f64 {
        let answer = get(&server.address, &format!("/api/v1/query?query={}", escape(query))).unwrap().json();
        answer["data"]["result"][0]["value"][1].as_str().and_then(|v| v.parse().ok()).unwrap_or(0.0)
    };
    let arrived = || value("count(up{job=\"us\"} == 1)") == 1.0 && value("count_over_time(up{job=\"us\"}[1m])") >= 5.0;
    let log = || std::fs::read_to_string(dir.path().join("vmagent.log")).unwrap_or_default();
    assert!(eventually(Duration::from_secs(40), arrived), "nothing arrived:\n{}", log());
    let metrics = get(&address, "/metrics").unwrap().text();
    let dropped =
        metrics.lines().filter(|l| l.starts_with("vmagent_remotewrite_packets_dropped_total")).collect::<Vec<_>>();
    assert!(dropped.iter().all(|line| line.ends_with(" 0")), "{dropped:?}");
}
