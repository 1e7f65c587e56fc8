//! InfluxDB's routes over HTTP; what line protocol means is tested where it is read.

use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use serde_json::json;

use super::harness::{NOW, Server};
use crate::{
    seams::{append::AppendError, select::MemorySelect},
    server::Deadlines,
};

#[tokio::test]
async fn all_good_lines_of_a_body_are_one_record_and_wrong_ones_take_none_with_them() {
    let server = Server::start(MemorySelect::default()).await;
    let line =
        |i: usize| if i % 100 == 7 { "wrong v=\n".to_owned() } else { format!("m,i={i} v={i},w=1 {NOW}000000\n") };
    let body: String = (0..20_000).map(line).collect();
    let answer = server.ask(Method::POST, "/write?db=t", &[], body.as_bytes()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
    let batches = server.append.batches();
    assert_eq!(batches.iter().map(|batch| batch.floats.len()).collect::<Vec<_>>(), [2 * 19_800]);
    let text = answer.json()["error"].as_str().unwrap().to_owned();
    assert!(text.starts_with("partial write: unable to parse 'wrong v=': missing field value (line 8, "), "{text}");
    assert!(text.ends_with("and 195 more lines dropped=0"), "{text}");
}

#[tokio::test]
async fn a_store_that_takes_no_writes_says_when_to_come_back() {
    let server = Server::start(MemorySelect::default()).await;
    let refusal =
        AppendError::Unavailable { reason: "the disk is full".into(), retry_after: Duration::from_millis(1500) };
    server.append.refuse(Some(refusal));
    for target in ["/write?db=t", "/api/v2/write?bucket=t"] {
        let answer = server.ask(Method::POST, target, &[], b"m v=1\n").await;
        assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("2")));
        assert!(answer.json()["error"].as_str().unwrap().contains("the disk is full"), "{}", answer.text());
        assert_eq!(answer.header("x-influxdb-build"), Some("OSS"));
    }
    server.append.refuse(Some(AppendError::Storage("broken".into())));
    let answer = server.ask(Method::POST, "/write?db=t", &[], b"m v=1\n").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_store_that_stays_full_answers_before_telegraf_gives_up() {
    let server = Server::start(MemorySelect::default()).await;
    let full = AppendError::Unavailable { reason: "memory is full".into(), retry_after: Duration::from_millis(1500) };
    server.append.fill(Some(full));
    let began = Instant::now();
    let answer = server.ask(Method::POST, "/write?db=t", &[], b"m v=1\n").await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("2")));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}: Telegraf waits for 5 s", began.elapsed());
    server.append.fill(None);
    assert_eq!(server.ask(Method::POST, "/write?db=t", &[], b"m v=1\n").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn flux_is_refused_with_the_way_to_go() {
    let server = Server::start(MemorySelect::default()).await;
    let answer = server.ask(Method::POST, "/api/v2/query?org=o", &[], b"from(bucket:\"t\")").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
    let why = answer.json()["error"].as_str().unwrap().to_owned();
    assert!(why.contains("Flux") && why.contains("/query") && why.contains("/api/v1/query"), "{why}");
    assert_eq!(answer.header("x-influxdb-build"), Some("OSS"));
}

#[tokio::test]
async fn before_the_store_is_open_clients_are_told_to_retry() {
    let server = Server::opening(Deadlines::default()).await;
    assert_eq!(server.get("/ping").await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.get("/health").await.status, StatusCode::OK, "the process runs");
    let json_wanted = [("accept", "application/json")];
    let health = server.ask(Method::GET, "/health", &json_wanted, b"").await;
    assert_eq!((health.status, &health.json()["status"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("fail")));
    for target in ["/write?db=t", "/query?q=SHOW+DATABASES"] {
        let answer = server.ask(Method::POST, target, &[], b"").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{target}");
        assert!(answer.header("retry-after").is_some() && answer.json()["error"].is_string(), "{target}");
    }
    server.ready(MemorySelect::default());
    assert_eq!(server.ask(Method::GET, "/health", &json_wanted, b"").await.json()["status"], "pass");
    assert_eq!(server.ask(Method::POST, "/write?db=t", &[], b"").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_page_of_another_origin_writes_nothing_and_makes_no_database() {
    let server = Server::reachable(MemorySelect::default()).await;
    let origin = [("origin", "http://elsewhere.example")];
    let write = server.ask(Method::POST, "/write?db=t", &origin, b"m v=1\n").await;
    assert_eq!(write.status, StatusCode::FORBIDDEN);
    assert!(server.append.batches().is_empty());
    let create = server.ask(Method::POST, "/query?q=CREATE+DATABASE+x", &origin, b"").await;
    assert!(create.json()["results"][0]["error"].is_string(), "{}", create.text());
    let shown = server.ask(Method::POST, "/query?q=SHOW+DATABASES", &[], b"").await;
    assert_eq!(shown.json()["results"][0]["series"][0]["values"], json!([["prometheus"]]));
}
