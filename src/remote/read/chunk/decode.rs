//! Reads chunks back, for tests: written from the description of the encodings, not from the encoders.

use super::varbit::WIDTHS;
use crate::{
    model::{BucketCounts, BucketSpan, Histogram, ResetHint},
    remote::proto::v1,
};

/// Bits, most significant first.
struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl BitReader<'_> {
    fn bit(&mut self) -> bool {
        let bit = self.bytes[self.at / 8] >> (7 - self.at % 8) & 1;
        self.at += 1;
        bit == 1
    }

    fn bits(&mut self, count: u32) -> u64 {
        (0..count).fold(0, |value, _| value << 1 | u64::from(self.bit()))
    }

    /// Ones before the next zero, at most `most`; the zero is read only if fewer came.
    fn ones(&mut self, most: usize) -> usize {
        (0..most).take_while(|_| self.bit()).count()
    }

    fn signed(&mut self, count: u32) -> i64 {
        let value = self.bits(count) as i64;
        if count < 64 && value > 1 << (count - 1) { value - (1 << count) } else { value }
    }

    fn double(&mut self) -> f64 {
        f64::from_bits(self.bits(64))
    }

    fn width(&mut self) -> u32 {
        match self.ones(8) {
            0 => 0,
            8 => 64,
            ones => WIDTHS[ones - 1],
        }
    }

    fn varbit_int(&mut self) -> i64 {
        match self.width() {
            0 => 0,
            width => self.signed(width),
        }
    }

    fn varbit_uint(&mut self) -> u64 {
        let width = self.width();
        self.bits(width)
    }

    fn varint(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.bits(8);
            value |= (byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
}

/// The XOR code's memory.
struct Xor {
    value: u64,
    leading: u32,
    length: u32,
}

impl Xor {
    fn after(value: f64) -> Self {
        Self { value: value.to_bits(), leading: 0, length: 0 }
    }

    fn next(&mut self, bits: &mut BitReader<'_>) -> f64 {
        if bits.bit() {
            if bits.bit() {
                self.leading = bits.bits(5) as u32;
                self.length = match bits.bits(6) as u32 {
                    0 => 64,
                    length => length,
                };
            }
            self.value ^= bits.bits(self.length) << (64 - self.leading - self.length);
        }
        f64::from_bits(self.value)
    }
}

/// A column that is written as deltas of deltas from its third value on.
struct Column {
    value: i64,
    delta: i64,
}

impl Column {
    fn next(&mut self, bits: &mut BitReader<'_>) -> i64 {
        self.delta = self.delta.wrapping_add(bits.varbit_int());
        self.value = self.value.wrapping_add(self.delta);
        self.value
    }
}

/// Floats and histograms with their times.
pub(in super::super) type Samples = (Vec<(i64, f64)>, Vec<(i64, Histogram)>);

/// The samples of a chunk.
pub(in super::super) fn decode(chunk: &v1::Chunk) -> Samples {
    let (floats, histograms) = match chunk.r#type {
        1 => (decode_xor(&chunk.data), vec![]),
        2 | 3 => (vec![], decode_histograms(&chunk.data, chunk.r#type == 3)),
        other => panic!("encoding {other}"),
    };
    let mut times: Vec<i64> = floats.iter().map(|f| f.0).collect();
    times.extend(histograms.iter().map(|h| h.0));
    assert_eq!((times[0], times[times.len() - 1]), (chunk.min_time_ms, chunk.max_time_ms));
    (floats, histograms)
}

fn decode_xor(data: &[u8]) -> Vec<(i64, f64)> {
    let bits = &mut BitReader { bytes: data, at: 0 };
    let count = bits.bits(16);
    let (mut time, mut delta) = (0i64, 0i64);
    let mut xor = Xor::after(0.0);
    let mut samples = Vec::new();
    for i in 0..count {
        let value = match i {
            0 => {
                let zigzag = bits.varint();
                time = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
                let value = bits.double();
                xor = Xor::after(value);
                value
            }
            _ => {
                delta = match i {
                    1 => bits.varint() as i64,
                    _ => delta.wrapping_add(match bits.ones(4) {
                        0 => 0,
                        1 => bits.signed(14),
                        2 => bits.signed(17),
                        3 => bits.signed(20),
                        _ => bits.signed(64),
                    }),
                };
                time = time.wrapping_add(delta);
                xor.next(bits)
            }
        };
        samples.push((time, value));
    }
    assert_eq!(bits.at.div_ceil(8), data.len(), "nothing follows the last sample");
    samples
}

fn spans(bits: &mut BitReader<'_>) -> Vec<BucketSpan> {
    let count = bits.varbit_uint();
    (0..count)
        .map(|_| {
            let length = bits.varbit_uint() as u32;
            BucketSpan { length, offset: bits.varbit_int() as i32 }
        })
        .collect()
}

fn decode_histograms(data: &[u8], float: bool) -> Vec<(i64, Histogram)> {
    let bits = &mut BitReader { bytes: data, at: 0 };
    let count = bits.bits(16);
    let flags = bits.bits(8);
    let zero_threshold = match bits.bits(8) as i32 {
        0 => 0.0,
        255 => bits.double(),
        byte => 0.5 * f64::from(byte - 243).exp2(),
    };
    let schema = bits.varbit_int() as i32;
    let (positive_spans, negative_spans) = (spans(bits), spans(bits));
    let bounds = if schema == -53 { bits.varbit_uint() } else { 0 };
    let custom_values: Vec<f64> = (0..bounds)
        .map(|_| match bits.varbit_uint() {
            0 => bits.double(),
            thousandths => (thousandths - 1) as f64 / 1000.0,
        })
        .collect();
    let listed = |spans: &[BucketSpan]| spans.iter().map(|s| s.length as usize).sum::<usize>();
    let (positives, negatives) = (listed(&positive_spans), listed(&negative_spans));
    let frame = Histogram {
        reset_hint: if flags == 0xc0 { ResetHint::Gauge } else { ResetHint::Unknown },
        schema,
        zero_threshold,
        sum: 0.0,
        positive_spans,
        negative_spans,
        custom_values,
        counts: BucketCounts::Integer { count: 0, zero: 0, positive: vec![], negative: vec![] },
    };
    let mut samples = Vec::new();
    let mut column = |value| Column { value, delta: 0 };
    if float {
        let mut time = column(bits.varbit_int());
        let mut columns: Vec<Xor> = (0..3 + positives + negatives).map(|_| Xor::after(bits.double())).collect();
        for i in 0..count {
            if i > 0 {
                time.next(bits);
            }
            let values: Vec<f64> =
                columns.iter_mut().map(|c| if i == 0 { f64::from_bits(c.value) } else { c.next(bits) }).collect();
            let (scalars, buckets) = values.split_at(3);
            let (positive, negative) = buckets.split_at(positives);
            let counts = BucketCounts::Float {
                count: scalars[0],
                zero: scalars[1],
                positive: positive.to_vec(),
                negative: negative.to_vec(),
            };
            samples.push((time.value, Histogram { sum: scalars[2], counts, ..frame.clone() }));
        }
    } else {
        let mut scalars = [bits.varbit_int(), bits.varbit_uint() as i64, bits.varbit_uint() as i64].map(&mut column);
        let mut sum = Xor::after(bits.double());
        let mut buckets: Vec<Column> = (0..positives + negatives).map(|_| column(bits.varbit_int())).collect();
        for i in 0..count {
            if i > 0 {
                scalars.iter_mut().for_each(|s| _ = s.next(bits));
                sum.next(bits);
                buckets.iter_mut().for_each(|b| _ = b.next(bits));
            }
            let values: Vec<i64> = buckets.iter().map(|b| b.value).collect();
            let (positive, negative) = values.split_at(positives);
            let counts = BucketCounts::Integer {
                count: scalars[1].value as u64,
                zero: scalars[2].value as u64,
                positive: positive.to_vec(),
                negative: negative.to_vec(),
            };
            samples.push((scalars[0].value, Histogram { sum: f64::from_bits(sum.value), counts, ..frame.clone() }));
        }
    }
    assert_eq!(bits.at.div_ceil(8), data.len(), "nothing follows the last sample");
    samples
}
