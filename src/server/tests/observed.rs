//! Plans, parsed queries, statistics, formats, request ids and the query log.

use hyper::{Method, StatusCode};
use prost::Message;
use serde_json::{Value, json};

use super::harness::{NOW, Server, some_series};
use crate::{remote::proto::query::QueryResult, seams::select::MemorySelect};

#[tokio::test]
async fn a_query_is_parsed_and_formatted() {
    let server = Server::start(MemorySelect::default()).await;
    let answer = server.get("/api/v1/parse_query?query=-up%5B5m%5D").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = server.post_form("/api/v1/parse_query", "query=sum(up)").await;
    assert_eq!(answer.json()["data"]["type"], "aggregation");
    assert_eq!(answer.json()["data"]["expr"]["name"], "up");
    let long = "a".repeat(60);
    let answer = server.post_form("/api/v1/format_query", &format!("query=abs({long}/{long})")).await;
    assert_eq!(answer.json()["data"], format!("abs(\n    {long}\n  /\n    {long}\n)"));
}

#[tokio::test]
async fn statistics_count_samples_by_step() {
    let server = Server::start(some_series(3)).await;
    let path = "/api/v1/query_range?query=up&start=1599999990&end=1600000010&step=10&stats=";
    let all = server.get(&format!("{path}all")).await.json();
    let samples = &all["data"]["stats"]["samples"];
    assert_eq!(samples["totalQueryableSamples"], 6);
    assert_eq!(samples["totalQueryableSamplesPerStep"], json!([[1599999990, 0], [1600000000, 3], [1600000010, 3]]));
    // Instant selectors read at each step anew.
    assert_eq!(samples["samplesReadPerStep"], samples["totalQueryableSamplesPerStep"]);
    assert_eq!(samples["samplesRead"], 6);
    // Windows overlap: each looks at the sample, and only the first reads it.
    let windows = server.get(&path.replace("=up", "=rate(up%5B1m%5D)").replace("stats=", "stats=all")).await.json();
    let samples = &windows["data"]["stats"]["samples"];
    assert_eq!((&samples["totalQueryableSamples"], &samples["samplesRead"]), (&json!(6), &json!(3)));
    assert_eq!(samples["samplesReadPerStep"], json!([[1599999990, 0], [1600000000, 3], [1600000010, 0]]));
    let some = server.get(&format!("{path}true")).await.json();
    assert!(some["data"]["stats"]["samples"].get("totalQueryableSamplesPerStep").is_none());
    assert!(some["data"]["stats"]["samples"].get("samplesReadPerStep").is_none());
    // A point of a subquery counts where the window looks at it.
    let subquery = server.get("/api/v1/query?query=count_over_time(up%5B1m:20s%5D)&stats=all").await.json();
    let samples = &subquery["data"]["stats"]["samples"];
    assert_eq!((&samples["totalQueryableSamples"], &samples["samplesRead"]), (&json!(3), &json!(3)));
}

#[tokio::test]
async fn a_plan_tells_what_is_expected_and_what_was() {
    let server = Server::start(some_series(8)).await;
    let explain = "/api/v1/explain?query=sum(up)%20/%20sum(up)";
    let plan = server.get(explain).await.json();
    let data = &plan["data"];
    assert_eq!(data["plan"]["operator"], "/", "{plan}");
    assert!(data.get("actual").is_none() && data["plan"].get("actual").is_none());
    let sum = &data["plan"]["inputs"][0];
    assert!(sum["operator"].as_str().unwrap().contains("computed once"), "{sum}");
    let select = &sum["inputs"][0];
    assert_eq!((&select["estimate"]["series"], &select["estimate"]["samplesRead"]), (&json!(8), &json!(8)));
    assert_eq!((&select["selector"]["series"], &select["selector"]["selectivity"]), (&json!(8), &json!(1.0)));
    assert_eq!(select["selector"]["index"][0]["matcher"], "__name__=\"up\"");

    let analyzed = server.post_form("/api/v1/explain", "query=sum(up)/sum(up)&analyze=true").await.json();
    let sums = analyzed["data"]["plan"]["inputs"].as_array().unwrap();
    let read: Vec<&Value> = sums.iter().map(|sum| &sum["inputs"][0]["actual"]["samplesRead"]).collect();
    assert_eq!(read, [&json!(8), &Value::Null], "the second is the first: {analyzed}");
    assert_eq!(sums[0]["inputs"][0]["actual"]["rows"], 8);
    assert_eq!(analyzed["data"]["actual"]["samplesRead"], 8);

    // In bytes, of the query as it was sent.
    let query = "%20sum(up{a!=%22%C3%BC%22})%20%2B%20up";
    let placed = server.get(&format!("/api/v1/explain?query={query}&positions=1")).await.json();
    let plan = &placed["data"]["plan"];
    assert_eq!(plan["position"], json!({"start": 1, "end": 22}), "{placed}");
    assert_eq!(plan["inputs"][0]["inputs"][0]["position"], json!({"start": 5, "end": 16}), "{placed}");
    assert_eq!(plan["inputs"][1]["position"], json!({"start": 20, "end": 22}), "{placed}");
    assert!(sum.get("position").is_none());

    let plain = server.get("/api/v1/explain?query=up&analyze=&positions=&quiet=").await;
    assert!(plain.json()["data"].get("actual").is_none(), "without a value they say nothing: {}", plain.text());
    for bad in ["query=up&analyze=maybe", "query=up&positions=some", "query=up%7B", "query=up&start=1"] {
        let answer = server.get(&format!("/api/v1/explain?{bad}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn results_come_as_csv_and_protobuf_to_those_who_like_them() {
    let server = Server::start(some_series(2)).await;
    let path = "/api/v1/query?query=up&limit=1";
    let ask = async |accept: &str| server.ask(Method::GET, path, &[("accept", accept)], b"").await;
    let csv = ask("text/csv").await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert_eq!(csv.header("warning"), Some("199 vctsdb \"results truncated due to limit\""));
    assert_eq!(csv.text(), "__name__,instance,job,time,value\r\nup,host-00000,a,1600000000,0\r\n");
    let protobuf = ask("application/x-protobuf").await;
    let result = QueryResult::decode(protobuf.body.as_slice()).unwrap();
    assert_eq!((result.result_type.as_str(), result.warnings.len()), ("vector", 1));
    assert_eq!(result.timeseries[0].samples[0].timestamp, NOW);
    let error = server.ask(Method::GET, "/api/v1/query?query=up%7B", &[("accept", "text/csv")], b"").await;
    assert_eq!(error.json()["errorType"], "bad_data");
    assert!(ask("*/*").await.json()["data"]["result"].is_array());
}

#[tokio::test]
async fn a_request_id_is_given_back_or_made() {
    let server = Server::start(some_series(1)).await;
    let given = server.ask(Method::GET, "/api/v1/query?query=up", &[("x-request-id", "mine-1")], b"").await;
    assert_eq!(given.header("x-request-id"), Some("mine-1"));
    let (one, other) = (server.get("/-/healthy").await, server.get("/nothing/here").await);
    assert_ne!(one.header("x-request-id").unwrap(), other.header("x-request-id").unwrap());
}

#[tokio::test]
async fn ended_queries_are_logged_and_the_slowest_remembered() {
    let server = Server::opening(crate::server::Deadlines::default()).await;
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("queries.log");
    server.state.asked.log_to(&log).unwrap();
    server.state.log_queries(Some(&dir.path().join("queries.active"))).unwrap();
    server.ready(some_series(1));
    let ask = |path| server.ask(Method::GET, path, &[("x-request-id", "q1")], b"");
    ask("/api/v1/query_range?query=up&start=1600000000&end=1600000060&step=30").await;
    ask("/api/v1/query?query=up%20%2B%20on()%20group_left()%20%7Bx=%22").await;
    let lines: Vec<Value> =
        std::fs::read_to_string(&log).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [range, wrong] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(
        range["params"],
        json!({"query": "up", "start": "2020-09-13T12:26:40Z", "end": "2020-09-13T12:27:40Z", "step": 30.0})
    );
    assert_eq!(range["httpRequest"], json!({"clientIP": "127.0.0.1", "method": "GET", "path": "/api/v1/query_range"}));
    assert_eq!((&range["requestId"], &range["stats"]["samples"]["samplesRead"]), (&json!("q1"), &json!(3)));
    assert!(wrong["error"].as_str().unwrap().contains("parse error") && wrong.get("stats").is_none());
    let told = server.get("/api/v1/status/queries").await.json();
    assert_eq!(told["data"]["running"], json!([]));
    let slowest = told["data"]["slowest"].as_array().unwrap();
    assert_eq!(slowest.len(), 2);
    assert!(slowest[0]["seconds"].as_f64() >= slowest[1]["seconds"].as_f64());
}

#[tokio::test]
async fn questions_in_the_background_are_told_apart_and_leave_the_slowest_of_others_their_places() {
    let server = Server::start(some_series(1)).await;
    server.get("/api/v1/query?query=up").await;
    for i in 0..50 {
        let background = [("x-vctsdb-background", "1")];
        server.ask(Method::GET, &format!("/api/v1/query?query=sort(up)%2B{i}"), &background, b"").await;
    }
    let told = server.get("/api/v1/status/queries").await.json();
    let slowest = told["data"]["slowest"].as_array().unwrap();
    assert!(slowest[0]["seconds"].as_f64() >= slowest[1]["seconds"].as_f64());
    let (background, asked): (Vec<&Value>, Vec<&Value>) = slowest.iter().partition(|one| one["background"] == true);
    assert_eq!(background.len(), 20);
    let [asked] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(asked["query"], "up");
}

#[tokio::test]
async fn the_query_log_has_plans_too_and_goes_on_when_its_file_is_moved_or_cut_short() {
    let server = Server::start(some_series(1)).await;
    let dir = tempfile::tempdir().unwrap();
    let (log, moved) = (dir.path().join("queries.log"), dir.path().join("queries.log.1"));
    server.state.asked.log_to(&log).unwrap();
    let lines = |path| -> Vec<Value> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    server.get("/api/v1/query?query=1").await;
    std::fs::rename(&log, &moved).unwrap();
    server.get("/api/v1/explain?query=up&time=1600000000&analyze=true").await;
    let price = server.get("/api/v1/explain?query=price&quiet=1").await;
    assert_eq!(price.status, StatusCode::OK);
    assert!(!server.get("/api/v1/status/queries").await.text().contains("price"), "nobody sees what is asked quietly");
    server.state.reopen_query_log().unwrap();
    server.get("/api/v1/explain?query=up%7B").await;
    let [_, explained] = lines(&moved).try_into().unwrap();
    assert_eq!(explained["httpRequest"]["path"], "/api/v1/explain");
    assert_eq!(
        (&explained["params"]["query"], &explained["stats"]["samples"]["samplesRead"]),
        (&json!("up"), &json!(1))
    );
    let [wrong] = lines(&log).try_into().unwrap();
    assert!(wrong["error"].as_str().unwrap().contains("parse error"));
    // As logrotate's copytruncate does.
    std::fs::File::options().write(true).open(&log).unwrap().set_len(0).unwrap();
    server.get("/api/v1/query?query=2").await;
    let [after] = lines(&log).try_into().unwrap();
    assert_eq!(after["params"]["query"], "2");
}

#[tokio::test]
async fn what_a_storage_backend_has_none_of_is_empty() {
    let server = Server::start(MemorySelect::default()).await;
    for (path, want) in [
        ("rules", json!({"groups": []})),
        ("alerts", json!({"alerts": []})),
        ("targets", json!({"activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {}})),
        ("targets/metadata", json!([])),
        ("alertmanagers", json!({"activeAlertmanagers": [], "droppedAlertmanagers": []})),
        ("scrape_pools", json!({"scrapePools": []})),
        ("notifications", json!([])),
    ] {
        assert_eq!(server.get(&format!("/api/v1/{path}")).await.json()["data"], want, "{path}");
    }
    let answer = server.get("/api/v1/rules?type=foo").await.json();
    assert_eq!(answer["error"], "invalid parameter \"type\": not supported value \"foo\"");
    let features = server.get("/api/v1/features").await.json();
    assert_eq!(features["data"]["promql_functions"]["rate"], true);
    let api = &features["data"]["api"];
    assert_eq!((&api["admin"], &api["cancel_query"]), (&json!(false), &json!(false)));
}
