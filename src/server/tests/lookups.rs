//! Series, labels, metadata, exemplars, and the status routes.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::harness::{NOW, Server, labels, some_series};
use crate::model::{Exemplar, Metadata, MetricType};

async fn data(server: &Server, path: &str) -> Value {
    let answer = server.get(&format!("/api/v1/{path}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    let json = answer.json();
    assert_eq!(json["status"], "success", "{path}");
    json["data"].clone()
}

#[tokio::test]
async fn series_labels_and_values_are_listed() {
    let server = Server::start(some_series(2)).await;
    assert_eq!(
        data(&server, "series?match[]=up").await,
        json!([
            {"__name__": "up", "instance": "host-00000", "job": "a"},
            {"__name__": "up", "instance": "host-00001", "job": "a"},
        ])
    );
    assert_eq!(data(&server, "labels").await, json!(["__name__", "instance", "job"]));
    assert_eq!(data(&server, "label/job/values").await, json!(["a"]));
    assert_eq!(data(&server, "label/U__j_6f_b/values").await, json!(["a"]));
    assert_eq!(data(&server, "label/job/values?match[]={instance=%22nowhere%22}").await, json!([]));
    assert_eq!(data(&server, "series?match[]=up&start=10&end=5").await, json!([]));
    assert_eq!(data(&server, "labels?end=5").await, json!([]));
    assert_eq!(data(&server, "label/no%20such/values").await, json!([]));
}

#[tokio::test]
async fn a_limit_cuts_and_warns() {
    let server = Server::start(some_series(3)).await;
    for (path, len) in [("series?match[]=up", 3), ("labels", 3), ("label/instance/values", 3)] {
        let separator = if path.contains('?') { '&' } else { '?' };
        let cut = server.get(&format!("/api/v1/{path}{separator}limit=2")).await.json();
        assert_eq!(cut["data"].as_array().unwrap().len(), 2, "{path}");
        assert_eq!(cut["warnings"], json!(["results truncated due to limit"]), "{path}");
        let whole = server.get(&format!("/api/v1/{path}{separator}limit=3")).await.json();
        assert_eq!(whole["data"].as_array().unwrap().len(), len, "{path}");
        assert_eq!(whole.get("warnings"), None, "{path}");
    }
}

#[tokio::test]
async fn metadata_is_listed_by_family() {
    let mut select = some_series(1);
    let family = |family: &str, help: &str| Metadata {
        family: family.into(),
        metric_type: MetricType::Gauge,
        help: help.into(),
        unit: String::new(),
    };
    select.metadata = vec![family("a", "one"), family("a", "two"), family("b", "three")];
    let server = Server::start(select).await;
    let entry = |help: &str| json!({"type": "gauge", "help": help, "unit": ""});
    assert_eq!(data(&server, "metadata").await, json!({"a": [entry("one"), entry("two")], "b": [entry("three")]}));
    assert_eq!(data(&server, "metadata?limit=1").await, json!({"a": [entry("one"), entry("two")]}));
    assert_eq!(data(&server, "metadata?limit=0").await, json!({}));
    assert_eq!(data(&server, "metadata?limit_per_metric=1").await, json!({"a": [entry("one")], "b": [entry("three")]}));
    assert_eq!(data(&server, "metadata?metric=b").await, json!({"b": [entry("three")]}));
}

#[tokio::test]
async fn exemplars_of_every_selector_are_listed() {
    let mut select = some_series(1);
    let exemplar = Exemplar { labels: labels(&[("trace_id", "x")]), value: 6.0, time: NOW + 479 };
    select.exemplars.insert(labels(&[("__name__", "a_total")]), vec![exemplar]);
    let server = Server::start(select).await;
    let want = json!([{
        "seriesLabels": {"__name__": "a_total"},
        "exemplars": [{"labels": {"trace_id": "x"}, "value": "6", "timestamp": 1600000000.479}],
    }]);
    for query in ["a_total", "up%2Brate(a_total[5m])", "sum(max_over_time(a_total[5m:1m]))", "topk(1,-(a_total))"] {
        assert_eq!(data(&server, &format!("query_exemplars?query={query}")).await, want, "{query}");
    }
    assert_eq!(data(&server, "query_exemplars?query=other").await, json!([]));
    assert_eq!(server.get("/api/v1/query_exemplars?query=1").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_prometheus_has_and_we_dont_is_empty_and_well_formed() {
    let server = Server::start(some_series(1)).await;
    for (path, want) in [
        ("rules", json!({"groups": []})),
        ("alerts", json!({"alerts": []})),
        ("targets", json!({"activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {}})),
        ("alertmanagers", json!({"activeAlertmanagers": [], "droppedAlertmanagers": []})),
        ("scrape_pools", json!({"scrapePools": []})),
        ("status/walreplay", json!({"min": 0, "max": 0, "current": 0})),
        ("status/flags", json!({"data-dir": "./data", "retention.time": "30d", "retention.size": "off"})),
    ] {
        assert_eq!(data(&server, path).await, want, "{path}");
    }
    assert_eq!(server.get("/api/v1/no_such_thing").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn status_routes_have_the_members_that_dashboards_read() {
    let server = Server::start(some_series(1)).await;
    let version = data(&server, "status/buildinfo").await["version"].as_str().unwrap().to_owned();
    let major: u32 = version.split('.').next().unwrap().parse().unwrap();
    assert!(major >= 3, "{version}");
    let runtime = data(&server, "status/runtimeinfo").await;
    assert_eq!(runtime["startTime"], "2020-09-13T12:26:40Z");
    assert_eq!(runtime["corruptionCount"], 0);
    assert_eq!(runtime["storageRetention"], "30d");
    let tsdb = data(&server, "status/tsdb").await;
    assert_eq!(tsdb["headStats"]["minTime"], i64::MAX);
    assert_eq!(tsdb["seriesCountByMetricName"], json!([]));
    let config = data(&server, "status/config").await["yaml"].as_str().unwrap().to_owned();
    assert!(config.contains("\notlp:\n  translation_strategy: UnderscoreEscapingWithSuffixes\n"), "{config}");
}

#[tokio::test]
async fn an_expression_is_formatted() {
    let server = Server::start(some_series(1)).await;
    assert_eq!(data(&server, "format_query?query=foo/bar").await, "foo / bar");
}
