//! What the histograms of one chunk have in common, written once at its head.
//!
//! ```text
//! header   count (2 bytes, big endian), flags (1 byte: `10` counter reset before the chunk, `00` not known, `11` gauge)
//! layout   zero threshold, varbit_int schema, positive spans, negative spans, with schema -53 the custom bounds
//! spans    varbit_uint number, each: varbit_uint length, varbit_int offset
//! bounds   varbit_uint number, each: varbit_uint(1000 x + 1) if that is whole and small enough, else `0` and 64 bits
//!
//! zero threshold   byte 0: zero   byte e + 243: 0.5 * 2^e for e from -242 to 11   else byte 255 and 64 bits
//! ```

use super::varbit::Varbit;
use crate::{
    codec::bits::BitWriter,
    model::{BucketCounts, BucketSpan, Histogram, ResetHint},
};

/// The largest bound, in thousandths, that is written as a whole number.
const MAX_THOUSANDTHS: f64 = 33_554_430.0;

/// What the head of a chunk says about counter resets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reset {
    Unknown = 0b0000_0000,
    Before = 0b1000_0000,
    Gauge = 0b1100_0000,
}

/// A writer behind the head of a chunk of `count` samples like `first`.
pub(super) fn head(count: usize, reset: Reset, first: &Histogram) -> BitWriter {
    let [high, low] = (count as u16).to_be_bytes();
    let mut out = BitWriter::after(vec![high, low, reset as u8]);
    put_zero_threshold(first.zero_threshold, &mut out);
    out.varbit_int(i64::from(first.schema));
    put_spans(&first.positive_spans, &mut out);
    put_spans(&first.negative_spans, &mut out);
    if first.has_custom_buckets() {
        out.varbit_uint(first.custom_values.len() as u64);
        for bound in &first.custom_values {
            put_bound(*bound, &mut out);
        }
    }
    out
}

/// Whether both can stand in one chunk.
pub(super) fn same_layout(a: &Histogram, b: &Histogram) -> bool {
    let gauge = |h: &Histogram| h.reset_hint == ResetHint::Gauge;
    let integer = |h: &Histogram| matches!(h.counts, BucketCounts::Integer { .. });
    let bits = |h: &Histogram| h.custom_values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    a.schema == b.schema
        && a.zero_threshold.to_bits() == b.zero_threshold.to_bits()
        && a.positive_spans == b.positive_spans
        && a.negative_spans == b.negative_spans
        && gauge(a) == gauge(b)
        && integer(a) == integer(b)
        && a.is_stale() == b.is_stale()
        && (a.custom_values.is_empty() && b.custom_values.is_empty() || bits(a) == bits(b))
}

/// Whether a counter was reset between two samples of one layout: something that only grows has shrunk.
pub(super) fn counter_reset(before: &Histogram, now: &Histogram) -> bool {
    use BucketCounts::{Float, Integer};
    match (&before.counts, &now.counts) {
        (
            Integer { count: c0, zero: z0, positive: p0, negative: n0 },
            Integer { count: c1, zero: z1, positive: p1, negative: n1 },
        ) => c1 < c0 || z1 < z0 || deltas_shrink(p0, p1) || deltas_shrink(n0, n1),
        (
            Float { count: c0, zero: z0, positive: p0, negative: n0 },
            Float { count: c1, zero: z1, positive: p1, negative: n1 },
        ) => {
            let shrink = |before: &[f64], now: &[f64]| before.iter().zip(now).any(|(b, n)| n < b);
            c1 < c0 || z1 < z0 || shrink(p0, p1) || shrink(n0, n1)
        }
        _ => false,
    }
}

fn deltas_shrink(before: &[i64], now: &[i64]) -> bool {
    let mut grown = 0i64;
    before.iter().zip(now).any(|(before, now)| {
        grown = grown.wrapping_add(now.wrapping_sub(*before));
        grown < 0
    })
}

fn put_zero_threshold(threshold: f64, out: &mut BitWriter) {
    let bits = threshold.to_bits();
    if bits == 0 {
        return out.put(0, 8);
    }
    // A normal positive power of two, seen as 0.5 * 2^e.
    let exponent = (bits >> 52) as i64 - 1022;
    if bits.trailing_zeros() >= 52 && (-242..=11).contains(&exponent) {
        out.put((exponent + 243) as u64, 8);
    } else {
        out.put(255, 8);
        out.put(bits, 64);
    }
}

fn put_spans(spans: &[BucketSpan], out: &mut BitWriter) {
    out.varbit_uint(spans.len() as u64);
    for span in spans {
        out.varbit_uint(u64::from(span.length));
        out.varbit_int(i64::from(span.offset));
    }
}

fn put_bound(bound: f64, out: &mut BitWriter) {
    let thousandths = (bound * 1000.0).round();
    let whole = (0.0..=MAX_THOUSANDTHS).contains(&thousandths)
        && ((thousandths as u64) as f64 / 1000.0).to_bits() == bound.to_bits();
    if whole {
        out.varbit_uint(thousandths as u64 + 1);
    } else {
        out.put(0, 1);
        out.put(bound.to_bits(), 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_that_are_powers_of_two_take_a_byte() {
        let bytes = |threshold| {
            let mut out = BitWriter::new();
            put_zero_threshold(threshold, &mut out);
            out.into_bytes()
        };
        assert_eq!(bytes(0.0), [0]);
        assert_eq!(bytes((-128f64).exp2()), [116]);
        assert_eq!(bytes(1024.0), [254]);
        assert_eq!(bytes((-243f64).exp2()), [1]);
        for long in [0.001, 2048.0, (-244f64).exp2(), -0.0, -1.0, f64::NAN, 5e-324] {
            assert_eq!(bytes(long), [&[255][..], &long.to_bits().to_be_bytes()].concat(), "{long}");
        }
    }

    #[test]
    fn a_reset_is_anything_that_shrinks() {
        let integer = |count, zero, deltas: &[i64]| Histogram {
            sum: 1.0,
            counts: BucketCounts::Integer { count, zero, positive: deltas.to_vec(), negative: vec![] },
            ..Histogram::stale()
        };
        let before = integer(10, 1, &[3, 3]);
        assert!(!counter_reset(&before, &integer(12, 1, &[3, 5])));
        assert!(counter_reset(&before, &integer(9, 1, &[3, 3])));
        assert!(counter_reset(&before, &integer(12, 0, &[5, 3])));
        assert!(counter_reset(&before, &integer(12, 1, &[2, 7])), "the first bucket fell from 3 to 2");
        assert!(counter_reset(&before, &integer(12, 1, &[7, -2])), "the second bucket fell from 6 to 5");
    }
}
