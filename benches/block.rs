//! Writing and reading the columns of a block: 240 series of one target over two hours.
//!
//! Prints bytes per sample of each shape once, of its values and of a whole table, then times encoding and decoding.

use std::{
    hint::black_box,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vctsdb::codec::{floats, gorilla, times};

const SERIES: usize = 240;

/// A small generator of even noise, the same in every run.
struct Noise(u64);

impl Noise {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

struct Shape {
    name: &'static str,
    times: Vec<i64>,
    values: Vec<Vec<f64>>,
}

fn shapes(step: i64, samples: usize, jitter: u64) -> Vec<Shape> {
    let mut noise = Noise(7);
    let times: Vec<i64> =
        (0..samples as i64).map(|i| 1_700_000_000_000 + i * step + noise.below(jitter.max(1)) as i64).collect();
    let mut column = |kind: &str| -> Vec<f64> {
        let mut at = noise.below(1_000_000) as f64;
        let pace = noise.below(400) + 2;
        (0..samples)
            .map(|_| match kind {
                "counter" => {
                    at += noise.below(pace) as f64;
                    at
                }
                "slow counter" => {
                    at += if noise.below(20) == 0 { 1.0 } else { 0.0 };
                    at
                }
                "gauge .1" => 40.0 + noise.below(200) as f64 / 10.0,
                "gauge .12" => {
                    at = (at + noise.below(200) as f64 - 99.5).max(0.0).floor();
                    at / 100.0
                }
                "seconds" => {
                    at += noise.below(1500) as f64;
                    at / 1000.0
                }
                "full float" => noise.below(1 << 30) as f64 / 1_073_741_824.3,
                _ => at,
            })
            .collect()
    };
    ["counter", "slow counter", "gauge .1", "gauge .12", "seconds", "full float", "constant"]
        .into_iter()
        .map(|name| Shape { name, times: times.clone(), values: (0..SERIES).map(|_| column(name)).collect() })
        .collect()
}

fn encode_values(shape: &Shape) -> Vec<Vec<u8>> {
    let column = |values: &Vec<f64>| {
        let mut out = Vec::new();
        floats::encode(values, &mut out);
        out
    };
    shape.values.iter().map(column).collect()
}

fn report(scrape: &str, shapes: &[Shape]) {
    let (mut all, mut count) = (0, 0);
    for shape in shapes {
        let samples = shape.times.len() * SERIES;
        let bytes: usize = encode_values(shape).iter().map(Vec::len).sum();
        let mut chunks = 0;
        for values in &shape.values {
            for (times, values) in shape.times.chunks(240).zip(values.chunks(240)) {
                let mut chunk = gorilla::OpenChunk::default();
                times.iter().zip(values).for_each(|(t, v)| {
                    chunk.append(*t, *v);
                });
                chunks += chunk.to_bytes().len();
            }
        }
        let per = |bytes: usize| bytes as f64 / samples as f64;
        println!("{scrape}, {}: {:.3} bytes/value, {:.3} bytes/sample in memory", shape.name, per(bytes), per(chunks));
        all += bytes;
        count += samples;
    }
    let mut column = Vec::new();
    if let Some(shape) = shapes.first() {
        times::encode(&shape.times, &mut column);
        let per = column.len() as f64 / shape.times.len() as f64;
        println!("{scrape}: times {} bytes, {per:.3} bytes/sample unless shared; all values {:.3}", column.len(), all as f64 / count as f64);
    }
}
