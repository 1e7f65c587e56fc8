//! What a sample costs from the request body to the store's door: inflate, walk, look the series up, fill the batch.
//!
//! The request is what a Prometheus sends: 2,000 series with one sample each and a dozen labels, all known to the
//! store. The store behind it only looks fingerprints up, so the figure is the protocol's own share; 2.0 carries
//! metadata with every series, as senders do. "on disk" goes on into a real store in a temporary directory, up to the
//! synced log and the memtable: one scrape after the other, each with its own time.

#![expect(clippy::expect_used, reason = "a benchmark that can't be set up has nothing to measure")]

use std::{
    collections::HashMap,
    future::Future,
    hash::{BuildHasherDefault, Hasher},
    hint::black_box,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use parking_lot::RwLock;
use prost::Message;
use vctsdb::{
    ingest::{Declared, ImportLimits, LINE_PROTOCOL_PATH, OnError, format_at},
    model::Labels,
    remote::{
        proto::{v1, v2},
        write::{Protocol, WriteLimits, Written, receive},
    },
    seams::{
        append::{Append, AppendError, Appending, Batch, Fingerprint, SeriesCursor, SeriesId},
        catalog::Catalog,
        env::{RealDisk, SystemClock},
    },
    storage::{Storage, StorageOptions},
};

const SERIES: usize = 2000;
const NOW: i64 = 1_700_000_000_000;

/// A fingerprint is a hash already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    }
}

/// Remembers fingerprints in their order, as the store does, and drops samples.
#[derive(Default)]
struct Door {
    known: RwLock<Known>,
    catalog: Catalog,
}

#[derive(Default)]
struct Known {
    entries: Vec<(Fingerprint, SeriesId)>,
    places: HashMap<Fingerprint, usize, BuildHasherDefault<AsItIs>>,
}

impl Append for Door {
    fn known(&self, fingerprint: Fingerprint, cursor: &mut SeriesCursor) -> Option<SeriesId> {
        let known = self.known.read();
        let is = |place: &usize| known.entries.get(*place).is_some_and(|entry| entry.0 == fingerprint);
        let place = if is(&cursor.next) { cursor.next } else { *known.places.get(&fingerprint)? };
        cursor.next = place + 1;
        known.entries.get(place).map(|entry| entry.1)
    }

    fn followers(&self, cursor: &mut SeriesCursor, most: usize, next: &mut Vec<(Fingerprint, SeriesId)>) {
        let known = self.known.read();
        let behind = known.entries.get(cursor.next..).unwrap_or_default().iter().take(most);
        cursor.next += behind.len();
        next.extend(behind);
    }

    fn series(&self, _: &Labels, fingerprint: Option<Fingerprint>, batch: &mut Batch) -> Result<SeriesId, AppendError> {
        let id = SeriesId(batch.fingerprints.len() as u32);
        batch.fingerprints.extend(fingerprint.map(|f| (f, id)));
        Ok(id)
    }

    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    fn append(&self, batch: Batch) -> Appending<'_> {
        self.catalog.commit(batch.catalog);
        let mut known = self.known.write();
        for entry in &batch.fingerprints {
            let place = known.entries.len();
            known.entries.push(*entry);
            known.places.insert(entry.0, place);
        }
        black_box(&batch.floats);
        Box::pin(std::future::ready(Ok(())))
    }
}

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
    let future = pin!(receive(protocol, body, NOW, &limits, door));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.unwrap_or_default(),
        Poll::Pending => Written::default(),
    }
}

/// As many samples as line protocol: ten fields a line, under tags such as Telegraf's.
fn lines() -> Vec<u8> {
    let fields = [
        "usage_user",
        "usage_system",
        "usage_idle",
        "usage_nice",
        "usage_iowait",
        "usage_irq",
        "usage_softirq",
        "usage_steal",
        "usage_guest",
        "usage_guest_nice",
    ];
    let line = |i: usize| {
        let tags = format!(
            "host=host_{i},region=eu-central-1,datacenter=eu-central-1a,rack={},os=Ubuntu22.04LTS,arch=x64",
            i % 100
        );
        let field = |(n, name): (usize, &&str)| format!("{name}={}.{}", (i * 7 + n) % 100, (i + n * 37) % 1000);
        let fields: Vec<String> = fields.iter().enumerate().map(field).collect();
        format!("cpu,{tags} {} {}000000\n", fields.join(","), NOW + i as i64)
    };
    (0..SERIES / fields.len()).map(line).collect::<String>().into_bytes()
}

fn import(body: &[u8], door: &Door) -> u64 {
    let parameters = vec![("db".to_owned(), "telegraf".to_owned())];
    let declared = Declared { by_protocol: true, on_error: OnError::Skip, parameters, ..Declared::default() };
    let format = format_at(LINE_PROTOCOL_PATH);
    let limits = ImportLimits::default();
    let future = pin!(vctsdb::ingest::receive(format, body, &declared, NOW, &limits, door));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(imported)) => imported.samples,
        _ => 0,
    }
}

fn line_protocol(c: &mut Criterion) {
    let mut group = c.benchmark_group("line protocol");
    group.throughput(Throughput::Elements(SERIES as u64));
    let (body, door) = (lines(), Door::default());
    assert_eq!(import(&body, &door), SERIES as u64);
    group.bench_function("known series", |b| b.iter(|| import(black_box(&body), &door)));
    group.bench_function("new series", |b| b.iter(|| import(black_box(&body), &Door::default())));
    group.finish();
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

criterion_group!(benches, ingest, line_protocol, on_disk);
criterion_main!(benches);
