//! Remote read over HTTP.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper::{Method, StatusCode};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::harness::{NOW, Server, some_series};
use crate::{
    model::{Labels, Matcher, SeriesBuf, TimeRange},
    remote::proto::v1::{LabelMatcher, Query, ReadRequest, ReadResponse},
    seams::{
        interrupt::Interrupt,
        select::{
            IndexPath, Limited, Listing, Lookup, LookupCost, MemorySelect, Select, SelectError, SelectHints,
            SelectLabels, SeriesSet,
        },
    },
    server::{Deadlines, Stores},
};

const PATH: &str = "/api/v1/read";

/// Asks for all series `up`; types are those of the protocol, 0 for samples and 1 for a stream.
fn request(types: &[i32]) -> Vec<u8> {
    let matcher = LabelMatcher { r#type: 0, name: "__name__".into(), value: "up".into() };
    let query = Query { start_timestamp_ms: 0, end_timestamp_ms: NOW, matchers: vec![matcher], hints: None };
    let request = ReadRequest { queries: vec![query], accepted_response_types: types.to_vec() };
    snap::raw::Encoder::new().compress_vec(&request.encode_to_vec()).unwrap()
}

#[tokio::test]
async fn samples_come_as_one_compressed_message() {
    let server = Server::start(some_series(3)).await;
    let headers = [("accept-encoding", "gzip")];
    let answer = server.ask(Method::POST, PATH, &headers, &request(&[])).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(answer.header("content-encoding"), Some("snappy"), "and never gzip around it");
    let message = snap::raw::Decoder::new().decompress_vec(&answer.body).unwrap();
    let response = ReadResponse::decode(&message[..]).unwrap();
    assert_eq!(response.results[0].timeseries.len(), 3);
}

#[tokio::test]
async fn chunks_come_as_a_stream_of_frames() {
    let server = Server::start(some_series(3)).await;
    let answer = server.ask(Method::POST, PATH, &[("accept-encoding", "gzip")], &request(&[1, 0])).await;
    assert_eq!(answer.status, StatusCode::OK);
    let kind = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
    assert_eq!(answer.header("content-type"), Some(kind));
    assert_eq!(answer.header("content-encoding"), None);
    let (mut frames, mut rest) = (0, &answer.body[..]);
    while !rest.is_empty() {
        let len = prost::decode_length_delimiter(&mut rest).unwrap();
        rest = &rest[4 + len..];
        frames += 1;
    }
    assert_eq!(frames, 3);
}

#[tokio::test]
async fn bad_requests_get_plain_text() {
    let server = Server::start(some_series(1)).await;
    for body in [b"no snappy".to_vec(), request(&[7])] {
        let answer = server.ask(Method::POST, PATH, &[], &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    }
}

/// Reads the first series and fails at the second.
struct FailsLater(MemorySelect);

struct FailsAtSecond(Arc<dyn SeriesSet>);

impl SeriesSet for FailsAtSecond {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, i: usize) -> Result<Labels, SelectError> {
        self.0.labels(i)
    }

    fn read(&self, i: usize, out: &mut SeriesBuf) -> Result<(), SelectError> {
        if i > 0 {
            return Err(SelectError::Storage("block damaged".into()));
        }
        self.0.read(i, out)
    }
}

impl Select for FailsLater {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: &SelectHints,
    ) -> Result<Arc<dyn SeriesSet>, SelectError> {
        Ok(Arc::new(FailsAtSecond(self.0.select(matchers, range, hints)?)))
    }

    fn cost(&self, _: &[Matcher]) -> LookupCost {
        LookupCost::Unknown
    }

    fn explain(&self, matchers: &[Matcher], interrupt: &dyn Interrupt) -> Result<IndexPath, SelectError> {
        self.0.explain(matchers, interrupt)
    }
}

/// Fails at each list in a way of its own.
struct FailingLists;

impl SelectLabels for FailingLists {
    fn series(&self, _: &Lookup) -> Result<Limited<Labels>, SelectError> {
        panic!("on purpose");
    }

    fn label_names(&self, _: &Lookup) -> Result<Limited<String>, SelectError> {
        Err(SelectError::Storage("index damaged".into()))
    }

    fn label_values(&self, _: &str, _: &Lookup) -> Result<Limited<String>, SelectError> {
        Err(SelectError::Limit("narrow the selector".into()))
    }

    fn cost(&self, _: Listing, _: &Lookup) -> Result<LookupCost, SelectError> {
        Ok(LookupCost::Unknown)
    }
}

async fn failing() -> Server {
    let server = Server::opening(Deadlines::default()).await;
    let select = Arc::new(FailsLater(some_series(2)));
    server.state.ready(Stores { select, labels: Arc::new(FailingLists), ..server.stores(MemorySelect::default()) });
    server
}

#[tokio::test]
async fn a_stream_that_fails_midway_is_broken_off() {
    let server = failing().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let body = request(&[1]);
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection is closed");
    assert!(!answer.ends_with(b"0\r\n\r\n"), "and the answer doesn't look complete");
    let samples = server.ask(Method::POST, PATH, &[], &request(&[])).await;
    assert_eq!(samples.status, StatusCode::INTERNAL_SERVER_ERROR);
}

/// Very many series, each of which takes its time.
#[derive(Clone, Default)]
struct Endless {
    /// How many have been read.
    read: Arc<AtomicUsize>,
    /// Samples of each.
    samples: i64,
}

impl SeriesSet for Endless {
    fn len(&self) -> usize {
        1_000_000
    }

    fn labels(&self, _: usize) -> Result<Labels, SelectError> {
        Ok(Labels::empty())
    }

    fn read(&self, _: usize, out: &mut SeriesBuf) -> Result<(), SelectError> {
        std::thread::sleep(Duration::from_millis(1));
        self.read.fetch_add(1, Ordering::Relaxed);
        out.clear();
        // Bits without a pattern, so that chunks stay large.
        let bits = |time: i64| (time as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) & !(1 << 62);
        (0..self.samples).for_each(|time| out.push_float(time, f64::from_bits(bits(time))));
        Ok(())
    }
}

impl Select for Endless {
    fn select(&self, _: &[Matcher], _: TimeRange, _: &SelectHints) -> Result<Arc<dyn SeriesSet>, SelectError> {
        Ok(Arc::new(self.clone()))
    }

    fn cost(&self, _: &[Matcher]) -> LookupCost {
        LookupCost::Unknown
    }

    fn explain(&self, _: &[Matcher], _: &dyn Interrupt) -> Result<IndexPath, SelectError> {
        Ok(IndexPath { steps: Vec::new(), series: 1_000_000 })
    }
}

/// A server with these series, and a client who has asked for them all.
async fn asked(series: Endless, kind: i32) -> (Server, TcpStream) {
    let server = Server::opening(Deadlines::default()).await;
    server.state.ready(Stores { select: Arc::new(series), ..server.stores(MemorySelect::default()) });
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let body = request(&[kind]);
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    (server, stream)
}

#[tokio::test]
async fn a_stream_is_no_further_than_its_reader() {
    let endless = Endless { samples: 20_000, ..Default::default() };
    let read = endless.read.clone();
    let (_server, mut stream) = asked(endless, 1).await;
    // The sockets' buffers hold some megabytes, and a frame about 160 KB.
    let mut before = 0;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = read.load(Ordering::Relaxed);
        if now > 0 && now == before {
            break;
        }
        before = now;
    }
    assert!((1..300).contains(&before), "{before} of a million series were read for a client that reads nothing");
    let mut piece = vec![0; 1 << 20];
    let mut taken = 0;
    while taken < 30 << 20 {
        taken += stream.read(&mut piece).await.unwrap();
    }
    let ahead = read.load(Ordering::Relaxed).saturating_sub(taken / 170_000);
    assert!(ahead < 300, "{ahead} series ahead of the client");
}

#[tokio::test]
async fn reading_ends_when_the_reader_hangs_up_whatever_it_asked_for() {
    for kind in [0, 1] {
        let endless = Endless::default();
        let reads = endless.read.clone();
        let (server, stream) = asked(endless, kind).await;
        while reads.load(Ordering::Relaxed) < 5 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(stream);
        let mut before = reads.load(Ordering::Relaxed);
        let mut quiet = 0;
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let now = reads.load(Ordering::Relaxed);
            quiet = if now == before { quiet + 1 } else { 0 };
            before = now;
            if quiet == 5 {
                break;
            }
        }
        assert_eq!(quiet, 5, "type {kind}: still reading, {before} series so far");
        assert_eq!(server.get("/-/healthy").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn storage_failures_and_panics_are_told_and_outlived() {
    let server = failing().await;
    for (path, status, kind) in [
        ("/api/v1/labels", StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        ("/api/v1/label/job/values", StatusCode::UNPROCESSABLE_ENTITY, "execution"),
        ("/api/v1/series?match[]=up", StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        ("/api/v1/query?query=up", StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(answer.json()["errorType"], kind, "{path}");
    }
    assert_eq!(server.get("/-/healthy").await.status, StatusCode::OK);
}
