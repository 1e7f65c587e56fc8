//! Remote read over HTTP.

use std::{sync::Arc, time::Duration};

use hyper::{Method, StatusCode};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::harness::{NOW, Server, some_series};
use crate::{
    model::{Labels, Matcher, Metadata, SeriesBuf, TimeRange},
    remote::proto::v1::{LabelMatcher, Query, ReadRequest, ReadResponse},
    seams::{
        changes::fake::Restless,
        select::{Limited, Select, SelectError, SelectHints, SeriesSet, fake::MemorySelect},
        status::fake::FixedStatus,
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

    fn series(&self, _: &[Vec<Matcher>], _: TimeRange, _: usize) -> Result<Limited<Labels>, SelectError> {
        panic!("on purpose");
    }

    fn label_names(&self, _: &[Vec<Matcher>], _: TimeRange, _: usize) -> Result<Limited<String>, SelectError> {
        Err(SelectError::Storage("index damaged".into()))
    }

    fn label_values(
        &self,
        _: &str,
        _: &[Vec<Matcher>],
        _: TimeRange,
        _: usize,
    ) -> Result<Limited<String>, SelectError> {
        Err(SelectError::Limit("narrow the selector".into()))
    }

    fn exemplars(
        &self,
        _: &[Vec<Matcher>],
        _: TimeRange,
    ) -> Result<Vec<(Labels, Vec<crate::model::Exemplar>)>, SelectError> {
        Ok(Vec::new())
    }

    fn metadata(&self, _: Option<&str>) -> Vec<Metadata> {
        Vec::new()
    }
}

async fn failing() -> Server {
    let server = Server::opening(Deadlines::default()).await;
    let select = Arc::new(FailsLater(some_series(2)));
    server.state.ready(Stores {
        changes: Arc::new(Restless),
        select,
        append: server.append.clone(),
        status: Arc::new(FixedStatus::default()),
        admin: server.admin.clone(),
    });
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
