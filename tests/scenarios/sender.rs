//! Remote-write senders that count what was acknowledged.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread::JoinHandle,
    time::{SystemTime, UNIX_EPOCH},
};

use prost::Message;
use vctsdb::remote::proto::v1::{Label, Sample, TimeSeries, WriteRequest};

use super::{
    http_client::{escape, get, request},
    process::{Server, free_address, vctsdb},
};

/// Samples of one request.
const PER_REQUEST: i64 = 50;

/// The time, in ms.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A server with one sample in it: 7, of now, of the series `kept`.
pub(crate) fn server_with_a_sample() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = vctsdb(&dir.path().join("data"), &free_address(), &["--self-scrape.interval", "0"]);
    write_one(&server.address, "kept", now(), 7.0).unwrap();
    (dir, server)
}

/// Sends one request of samples of one series.
pub(crate) fn write(address: &str, labels: &[(&str, &str)], samples: &[(i64, f64)]) -> io::Result<u16> {
    let labels = labels.iter().map(|(n, v)| Label { name: (*n).into(), value: (*v).into() }).collect();
    let samples = samples.iter().map(|(timestamp, value)| Sample { value: *value, timestamp: *timestamp }).collect();
    let series = TimeSeries { labels, samples, ..TimeSeries::default() };
    let message = WriteRequest { timeseries: vec![series], ..WriteRequest::default() }.encode_to_vec();
    let body = snap::raw::Encoder::new().compress_vec(&message).map_err(io::Error::other)?;
    let headers = [("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy")];
    Ok(request(address, "POST", "/api/v1/write", &headers, &body)?.status)
}

/// Writes one sample and expects it to be taken.
pub(crate) fn write_one(address: &str, name: &str, time: i64, value: f64) -> io::Result<()> {
    match write(address, &[("__name__", name)], &[(time, value)])? {
        204 => Ok(()),
        status => Err(io::Error::other(format!("status {status}"))),
    }
}

/// Several threads that send numbered samples, one after the other, until the server fails or they are stopped.
pub(crate) struct Sender {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    acknowledged: Vec<Arc<AtomicI64>>,
}

impl Sender {
    pub(crate) fn start(address: &str, streams: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged: Vec<Arc<AtomicI64>> = (0..streams).map(|_| Arc::default()).collect();
        let base = now() - 3_600_000;
        let threads = acknowledged
            .iter()
            .enumerate()
            .map(|(stream, count)| {
                let (stop, count, address) = (stop.clone(), count.clone(), address.to_owned());
                std::thread::spawn(move || {
                    let name = stream.to_string();
                    let labels = [("__name__", "acknowledged"), ("stream", name.as_str())];
                    while !stop.load(Ordering::Relaxed) {
                        let from = count.load(Ordering::Relaxed);
                        let samples: Vec<(i64, f64)> =
                            (from..from + PER_REQUEST).map(|i| (base + i, i as f64)).collect();
                        match write(&address, &labels, &samples) {
                            Ok(204) => count.store(from + PER_REQUEST, Ordering::Relaxed),
                            _ => return,
                        }
                    }
                })
            })
            .collect();
        Self { stop, threads, acknowledged }
    }

    /// Ends the threads. Answers how many samples of each stream were acknowledged.
    pub(crate) fn stop(self) -> Vec<u64> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.acknowledged.iter().map(|count| count.load(Ordering::Relaxed) as u64).collect()
    }

    /// How many samples of a stream the server has, having checked that they are the first so many.
    pub(crate) fn stored(address: &str, stream: usize) -> u64 {
        let query = escape(&format!("acknowledged{{stream=\"{stream}\"}}[2h]"));
        let data = get(address, &format!("/api/v1/query?query={query}")).unwrap().json();
        let values = data["data"]["result"][0]["values"].as_array().cloned().unwrap_or_default();
        for (i, value) in values.iter().enumerate() {
            assert_eq!(value[1], i.to_string(), "stream {stream}");
        }
        values.len() as u64
    }
}
