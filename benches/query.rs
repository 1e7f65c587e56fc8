//! What the operators cost, each over a thousand series, without what storage adds; and what questions about a real store
//! cost while its samples are in memory, and once they are in tables.

#![expect(clippy::expect_used, reason = "a benchmark that can't be set up has nothing to measure")]

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vctsdb::{
    model::{Labels, Matcher, SeriesBuf, TimeRange},
    promql::{Cancel, Engine, EngineOptions, Query},
    seams::{
        append::{Append, Batch, FloatSample},
        env::{RealDisk, SystemClock},
        interrupt::Interrupt,
        select::{IndexPath, LookupCost, Select, SelectError, SelectHints, SeriesSet},
    },
    storage::{Storage, StorageOptions, Threads},
};

/// Samples are this far apart (ms).
const SCRAPE: i64 = 15_000;
/// Time between steps (ms).
const STEP: i64 = 15_000;
const STEPS: i64 = 240;
/// Start of the query (ms), some scrapes after the start of the data.
const START: i64 = 600_000;

/// Series that share their columns: reading one costs a copy.
struct Shared {
    labels: Vec<Labels>,
    columns: SeriesBuf,
}

struct Found {
    labels: Vec<Labels>,
    columns: SeriesBuf,
}

impl Shared {
    fn new(labels: Vec<Labels>) -> Self {
        let mut columns = SeriesBuf::default();
        for i in 0..(START + STEPS * STEP) / SCRAPE {
            // A counter that is reset now and then.
            columns.push_float(i * SCRAPE, ((i % 97) * 13) as f64);
        }
        Self { labels, columns }
    }

    fn samples(&self) -> u64 {
        (self.labels.len() * self.columns.times.len()) as u64
    }
}

impl Select for Shared {
    fn select(&self, _: &[Matcher], range: TimeRange, _: &SelectHints) -> Result<Arc<dyn SeriesSet>, SelectError> {
        let mut columns = SeriesBuf::default();
        for (t, v) in self.columns.times.iter().zip(&self.columns.values).filter(|(t, _)| range.contains(**t)) {
            columns.push_float(*t, *v);
        }
        Ok(Arc::new(Found { labels: self.labels.clone(), columns }))
    }

    fn cost(&self, _: &[Matcher]) -> LookupCost {
        LookupCost::Unknown
    }

    fn explain(&self, _: &[Matcher], _: &dyn Interrupt) -> Result<IndexPath, SelectError> {
        Ok(IndexPath { steps: Vec::new(), series: self.labels.len() as u64 })
    }
}

impl SeriesSet for Found {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn labels(&self, i: usize) -> Result<Labels, SelectError> {
        self.labels.get(i).cloned().ok_or_else(|| SelectError::Storage(format!("no series {i}").into()))
    }

    fn read(&self, _: usize, out: &mut SeriesBuf) -> Result<(), SelectError> {
        out.times.clone_from(&self.columns.times);
        out.values.clone_from(&self.columns.values);
        out.histograms.clear();
        Ok(())
    }
}

fn series(pairs: [(&str, String); 3]) -> Labels {
    Labels::from_pairs(pairs).unwrap_or_default()
}

fn bench(c: &mut Criterion) {
    let requests = Shared::new(
        (0..1000)
            .map(|i| {
                let (job, instance) = (format!("job-{}", i % 10), format!("host-{i}"));
                series([("__name__", "requests_total".to_owned()), ("job", job), ("instance", instance)])
            })
            .collect(),
    );
    let bounds = ["0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "50", "+Inf"];
    let buckets = Shared::new(
        (0..100)
            .flat_map(|host| bounds.map(|le| (le.to_owned(), format!("host-{host}"))))
            .map(|(le, instance)| {
                series([("__name__", "latency_bucket".to_owned()), ("le", le), ("instance", instance)])
            })
            .collect(),
    );
    let cases = [
        ("sum by (job) (rate)", &requests, "sum by (job) (rate(requests_total[5m]))"),
        ("sum by (job) (selector)", &requests, "sum by (job) (requests_total)"),
        ("avg_over_time", &requests, "avg(avg_over_time(requests_total[5m]))"),
        ("max_over_time", &requests, "max(max_over_time(requests_total[5m]))"),
        ("topk by (job) (rate)", &requests, "topk by (job) (5, rate(requests_total[5m]))"),
        ("join", &requests, "sum(requests_total - on (instance, job) group_left rate(requests_total[5m]))"),
        ("subquery", &requests, "max_over_time(sum by (job) (rate(requests_total[1m]))[10m:30s])"),
        ("histogram_quantile", &buckets, "histogram_quantile(0.9, sum by (instance, le) (rate(latency_bucket[5m])))"),
    ];
    let mut group = c.benchmark_group("range query, 1000 series, 240 steps");
    for threads in [1, 2] {
        let engine = Engine::new(EngineOptions { threads, ..EngineOptions::default() });
        for (name, data, text) in &cases {
            group.throughput(Throughput::Elements(data.samples()));
            let query = Query {
                text,
                start: START,
                end: START + (STEPS - 1) * STEP,
                step: STEP,
                lookback: None,
                timeout: None,
                per_step: false,
            };
            group.bench_function(format!("{name}, threads {threads}"), |b| {
                b.iter(|| black_box(engine.run(*data, &query, &Cancel::default())));
            });
        }
    }
    group.finish();
}

/// Hosts of the store, and the series of each.
const HOSTS: usize = 100;
const OF_A_HOST: usize = 50;

/// Labels and newest values of series: CPUs that count, and sizes that don't change.
fn of_hosts() -> Vec<(Labels, f64)> {
    let number = |i: usize| (i / OF_A_HOST, i % OF_A_HOST);
    let labels = |i: usize| {
        let (host, n) = number(i);
        let name = if n % 2 == 0 { "cpu_seconds_total" } else { "size_bytes" };
        let (instance, n) = (format!("host-{host:03}.example.com:9100"), n.to_string());
        Labels::from_pairs([("__name__", name), ("instance", instance.as_str()), ("job", "node"), ("n", n.as_str())])
    };
    (0..HOSTS * OF_A_HOST).map(|i| (labels(i).unwrap_or_default(), (i * 1000) as f64)).collect()
}

/// Writes `STEPS` scrapes of these series.
fn fill(storage: &Storage) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut series = of_hosts();
    for scrape in 0..STEPS {
        let mut batch = Batch::default();
        for (i, (labels, value)) in series.iter_mut().enumerate() {
            *value += if i % 2 == 0 { ((scrape * 7 + i as i64) % 31) as f64 / 100.0 } else { 0.0 };
            let series = Append::series(storage, labels, None, &mut batch)?;
            batch.floats.push(FloatSample { series, time: START + scrape * SCRAPE, value: *value, start: 0 });
        }
        runtime.block_on(storage.append(batch))?;
    }
    Ok(())
}

fn stored(c: &mut Criterion) {
    let end = START + (STEPS - 1) * SCRAPE;
    let cases = [
        ("count of all now", r#"count({__name__=~".+"})"#, end, 0),
        ("count by (instance) of all now", r#"count by (instance) ({__name__=~".+"})"#, end, 0),
        ("count by (instance) of all a minute ago", r#"count by (instance) ({__name__=~".+"})"#, end - 60_000, 0),
        ("sum by (job) (rate) now", "sum by (job) (rate(cpu_seconds_total[5m]))", end, 0),
        ("sum by (job) (rate), 1 h", "sum by (job) (rate(cpu_seconds_total[5m]))", end, STEPS - 1),
    ];
    let dir = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(RealDisk::new(dir.path().to_owned()));
    let options = StorageOptions { threads: Threads::Manual, ..StorageOptions::default() };
    let storage = Storage::open(disk, Arc::new(SystemClock), options).expect("it opens");
    fill(&storage).expect("it is filled");
    let engine = Engine::new(EngineOptions { threads: 1, ..EngineOptions::default() });
    let mut group = c.benchmark_group(format!("{} series, {STEPS} samples each", HOSTS * OF_A_HOST));
    for place in ["memory", "tables"] {
        if place == "tables" {
            storage.flush().expect("it is flushed");
        }
        for (name, text, end, steps) in cases {
            let start = end - steps * STEP;
            let query = Query { text, start, end, step: STEP, lookback: None, timeout: None, per_step: false };
            group.bench_function(format!("{name}, in {place}"), |b| {
                b.iter(|| black_box(engine.run(&storage, &query, &Cancel::default())));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, bench, stored);
criterion_main!(benches);
