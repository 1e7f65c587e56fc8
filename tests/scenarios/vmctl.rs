//! vmctl between a VictoriaMetrics and us, in both directions.

use std::{path::Path, process::Command, time::Duration};

use super::{
    http_client::{escape, get, request},
    process::{Server, eventually, free_address, peer, vctsdb},
    sender::now,
};

/// Moves everything of the last hour, as JSON lines unless `native` asks for the binary format. What vmctl said.
fn moved(program: &Path, from: &str, to: &str, native: bool) -> String {
    let hour_ago = jiff::Timestamp::from_millisecond(now() - 3_600_000).unwrap();
    let mut command = Command::new(program);
    command
        .args(["vm-native", "-s", "--disable-progress-bar", "--vm-native-backoff-retries=2"])
        .arg(format!("--vm-native-src-addr=http://{from}"))
        .arg(format!("--vm-native-dst-addr=http://{to}"))
        .arg(format!("--vm-native-filter-time-start={}", hour_ago.strftime("%Y-%m-%dT%H:%M:%SZ")))
        .arg("--vm-native-filter-match={__name__=~\"moved.*\"}");
    if !native {
        command.arg("--vm-native-disable-binary-protocol");
    }
    let output = command.output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn count(address: &str) -> String {
    let query =
        escape(&["moved_0", "moved_1", "moved_2"].map(|name| format!("sum(count_over_time({name}[1h]))")).join(" + "));
    let answer = get(address, &format!("/api/v1/query?query={query}&nocache=1")).unwrap().json();
    answer["data"]["result"][0]["value"][1].as_str().unwrap_or_default().to_owned()
}

#[test]
fn vmctl_moves_series_from_a_victoriametrics_to_us_and_from_us_to_one() {
    let (Some(vmctl), Some(peer)) = (peer("VMCTL_BIN", "vmctl"), peer("VICTORIA_METRICS_BIN", "victoria-metrics"))
    else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let victoria = |name: &str| {
        let (address, data) = (free_address(), dir.path().join(name));
        let mut command = Command::new(&peer);
        command.arg(format!("-storageDataPath={}", data.display())).arg(format!("-httpListenAddr={address}")).args([
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
            "-memory.allowedBytes=256MB",
        ]);
        (Server::start(&mut command, &address, "/health", &dir.path().join(format!("{name}.log"))), address)
    };
    let (_source, source) = victoria("source");
    let (_target, target) = victoria("target");
    let server = vctsdb(&dir.path().join("data"), &free_address(), &["--self-scrape.interval", "0"]);
    let begin = now() - 600_000;
    let line = |i: i64| format!("moved_{}{{i=\"{}\"}} {} {}\n", i % 3, i % 50, i as f64 / 4.0, begin + i * 100);
    let body: String = (0..3_000).map(line).collect();
    assert_eq!(request(&source, "POST", "/api/v1/import/prometheus", &[], body.as_bytes()).unwrap().status, 204);
    assert!(eventually(Duration::from_secs(30), || count(&source) == "3000"), "the source has {}", count(&source));

    let refused = moved(&vmctl, &source, &server.address, true);
    assert!(refused.contains("--vm-native-disable-binary-protocol"), "{refused}");
    let said = moved(&vmctl, &source, &server.address, false);
    assert_eq!(count(&server.address), "3000", "{said}");
    let said = moved(&vmctl, &server.address, &target, false);
    assert!(eventually(Duration::from_secs(30), || count(&target) == "3000"), "{}: {said}", count(&target));
}
