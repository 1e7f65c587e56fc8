//! Writing and reading the columns of a block: 240 series of one target over two hours, in the shapes that metrics have.
//!
//! First prints what a sample of each shape takes, then times encoding and decoding.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench reports to people and may fail loudly")]

use std::{hint::black_box, iter::zip, path::Path, sync::Arc};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vctsdb::{
    codec::{floats, gorilla, times},
    model::{SeriesBuf, TimeRange},
    seams::{
        append::SeriesId,
        env::{Disk, RealDisk},
    },
    sst::{Table, TableSummary, TableWriter},
};

const SERIES: usize = 240;
const NAMES: [&str; 7] =
    ["counter", "slow counter", "gauge, 1 decimal", "gauge, 2 decimals", "seconds counter", "full float", "constant"];

/// Even noise, the same in every run.
struct Noise(u64);

impl Noise {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn column(&mut self, name: &str, samples: usize) -> Vec<f64> {
        let mut at = self.below(1_000_000) as f64;
        let pace = self.below(400) + 2;
        let mut next = || match name {
            "counter" => {
                at += self.below(pace) as f64;
                at
            }
            "slow counter" => {
                at += f64::from(self.below(20) == 0);
                at
            }
            "gauge, 1 decimal" => (400.0 + self.below(200) as f64) / 10.0,
            "gauge, 2 decimals" => {
                at += self.below(200) as f64 - 100.0;
                at / 100.0
            }
            "seconds counter" => {
                at += self.below(1500) as f64;
                at / 1000.0
            }
            "full float" => self.below(1 << 30) as f64 / 1_073_741_824.3,
            _ => at,
        };
        (0..samples).map(|_| next()).collect()
    }
}

/// The samples of some series that are scraped together.
struct Shape {
    name: &'static str,
    times: Vec<i64>,
    values: Vec<Vec<f64>>,
}

impl Shape {
    fn samples(&self) -> usize {
        self.times.len() * self.values.len()
    }

    fn encode(&self) -> Vec<Vec<u8>> {
        let encoded = |values: &Vec<f64>| {
            let mut out = Vec::new();
            floats::encode(values, &mut out);
            out
        };
        self.values.iter().map(encoded).collect()
    }

    fn chunk_bytes(&self) -> usize {
        let chunks = self.values.iter().flat_map(|values| zip(self.times.chunks(240), values.chunks(240)));
        let bytes = chunks.map(|(times, values)| {
            let mut chunk = gorilla::OpenChunk::default();
            for (time, value) in zip(times, values) {
                chunk.append(*time, *value);
            }
            chunk.to_bytes().len()
        });
        bytes.sum()
    }
}

fn shapes(step: i64, samples: usize, jitter: u64) -> Vec<Shape> {
    let mut noise = Noise(7);
    let mut time = |i: usize| 1_700_000_000_000 + i as i64 * step + noise.below(jitter + 1) as i64;
    let times: Vec<i64> = (0..samples).map(&mut time).collect();
    let shape =
        |name| Shape { name, times: times.clone(), values: (0..SERIES).map(|_| noise.column(name, samples)).collect() };
    NAMES.map(shape).into()
}

/// One table with a series of each shape after the other, as a target's metrics are.
fn table(shapes: &[Shape], dir: &Path) -> (Table, TableSummary) {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(dir.to_owned()));
    let path = Path::new("table");
    let mut writer = TableWriter::create(&disk, path).unwrap();
    let mut id = 0;
    for i in 0..SERIES {
        for shape in shapes {
            let values = shape.values.get(i).unwrap().clone();
            writer
                .append(SeriesId(id), &SeriesBuf { times: shape.times.clone(), values, ..SeriesBuf::default() })
                .unwrap();
            id += 1;
        }
    }
    let summary = writer.finish().unwrap();
    (Table::open(&disk, path).unwrap(), summary)
}

fn report() {
    let scrapes = [("15 s", 15_000, 480), ("60 s", 60_000, 120), ("60 s over a day", 60_000, 1440)];
    for (scrape, step, samples) in scrapes {
        for jitter in [0, 16] {
            let shapes = shapes(step, samples, jitter);
            println!("{scrape}, jitter {jitter} ms: bytes per value in a table, and per sample in a chunk");
            for shape in &shapes {
                let values: usize = shape.encode().iter().map(Vec::len).sum();
                let per = |bytes: usize| bytes as f64 / shape.samples() as f64;
                println!("  {:20} {:6.3} {:6.3}", shape.name, per(values), per(shape.chunk_bytes()));
            }
            let mut column = Vec::new();
            times::encode(&shapes.first().unwrap().times, &mut column);
            println!("  {:20} {:6.3} unless shared", "times", column.len() as f64 / samples as f64);
            let dir = tempfile::tempdir().unwrap();
            let (_, summary) = table(&shapes, dir.path());
            println!("  {:20} {:6.3}", "the whole table", summary.bytes as f64 / summary.samples as f64);
        }
    }
}

fn columns(c: &mut Criterion) {
    report();
    let shapes = shapes(15_000, 480, 16);
    let mut group = c.benchmark_group("values");
    for shape in &shapes {
        let samples = shape.samples() as u64;
        group.throughput(Throughput::Elements(samples));
        group.bench_function(BenchmarkId::new("encode", shape.name), |b| b.iter(|| black_box(shape.encode())));
        let encoded = shape.encode();
        let mut out = Vec::new();
        group.bench_function(BenchmarkId::new("decode", shape.name), |b| {
            b.iter(|| {
                for column in &encoded {
                    out.clear();
                    floats::decode(column, shape.times.len(), &mut out).unwrap();
                    black_box(&out);
                }
            });
        });
    }
    group.finish();

    let mut group = c.benchmark_group("times");
    let times = &shapes.first().unwrap().times;
    group.throughput(Throughput::Elements(times.len() as u64));
    let mut encoded = Vec::new();
    group.bench_function("encode", |b| {
        b.iter(|| {
            encoded.clear();
            times::encode(black_box(times), &mut encoded);
        });
    });
    let mut out = Vec::new();
    group.bench_function("decode", |b| {
        b.iter(|| {
            out.clear();
            times::decode(black_box(&encoded), times.len(), &mut out).unwrap();
        });
    });
    group.finish();
}

fn tables(c: &mut Criterion) {
    let shapes = shapes(15_000, 480, 16);
    let dir = tempfile::tempdir().unwrap();
    let (open, summary) = table(&shapes, dir.path());
    let mut group = c.benchmark_group("table");
    group.sample_size(20);
    group.throughput(Throughput::Elements(summary.samples));
    group.bench_function("write", |b| {
        b.iter(|| {
            let dir = tempfile::tempdir().unwrap();
            black_box(table(&shapes, dir.path()).1)
        });
    });
    let mut out = SeriesBuf::default();
    group.bench_function("read every series", |b| {
        b.iter(|| {
            for id in open.series() {
                open.read(SeriesId(id), TimeRange::ALL, &mut out).unwrap();
                black_box(&out);
            }
        });
    });
    group.bench_function("scan", |b| {
        b.iter(|| {
            for series in open.scan() {
                black_box(series.unwrap());
            }
        });
    });
    group.throughput(Throughput::Elements(1));
    let mut id = 0;
    let series = summary.series as u32;
    group.bench_function("read a series anywhere", |b| {
        b.iter(|| {
            id = (id + 997) % series;
            open.read(SeriesId(id), TimeRange::ALL, &mut out).unwrap();
            black_box(&out);
        });
    });
    group.finish();
}

criterion_group!(benches, columns, tables);
criterion_main!(benches);
