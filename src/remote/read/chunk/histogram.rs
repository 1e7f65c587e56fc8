//! Histogram chunks: integers, encoding 2, and floats, encoding 3. All samples of a chunk share one layout.
//!
//! ```text
//! integer, first   varbit_int t, varbit_uint count, varbit_uint zero, sum (64 bits), each bucket: varbit_int delta
//! integer, others  delta (second sample) or delta of delta (from the third) of t, count, zero as varbit_int,
//!                  XOR code of sum, then delta or delta of delta of each bucket's delta
//! float, first     varbit_int t; count, zero, sum and each bucket in 64 bits
//! float, others    t as above; the XOR code of each, each with a window of its own
//! ```
//!
//! Buckets are positive, then negative ones. An integer's bucket is what the protocol lists: the difference to the
//! bucket before it.

use super::{
    layout::{Reset, head},
    varbit::Varbit,
    xor::Window,
};
use crate::{
    codec::bits::BitWriter,
    model::{BucketCounts, Histogram},
};

/// A column of whole numbers, written as it is, then as a delta, then as deltas of deltas.
struct Deltas {
    previous: i64,
    delta: Option<i64>,
}

impl Deltas {
    fn after(value: i64) -> Self {
        Self { previous: value, delta: None }
    }

    fn put(&mut self, value: i64, out: &mut BitWriter) {
        let delta = value.wrapping_sub(self.previous);
        out.varbit_int(delta.wrapping_sub(self.delta.unwrap_or(0)));
        self.previous = value;
        self.delta = Some(delta);
    }
}

/// Encodes integer histograms of one layout, at most 65535; others among them are left out.
pub(super) fn encode_integer(samples: &[(i64, &Histogram)], reset: Reset) -> Vec<u8> {
    let mut rows = samples.iter().filter_map(|(time, histogram)| match &histogram.counts {
        BucketCounts::Integer { count, zero, positive, negative } => {
            Some((*time, [*count as i64, *zero as i64], histogram.sum, positive.iter().chain(negative)))
        }
        BucketCounts::Float { .. } => None,
    });
    let (Some((_, layout)), Some((time, [count, zero], sum, buckets))) = (samples.first(), rows.next()) else {
        return Vec::new();
    };
    let mut out = head(samples.len(), reset, layout);
    out.varbit_int(time);
    out.varbit_uint(count as u64);
    out.varbit_uint(zero as u64);
    out.put(sum.to_bits(), 64);
    let mut columns: Vec<Deltas> = Vec::new();
    for &bucket in buckets {
        out.varbit_int(bucket);
        columns.push(Deltas::after(bucket));
    }
    let mut scalars = [time, count, zero].map(Deltas::after);
    let mut window = Window::after(sum);
    for (time, [count, zero], sum, buckets) in rows {
        for (column, value) in scalars.iter_mut().zip([time, count, zero]) {
            column.put(value, &mut out);
        }
        window.put(sum, &mut out);
        for (column, bucket) in columns.iter_mut().zip(buckets) {
            column.put(*bucket, &mut out);
        }
    }
    out.into_bytes()
}

/// Encodes float histograms of one layout, at most 65535; others among them are left out.
pub(super) fn encode_float(samples: &[(i64, &Histogram)], reset: Reset) -> Vec<u8> {
    let mut rows = samples.iter().filter_map(|(time, histogram)| match &histogram.counts {
        BucketCounts::Float { count, zero, positive, negative } => {
            Some((*time, [count, zero, &histogram.sum].into_iter().chain(positive).chain(negative)))
        }
        BucketCounts::Integer { .. } => None,
    });
    let (Some((_, layout)), Some((time, values))) = (samples.first(), rows.next()) else { return Vec::new() };
    let mut out = head(samples.len(), reset, layout);
    out.varbit_int(time);
    let mut windows: Vec<Window> = Vec::new();
    for &value in values {
        out.put(value.to_bits(), 64);
        windows.push(Window::after(value));
    }
    let mut times = Deltas::after(time);
    for (time, values) in rows {
        times.put(time, &mut out);
        for (window, value) in windows.iter_mut().zip(values) {
            window.put(*value, &mut out);
        }
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::hex;
    use super::*;
    use crate::model::BucketSpan;

    fn span(offset: i32, length: u32) -> BucketSpan {
        BucketSpan { offset, length }
    }

    #[test]
    fn the_known_integer_chunk_is_written_bit_for_bit() {
        let sample = |count, zero, sum, deltas: [i64; 3]| Histogram {
            schema: 1,
            zero_threshold: (-128f64).exp2(),
            sum,
            positive_spans: vec![span(-1, 2), span(1, 1)],
            counts: BucketCounts::Integer { count, zero, positive: deltas.to_vec(), negative: vec![] },
            ..Histogram::stale()
        };
        let (a, b) = (sample(12, 2, 18.5, [1, 2, 3]), sample(15, 3, 20.0, [2, 1, 4]));
        let want = "000200748ca578c5e3e8c64900ca000000000002329fc1d4c4e3b44d8de2";
        assert_eq!(encode_integer(&[(1000, &a), (16000, &b)], Reset::Unknown), hex(want));
    }

    #[test]
    fn the_known_chunk_of_floats_in_custom_buckets_is_written_bit_for_bit() {
        let sample = |count, sum, counts: [f64; 3]| Histogram {
            schema: -53,
            sum,
            custom_values: vec![0.25, 1.0, 1e6],
            positive_spans: vec![span(0, 2), span(1, 1)],
            counts: BucketCounts::Float { count, zero: 0.0, positive: counts.to_vec(), negative: vec![] },
            ..Histogram::stale()
        };
        let (a, b) = (sample(6.0, 1.5, [1.0, 2.0, 3.0]), sample(7.0, 2.0, [1.0, 3.0, 3.0]));
        let want = "00020000ee5ca48c53e7df8fa4825d090000000001e3e8401800000000000000000000000000003ff80000000000003ff000000000000040000000000000004008000000000000f83a98da0d84cfff6c06";
        assert_eq!(encode_float(&[(1000, &a), (16000, &b)], Reset::Unknown), hex(want));
    }
}
