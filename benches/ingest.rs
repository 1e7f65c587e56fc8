//! What a sample costs from the request body to the store's door: inflate, walk, look the series up, fill the batch.
//!
//! The request is what a Prometheus sends: 2,000 series with one sample each and a dozen labels, all known to the
//! store. The store behind it only looks fingerprints up, so the figure is the protocol's own share; 2.0 carries
//! metadata with every series, as senders do. "on disk" goes on into a real store in a temporary directory, up to the
//! synced log and the memtable: one scrape after the other, each with its own time.

#![expect(clippy::expect_used, reason = "a benchmark that can't be set up has nothing to measure")]

#[path = "door/mod.rs"]
mod door;

use std::{collections::HashMap, hint::black_box, sync::Arc};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use door::{Door, now_or_never};
use prost::Message;
use vctsdb::{
    remote::{
        proto::{v1, v2},
        write::{Protocol, WriteLimits, Written, receive},
    },
    seams::env::{RealDisk, SystemClock},
    storage::{Storage, StorageOptions},
};

const SERIES: usize = 2000;
const NOW: i64 = 1_700_000_000_000;

/// The labels of series `i`, about 300 bytes of them.
fn labels(i: usize) -> Vec<(String, String)> {
    let pairs = [
        ("__name__", format!("http_request_duration_seconds_{}", i % 40)),
        ("cluster", "production-eu-west-1".into()),
        ("code", format!("{}", 200 + i % 5)),
        ("container", "frontend".into()),
        ("endpoint", "http-metrics".into()),
        ("handler", format!("/api/v1/items/{}", i % 7)),
        ("instance", format!("10.12.{}.{}:9090", i / 250, i % 250)),
        ("job", "kubernetes-pods".into()),
        ("method", "GET".into()),
        ("namespace", "shop".into()),
        ("pod", format!("frontend-6d5f7c9b8-{i:05}")),
        ("service", "frontend".into()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn request_v1(time: i64) -> Vec<u8> {
    let series = |i| v1::TimeSeries {
        labels: labels(i).into_iter().map(|(name, value)| v1::Label { name, value }).collect(),
        samples: vec![v1::Sample { value: i as f64 * 1.5, timestamp: time + i as i64 }],
        ..Default::default()
    };
    v1::WriteRequest { timeseries: (0..SERIES).map(series).collect(), metadata: vec![] }.encode_to_vec()
}

fn request_v2() -> Vec<u8> {
    let mut symbols = vec![String::new()];
    let mut places = HashMap::from([(String::new(), 0)]);
    let mut symbol = |text: String| {
        *places.entry(text).or_insert_with_key(|text| {
            symbols.push(text.clone());
            symbols.len() as u32 - 1
        })
    };
    let series = |i| v2::TimeSeries {
        labels_refs: labels(i).into_iter().flat_map(|(name, value)| [symbol(name), symbol(value)]).collect(),
        samples: vec![v2::Sample { value: i as f64 * 1.5, timestamp: NOW + i as i64, start_timestamp: 0 }],
        metadata: Some(v2::Metadata { r#type: 3, help_ref: symbol("How long requests took.".into()), unit_ref: 0 }),
        ..Default::default()
    };
    let timeseries = (0..SERIES).map(series).collect();
    v2::Request { symbols, timeseries }.encode_to_vec()
}

fn write(protocol: Protocol, body: &[u8], door: &Door) -> Written {
    let limits = WriteLimits::default();
    now_or_never(receive(protocol, body, NOW, &limits, door)).and_then(Result::ok).unwrap_or_default()
}

fn ingest(c: &mut Criterion) {
    let mut group = c.benchmark_group("ingest");
    group.throughput(Throughput::Elements(SERIES as u64));
    for (name, protocol, message) in [("1.0", Protocol::V1, request_v1(NOW)), ("2.0", Protocol::V2, request_v2())] {
        let body = snap::raw::Encoder::new().compress_vec(&message).unwrap_or_default();
        let door = Door::default();
        assert_eq!(write(protocol, &body, &door).samples, SERIES as u64);
        group.bench_function(format!("{name} known series"), |b| b.iter(|| write(protocol, black_box(&body), &door)));
        group.bench_function(format!("{name} new series"), |b| {
            b.iter(|| write(protocol, black_box(&body), &Door::default()));
        });
        group.bench_function(format!("{name} inflate only"), |b| {
            b.iter(|| snap::raw::Decoder::new().decompress_vec(black_box(&body)));
        });
    }
    group.finish();
}

fn on_disk(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let disk = Arc::new(RealDisk::new(dir.path().join("data")));
    let options = StorageOptions { known_series: 10 * SERIES, ..StorageOptions::default() };
    let storage = Storage::open(disk, Arc::new(SystemClock), options).expect("a fresh directory opens");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let limits = WriteLimits::default();
    let mut time = NOW;
    let mut group = c.benchmark_group("on disk");
    group.throughput(Throughput::Elements(SERIES as u64));
    group.bench_function("1.0 known series", |b| {
        b.iter_batched(
            || {
                time += 15_000;
                snap::raw::Encoder::new().compress_vec(&request_v1(time)).unwrap_or_default()
            },
            |body| runtime.block_on(receive(Protocol::V1, &body, i64::MAX, &limits, &storage)).expect("it is stored"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
    storage.close().expect("the store closes");
}

criterion_group!(benches, ingest, on_disk);
criterion_main!(benches);
