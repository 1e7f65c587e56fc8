//! The dashboard we ship: every query of it answers on a live server.

use std::time::Duration;

use super::{
    http_client::{escape, get, request},
    process::{eventually, free_address, vctsdb},
    sender::write_one,
};

/// Queries whose answer may be empty: they show what goes wrong, and nothing does.
const QUIET: [&str; 2] = ["code=~\"5..\"", "vctsdb_query_failures_total"];

fn dashboard() -> serde_json::Value {
    serde_json::from_str(include_str!("../../grafana/dashboards/vctsdb.json")).unwrap()
}

fn panels() -> Vec<serde_json::Value> {
    dashboard()["panels"].as_array().unwrap().clone()
}

fn targets(panel: &serde_json::Value) -> &[serde_json::Value] {
    panel["targets"].as_array().map_or(&[], Vec::as_slice)
}

/// Every query, about the servers that `instance` matches.
fn queries(instance: &str) -> Vec<String> {
    let fill_in = |target: &serde_json::Value| {
        target["expr"].as_str().unwrap().replace("$__rate_interval", "10s").replace("$instance", instance)
    };
    panels().iter().flat_map(targets).map(fill_in).collect()
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
    let mut open: Vec<String> = queries(".*");
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

#[test]
fn within_a_panel_each_query_has_a_letter_of_its_own() {
    for panel in panels() {
        let mut letters: Vec<&str> = targets(&panel).iter().map(|target| target["refId"].as_str().unwrap()).collect();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), targets(&panel).len(), "{}", panel["title"]);
        let mut asked: Vec<&str> = targets(&panel).iter().map(|target| target["expr"].as_str().unwrap()).collect();
        asked.sort_unstable();
        asked.dedup();
        assert_eq!(asked.len(), targets(&panel).len(), "{}", panel["title"]);
    }
    let mut ids: Vec<i64> = panels().iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), panels().len(), "each panel has an id of its own");
}

#[test]
fn what_should_not_happen_has_a_threshold() {
    // Grafana's own is 80, whatever a panel shows.
    for panel in panels().iter().filter(|panel| !targets(panel).is_empty()) {
        assert!(panel["fieldConfig"]["defaults"]["thresholds"]["steps"].is_array(), "{}", panel["title"]);
    }
    for title in ["Damaged parts", "Failures", "Time until a write is on disk", "Samples read and queries at once"] {
        let panel = panels().into_iter().find(|panel| panel["title"] == title).unwrap();
        let defaults = &panel["fieldConfig"]["defaults"];
        let of_fields = panel["fieldConfig"]["overrides"].as_array().into_iter().flatten();
        let properties = of_fields.filter_map(|o| o["properties"].as_array()).flatten();
        let mut steps: Vec<_> = properties.filter(|p| p["id"] == "thresholds").map(|p| &p["value"]["steps"]).collect();
        steps.push(&defaults["thresholds"]["steps"]);
        let told = steps.iter().filter_map(|steps| steps.as_array()).any(|steps| {
            steps.first().is_some_and(|first| first["value"].is_null())
                && steps.iter().any(|step| step["value"].is_number())
        });
        assert!(told, "{title}: {defaults}");
    }
}

/// Our own metrics with further labels, as of two times: counters go up by 7.
fn scraped(metrics: &str, labels: &str, times: [i64; 2]) -> String {
    let mut text = String::new();
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let value: f64 = value.parse().unwrap();
        let series = match series.split_once('{') {
            Some((name, rest)) => format!("{name}{{{labels},{rest}"),
            None => format!("{series}{{{labels}}}"),
        };
        for (i, time) in times.iter().enumerate() {
            text.push_str(&format!("{series} {} {time}\n", value + 7.0 * i as f64));
        }
    }
    text
}

#[test]
fn a_server_that_is_scraped_by_others_too_is_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = vctsdb(&dir.path().join("data"), &free_address(), &["--self-scrape.interval", "0"]);
    write_one(&server.address, "probe", 1_600_000_000_000, 1.0).unwrap();
    let metrics = get(&server.address, "/metrics").unwrap().text();
    let times = [1_700_000_000_000, 1_700_000_005_000];
    let ours = r#"job="vctsdb",instance="127.0.0.1:9201""#;
    let import = |labels: &str| {
        let text = scraped(&metrics, labels, times);
        let answer = request(&server.address, "POST", "/api/v1/import/prometheus", &[], text.as_bytes()).unwrap();
        assert_eq!(answer.status, 204, "{}", answer.text());
    };
    let ask = |query: &String| {
        let path = format!("/api/v1/query?nocache=1&time=1700000005&query={}", escape(query));
        let answer = get(&server.address, &path).unwrap();
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let mut series = answer.json()["data"]["result"].as_array().unwrap().clone();
        series.sort_by_key(ToString::to_string);
        series
    };
    import(ours);
    let once: Vec<_> = queries("127.0.0.1:9201").iter().map(ask).collect();
    assert!(once.iter().filter(|series| !series.is_empty()).count() > 40, "{once:?}");
    // By a Prometheus under the same name, which adds a label of its own, and under another name.
    import(&format!("{ours},cluster=\"home\""));
    import(r#"job="vctsdb",instance="localhost:9201",cluster="home""#);
    for instance in ["127.0.0.1:9201", ".*"] {
        for (query, once) in queries(instance).iter().zip(&once) {
            assert_eq!(&ask(query), once, "{query}");
        }
    }
}
