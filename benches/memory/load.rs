//! What the server is made to do.

use std::{
    io::Write,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use prost::Message;
use vctsdb::remote::proto::v1::{
    BucketSpan, Histogram, Label, LabelMatcher, Query, ReadRequest, Sample, TimeSeries, WriteRequest,
    histogram::{Count, ZeroCount},
    label_matcher,
};

use crate::{Fallible, http::Connection, questions, tally::Tally};

/// Series of a remote-write request.
const PER_REQUEST: usize = 1_000;
/// Samples of each series.
const SAMPLES: i64 = 3;
/// Between samples (ms).
const STEP: i64 = 15_000;
/// Connections that load the fleet.
const LOADERS: usize = 4;
/// Clients that ask questions.
const ASKERS: usize = 8;
/// Native histograms of the fleet, and the buckets of each.
const NATIVES: usize = 500;
const BUCKETS: usize = 100;
/// Lines of an import, which in plain text are some 12 MB, and of one that is compressed.
const LINES: usize = 150_000;
const ZIPPED_LINES: usize = 300_000;
const IMPORT: &str = "/api/v1/import/prometheus";

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}

fn label(name: &str, value: String) -> Label {
    Label { name: name.to_owned(), value }
}

fn compressed(message: &impl Message) -> Fallible<Vec<u8>> {
    Ok(snap::raw::Encoder::new().compress_vec(&message.encode_to_vec())?)
}

/// Series `from` and those behind it.
fn series_from(from: usize, count: usize, end: i64) -> Fallible<Vec<u8>> {
    let series = |i: usize| TimeSeries {
        labels: vec![
            label("__name__", if i.is_multiple_of(100) { "instance_info" } else { "fleet_bytes" }.to_owned()),
            label("instance", format!("node-{:05}.example.com:9100", i / 100)),
            label("job", "node".to_owned()),
            label("namespace", format!("namespace-{}", i % 20)),
            label("pod", format!("pod-{i:09}")),
        ],
        samples: (0..SAMPLES)
            .map(|n| Sample { value: (i as i64 * 7 + n) as f64, timestamp: end - (SAMPLES - 1 - n) * STEP })
            .collect(),
        ..TimeSeries::default()
    };
    compressed(&WriteRequest { timeseries: (from..from + count).map(series).collect(), ..WriteRequest::default() })
}

/// Native histograms with many buckets, ten of them in a request.
fn natives(request: usize, end: i64) -> Fallible<Vec<u8>> {
    let histogram = |i: usize, n: i64| Histogram {
        count: Some(Count::CountInt(BUCKETS as u64 * (n as u64 + 1))),
        sum: (i as i64 * n) as f64,
        schema: 3,
        zero_threshold: 1e-9,
        zero_count: Some(ZeroCount::ZeroCountInt(0)),
        positive_spans: vec![BucketSpan { offset: 0, length: BUCKETS as u32 }],
        positive_deltas: std::iter::once(n + 1).chain(std::iter::repeat_n(0, BUCKETS - 1)).collect(),
        timestamp: end - (39 - n) * STEP,
        ..Histogram::default()
    };
    let series = |i: usize| TimeSeries {
        labels: vec![label("__name__", "fleet_native_seconds".to_owned()), label("pod", format!("pod-{i:09}"))],
        histograms: (0..40).map(|n| histogram(i, n)).collect(),
        ..TimeSeries::default()
    };
    let timeseries = (request * 10..request * 10 + 10).map(series).collect();
    compressed(&WriteRequest { timeseries, ..WriteRequest::default() })
}

/// Sends a body until it is taken or a minute has passed; a server that is short of memory for a moment is asked again.
fn write(connection: &mut Connection, body: &[u8], tally: &Tally) -> Fallible<()> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = connection.remote_write(body)?;
        tally.count("writes", answer.status, &answer.text());
        if answer.status != 503 || Instant::now() > end {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Loads `series` series.
pub(crate) fn fleet(address: &str, series: usize, tally: &Tally) -> Fallible<()> {
    let (next, end) = (AtomicUsize::new(0), now());
    std::thread::scope(|scope| {
        let loaders: Vec<_> = (0..LOADERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(address)?;
                    loop {
                        let from = next.fetch_add(PER_REQUEST, Ordering::Relaxed);
                        if from >= series {
                            return Fallible::Ok(());
                        }
                        write(&mut connection, &series_from(from, PER_REQUEST.min(series - from), end)?, tally)?;
                    }
                })
            })
            .collect();
        loaders.into_iter().try_for_each(|loader| loader.join().map_err(|_| "a loader panicked")?)
    })?;
    let mut connection = Connection::open(address)?;
    (0..NATIVES / 10).try_for_each(|request| write(&mut connection, &natives(request, end)?, tally))
}

/// Lines of new series in the text format; `pad` makes them long.
fn lines(round: usize, count: usize, pad: &str) -> Vec<u8> {
    let mut text = Vec::new();
    for i in 0..count {
        let line = format!("imported{{round=\"{round}\",i=\"{i}\",text=\"{pad}\"}} {}\n", i % 7);
        text.extend_from_slice(line.as_bytes());
    }
    text
}

fn zipped(text: &[u8]) -> Fallible<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text)?;
    Ok(encoder.finish()?)
}

/// A remote-read request for the whole fleet.
fn read_request(end: i64, streamed: bool) -> Fallible<Vec<u8>> {
    let matcher = LabelMatcher {
        r#type: label_matcher::Type::Eq.into(),
        name: "__name__".to_owned(),
        value: "fleet_bytes".to_owned(),
    };
    let query =
        Query { start_timestamp_ms: end - 600_000, end_timestamp_ms: end, matchers: vec![matcher], hints: None };
    compressed(&ReadRequest { queries: vec![query], accepted_response_types: if streamed { vec![1] } else { vec![] } })
}

/// Does it again and again, with a connection that is opened anew where it broke, until the time is up.
fn repeat(
    address: &str,
    end: Instant,
    kind: &'static str,
    tally: &Tally,
    mut act: impl FnMut(&mut Connection, usize) -> Fallible<(u16, String)>,
) -> Fallible<()> {
    let mut connection = Connection::open(address)?;
    for round in 0.. {
        if Instant::now() > end {
            break;
        }
        match act(&mut connection, round) {
            Ok((status, text)) => tally.count(kind, status, &text),
            Err(error) => {
                // A large body may be refused while it is being sent, and then the connection is closed.
                tally.count(kind, if kind == "imports" { 503 } else { 0 }, &error.to_string());
                connection = Connection::open(address)?;
            }
        }
    }
    Ok(())
}

/// What goes on at once.
pub(crate) struct Everything<'a> {
    pub(crate) address: &'a str,
    /// Series of the fleet.
    pub(crate) series: usize,
    pub(crate) length: Duration,
    /// The kinds of clients; empty for all.
    pub(crate) only: &'a [String],
}

/// A client that goes on until its time is up.
type Client<'a> = Box<dyn FnOnce() -> Fallible<()> + Send + 'a>;

impl Everything<'_> {
    /// Lets all clients go on until the time is up.
    pub(crate) fn go_on(&self, tally: &Tally) -> Fallible<()> {
        let (end, now) = (Instant::now() + self.length, now());
        let (paths, lists) = (&questions::paths(now), &questions::lists(now));
        let (address, series) = (self.address, self.series);
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let mut clients: Vec<(&str, Client<'_>)> = Vec::new();
        for client in 0..ASKERS {
            let ask = move |connection: &mut Connection, round: usize| {
                let (path, query) = paths[(client * 4 + round) % paths.len()].split_once('?').unwrap_or_default();
                let answer = connection.post(path, &form, query.as_bytes())?;
                Ok((answer.status, answer.text()))
            };
            clients.push(("questions", Box::new(move || repeat(address, end, "questions", tally, ask))));
        }
        for client in 0..2 {
            let list = move |connection: &mut Connection, round: usize| {
                let answer = connection.get(&lists[(client * 3 + round) % lists.len()])?;
                Ok((answer.status, answer.text()))
            };
            clients.push(("lists", Box::new(move || repeat(address, end, "lists", tally, list))));
            let body = read_request(now, client == 1)?;
            let read = move |connection: &mut Connection, _: usize| {
                let headers = [("Content-Encoding", "snappy"), ("Content-Type", "application/x-protobuf")];
                let answer = connection.post("/api/v1/read", &headers, &body)?;
                Ok((answer.status, answer.text()))
            };
            clients.push(("reads", Box::new(move || repeat(address, end, "remote reads", tally, read))));
            let write = move |connection: &mut Connection, round: usize| {
                let from = series + (client * 1_000_000 + round) * PER_REQUEST;
                let answer = connection.remote_write(&series_from(from, PER_REQUEST, now)?)?;
                Ok((answer.status, answer.text()))
            };
            clients.push(("writes", Box::new(move || repeat(address, end, "writes", tally, write))));
            let import = move |connection: &mut Connection, round: usize| {
                let number = client * 1_000_000 + round;
                let answer = if client == 0 {
                    connection.post(IMPORT, &[], &lines(number, LINES, &"x".repeat(40)))?
                } else {
                    let body = zipped(&lines(number, ZIPPED_LINES, ""))?;
                    connection.post(IMPORT, &[("Content-Encoding", "gzip")], &body)?
                };
                std::thread::sleep(Duration::from_millis(500));
                Ok((answer.status, answer.text()))
            };
            clients.push(("imports", Box::new(move || repeat(address, end, "imports", tally, import))));
        }
        clients.retain(|(kind, _)| self.only.is_empty() || self.only.iter().any(|only| only == kind));
        std::thread::scope(|scope| {
            let going: Vec<_> = clients.into_iter().map(|(_, client)| scope.spawn(client)).collect();
            going.into_iter().try_for_each(|client| client.join().map_err(|_| "a client panicked")?)
        })
    }
}
