//! Queries end to end, and our own metrics.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper::StatusCode;
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::harness::{NOW, Server, some_series};
use crate::{
    model::{Labels, Matcher, SeriesBuf, TimeRange, is_stale},
    seams::{
        interrupt::Interrupt,
        select::{IndexPath, LookupCost, MemorySelect, Select, SelectError, SelectHints, SeriesSet},
    },
    server::{Deadlines, SelfScrape, Stores},
};

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
    let stores = server.state.any_stores().unwrap().clone();
    let scrape = SelfScrape::begin(server.state.clone(), stores, Duration::from_secs(3600)).await;
    assert_eq!(server.append.batches().len(), 1, "before anybody is let in");
    scrape.run(std::future::ready(())).await;
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

/// Takes its time for each series and counts those that were read.
struct Slow {
    series: MemorySelect,
    reads: Arc<AtomicUsize>,
}

struct SlowSet {
    series: Arc<dyn SeriesSet>,
    reads: Arc<AtomicUsize>,
}

impl SeriesSet for SlowSet {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, i: usize) -> Result<Labels, SelectError> {
        self.series.labels(i)
    }

    fn read(&self, i: usize, out: &mut SeriesBuf) -> Result<(), SelectError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(2));
        self.series.read(i, out)
    }
}

impl Select for Slow {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: &SelectHints,
    ) -> Result<Arc<dyn SeriesSet>, SelectError> {
        let series = self.series.select(matchers, range, hints)?;
        Ok(Arc::new(SlowSet { series, reads: self.reads.clone() }))
    }

    fn cost(&self, _: &[Matcher]) -> LookupCost {
        LookupCost::Unknown
    }

    fn explain(&self, matchers: &[Matcher], interrupt: &dyn Interrupt) -> Result<IndexPath, SelectError> {
        self.series.explain(matchers, interrupt)
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_stops_its_query() {
    const SERIES: usize = 5000;
    let server = Server::opening(Deadlines::default()).await;
    let reads = Arc::new(AtomicUsize::new(0));
    let select = Arc::new(Slow { series: some_series(SERIES), reads: reads.clone() });
    server.state.ready(Stores { select, ..server.stores(MemorySelect::default()) });
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /api/v1/query?query=sum(up) HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    while reads.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(stream);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after_a_while = reads.load(Ordering::SeqCst);
    assert!(after_a_while < SERIES, "the query was too quick to be stopped");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(reads.load(Ordering::SeqCst), after_a_while, "nobody waits for the rest");
}

#[tokio::test]
async fn queries_wait_for_their_turn_and_not_for_ever() {
    let server = Server::opening(Deadlines::default()).await;
    let select = Arc::new(Slow { series: some_series(600), reads: Arc::default() });
    server.state.ready(Stores { select, ..server.stores(MemorySelect::default()) });
    // The server lets two in; each takes more than a second.
    let slow = || server.get("/api/v1/query?query=sum(up)");
    let late = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.get("/api/v1/query?query=1&timeout=100ms").await
    };
    let (first, second, late) = tokio::join!(slow(), slow(), late);
    assert_eq!((first.status, second.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(late.json()["errorType"], "timeout");
    assert_eq!(late.json()["error"], "query timed out in query queue");
}
