//! Queries end to end, and our own metrics.

use std::{collections::BTreeSet, time::Duration};

use hyper::StatusCode;
use serde_json::{Value, json};

use super::harness::{NOW, Server, some_series};
use crate::{model::is_stale, seams::select::fake::MemorySelect, server::scrape_self};

#[tokio::test]
async fn an_instant_query_answers_a_vector() {
    let server = Server::start(some_series(2)).await;
    let answer = server.get("/api/v1/query?query=up&limit=1&stats=true").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(answer["data"]["resultType"], "vector");
    let result = answer["data"]["result"].as_array().unwrap();
    assert_eq!(result.len(), 1);
    assert_eq!(result[0]["value"][0], 1_600_000_000);
    assert_eq!(answer["warnings"], json!(["results truncated due to limit"]));
    assert!(answer["data"]["stats"]["timings"]["execTotalTime"].is_number());
    assert!(answer["data"]["stats"]["samples"]["peakSamples"].is_number());
}

#[tokio::test]
async fn a_range_query_answers_a_matrix_on_its_steps() {
    let server = Server::start(some_series(1)).await;
    let form = "query=up%2B1&start=1600000000&end=1600000060&step=30s";
    let answer = server.post_form("/api/v1/query_range", form).await;
    assert_eq!(
        answer.json()["data"],
        json!({"resultType": "matrix", "result": [{
            "metric": {"instance": "host-00000", "job": "a"},
            "values": [[1600000000, "1"], [1600000030, "1"], [1600000060, "1"]],
        }]})
    );
}

#[tokio::test]
async fn eleven_thousand_and_one_points_pass() {
    let server = Server::start(some_series(1)).await;
    let answer = server.get("/api/v1/query_range?query=1&start=0&end=11000&step=1").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.json()["data"]["result"][0]["values"].as_array().unwrap().len(), 11_001);
}

#[tokio::test]
async fn a_query_that_cannot_be_evaluated_is_422() {
    let server = Server::start(some_series(2)).await;
    let answer = server.get("/api/v1/query?query=up%20%2B%20on()%20up").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.json()["errorType"], "execution");
}

#[tokio::test]
async fn our_own_metrics_are_stored_and_marked_stale_at_the_end() {
    let server = Server::start(MemorySelect::default()).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let scraping = tokio::spawn(scrape_self(server.state.clone(), Duration::from_secs(3600), async {
        let _ = stopped.await;
    }));
    while server.append.batches().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(stop);
    scraping.await.unwrap();
    let batches = server.append.batches();
    let [first, last] = &batches[..] else { panic!("{} batches", batches.len()) };
    let up = first.floats.iter().find(|sample| {
        server.append.labels(sample.series).unwrap().to_string()
            == r#"{__name__="up", instance="test:9201", job="vctsdb"}"#
    });
    assert_eq!(up.map(|sample| (sample.time, sample.value)), Some((NOW, 1.0)));
    assert!(first.metadata.iter().any(|metadata| metadata.family == "process_resident_memory_bytes"));
    let series = |floats: &[crate::seams::append::FloatSample]| -> BTreeSet<u32> {
        floats.iter().map(|sample| sample.series.0).collect()
    };
    assert_eq!(series(&first.floats), series(&last.floats));
    assert!(last.floats.iter().all(|sample| is_stale(sample.value)));
}
