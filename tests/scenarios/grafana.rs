//! The dashboard we ship: every query of it answers on a live server.

use std::time::Duration;

use super::{
    http_client::{escape, get},
    process::{eventually, free_address, vctsdb},
    sender::write_one,
};

/// Queries whose answer may be empty: they show what goes wrong, and nothing does.
const QUIET: [&str; 2] = ["code=~\"5..\"", "vctsdb_query_failures_total"];

fn queries() -> Vec<String> {
    let dashboard: serde_json::Value =
        serde_json::from_str(include_str!("../../grafana/dashboards/vctsdb.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|p| p["targets"].as_array()).flatten();
    let fill_in = |t: &serde_json::Value| {
        t["expr"].as_str().unwrap().replace("$__rate_interval", "10s").replace("$instance", ".*")
    };
    targets.map(fill_in).collect()
}

#[test]
fn every_query_of_the_dashboard_answers_on_a_live_server() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let start = || vctsdb(&dir.path().join("data"), &address, &["--self-scrape.interval", "1s"]);
    let mut before = start();
    write_one(&address, "probe", 1_600_000_000_000, 1.0).unwrap();
    assert!(before.terminate(), "a clean stop leaves a table");
    let server = start();
    let mut open: Vec<String> = queries();
    assert!(open.len() > 30, "{}", open.len());
    let mut time = 1_700_000_000_000;
    let mut last = String::new();
    let all_answer = eventually(Duration::from_secs(30), || {
        time += 1_000;
        write_one(&server.address, "probe", time, 1.0).unwrap();
        open.retain(|query| {
            let path = format!("/api/v1/query?query={}", escape(query));
            let answer = get(&server.address, &path).unwrap();
            assert_eq!(answer.status, 200, "{query}: {}", answer.text());
            last = answer.text();
            let empty = answer.json()["data"]["result"].as_array().is_none_or(Vec::is_empty);
            empty && !QUIET.iter().any(|q| query.contains(q))
        });
        open.is_empty()
    });
    assert!(all_answer, "no answer to {open:#?}\n{last}");
}
