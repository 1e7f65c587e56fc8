//! The buckets of a native histogram with their bounds, from the lowest to the highest.
//!
//! Bucket `i` of an exponential schema `s` ends at `2^(i * 2^-s)`. The fractional powers come from a table that is
//! built exactly as Prometheus built its own, rounding errors included, so that bounds agree to the last bit.

use std::sync::LazyLock;

use super::{BucketCounts, BucketSpan, Histogram};

/// `2^(2^-s)` for each schema `s`, as the mathematics library computed it that Prometheus' table was made with.
#[expect(clippy::approx_constant, reason = "the square root of two as it came out there, one unit off the constant")]
const FACTORS: [f64; 9] = [
    2.0,
    1.414213562373095,
    1.189207115002721,
    1.0905077326652577,
    1.0442737824274138,
    1.0218971486541166,
    1.0108892860517005,
    1.0054299011128027,
    1.0027112750502025,
];

/// For each schema the bounds inside `[0.5, 1)`.
static BOUNDS: LazyLock<Vec<Vec<f64>>> = LazyLock::new(|| {
    let mut tables: Vec<Vec<f64>> = Vec::with_capacity(FACTORS.len());
    for (schema, factor) in FACTORS.iter().enumerate() {
        let mut table = vec![0.5];
        let coarser = tables.last();
        for i in 1..1usize << schema {
            // Every second bound is one of the coarser schema; taking it over keeps errors from piling up.
            let shared = coarser.filter(|_| i % 2 == 0).and_then(|c| c.get(i / 2)).copied();
            let next = table.last().map_or(0.5, |last| last * factor);
            table.push(shared.unwrap_or(next));
        }
        tables.push(table);
    }
    tables
});

/// One bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Whether an observation equal to the lower bound is inside.
    pub lower_inclusive: bool,
    /// Whether an observation equal to the upper bound is inside.
    pub upper_inclusive: bool,
    /// How many observations are inside.
    pub count: f64,
}

/// The upper bound of positive bucket `index` in an exponential `schema` (-4 to 8).
///
/// The last bucket of finite numbers ends at the largest of them; the one after it, at infinity, holds infinities.
#[must_use]
pub fn exponential_bound(index: i64, schema: i32) -> f64 {
    let (fraction, exponent) = if schema < 0 {
        (1.0, index.saturating_mul(1 << (-schema).min(31)))
    } else {
        let position = index & ((1 << schema.min(62)) - 1);
        let table = usize::try_from(schema).ok().and_then(|s| BOUNDS.get(s));
        let fraction = table.and_then(|t| t.get(usize::try_from(position).ok()?)).copied().unwrap_or(f64::NAN);
        (fraction, (index >> schema.min(62)).saturating_add(1))
    };
    let first_beyond = if schema < 0 { (1.0, 1024) } else { (0.5, 1025) };
    if (fraction, exponent) == first_beyond { f64::MAX } else { scale(fraction, exponent) }
}

/// `fraction * 2^exponent`, rounded once.
fn scale(fraction: f64, exponent: i64) -> f64 {
    // Two factors reach from the smallest subnormal to infinity; the first product is always exact.
    let exponent = exponent.clamp(-1100, 1100);
    let power = |e: i64| f64::from_bits(((e + 1023) as u64) << 52);
    fraction * power(exponent / 2) * power(exponent - exponent / 2)
}

impl Histogram {
    /// All listed buckets by ascending bounds, empty ones included; the zero bucket only when its count is above zero.
    ///
    /// A bucket that reaches into the zero bucket is shown only as far as that one's bound, as Prometheus does.
    #[must_use]
    pub fn buckets(&self) -> Vec<Bucket> {
        let (zero, positive, negative) = match &self.counts {
            BucketCounts::Integer { zero, positive, negative, .. } => {
                (*zero as f64, absolute(positive), absolute(negative))
            }
            BucketCounts::Float { zero, positive, negative, .. } => (*zero, positive.clone(), negative.clone()),
        };
        let mut buckets = Vec::with_capacity(positive.len() + negative.len() + 1);
        for (index, count) in listed(&self.negative_spans, &negative) {
            let (near, far) = self.bounds(index);
            let upper = if near > 0.0 { -near.max(self.zero_threshold) } else { -near };
            let lower = -far;
            buckets.push(Bucket { lower, upper, lower_inclusive: true, upper_inclusive: false, count });
        }
        buckets.reverse();
        // As in Prometheus, which shows no zero bucket of a negated histogram.
        if zero > 0.0 {
            let (lower, upper) = (-self.zero_threshold, self.zero_threshold);
            buckets.push(Bucket { lower, upper, lower_inclusive: true, upper_inclusive: true, count: zero });
        }
        for (index, count) in listed(&self.positive_spans, &positive) {
            let (mut lower, upper) = self.bounds(index);
            if lower > 0.0 {
                lower = lower.max(self.zero_threshold);
            }
            let lower_inclusive = self.has_custom_buckets() && index == 0;
            buckets.push(Bucket { lower, upper, lower_inclusive, upper_inclusive: true, count });
        }
        buckets
    }

    /// Lower and upper bound of positive bucket `index`.
    fn bounds(&self, index: i64) -> (f64, f64) {
        if !self.has_custom_buckets() {
            return (exponential_bound(index - 1, self.schema), exponential_bound(index, self.schema));
        }
        let bound = |i: i64| usize::try_from(i).ok().and_then(|i| self.custom_values.get(i)).copied();
        (bound(index - 1).unwrap_or(f64::NEG_INFINITY), bound(index).unwrap_or(f64::INFINITY))
    }
}

/// Counts of the buckets that `deltas` describe.
fn absolute(deltas: &[i64]) -> Vec<f64> {
    let mut count = 0i64;
    deltas
        .iter()
        .map(|delta| {
            count = count.wrapping_add(*delta);
            count as f64
        })
        .collect()
}

/// Pairs every listed bucket index with its count.
fn listed<'a>(spans: &'a [BucketSpan], counts: &'a [f64]) -> impl Iterator<Item = (i64, f64)> + 'a {
    let mut next = 0i64;
    let indexes = spans.iter().flat_map(move |span| {
        let first = next + i64::from(span.offset);
        next = first + i64::from(span.length);
        first..next
    });
    indexes.zip(counts.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CUSTOM_BUCKETS_SCHEMA;

    #[test]
    fn a_bucket_that_reaches_into_the_zero_bucket_ends_at_its_bound() {
        let wide = Histogram { zero_threshold: 0.3, ..float(0, 1.0, (-2, &[5.0, 6.0]), (-2, &[7.0, 8.0])) };
        let bounds: Vec<(f64, f64)> = wide.buckets().iter().map(|b| (b.lower, b.upper)).collect();
        assert_eq!(bounds, [(-0.5, -0.3), (-0.25, -0.3), (-0.3, 0.3), (0.3, 0.25), (0.3, 0.5)]);
    }

    fn float(schema: i32, zero: f64, positive: (i32, &[f64]), negative: (i32, &[f64])) -> Histogram {
        let span = |side: (i32, &[f64])| vec![BucketSpan { offset: side.0, length: side.1.len() as u32 }];
        Histogram {
            schema,
            zero_threshold: 0.001,
            positive_spans: span(positive),
            negative_spans: span(negative),
            counts: BucketCounts::Float {
                count: 1.0,
                zero,
                positive: positive.1.to_vec(),
                negative: negative.1.to_vec(),
            },
            ..Histogram::stale()
        }
    }

    #[test]
    #[expect(clippy::approx_constant, reason = "bounds that happen to be near roots of two, to the last bit")]
    fn bounds_agree_with_prometheus_to_the_last_bit() {
        // Including those where Prometheus' table is one unit off the correctly rounded power.
        for (index, schema, bound) in [
            (1, 1, 1.414213562373095),
            (3, 2, 1.6817928305074288),
            (7, 3, 1.8340080864093422),
            (3, 5, 1.0671404006768234),
            (31, 5, 1.9571441241753997),
            (63, 6, 1.9784560263879505),
            (125, 7, 1.967771223233175),
            (255, 8, 1.9945921121709396),
            (-1, 1, 0.7071067811865475),
            (0, 8, 1.0),
            (2, 0, 4.0),
            (1, -2, 16.0),
            (-1, -4, 2f64.powi(-16)),
        ] {
            assert_eq!(exponential_bound(index, schema), bound, "bucket {index} of schema {schema}");
        }
    }

    #[test]
    fn the_last_finite_bucket_ends_at_the_largest_float_and_the_next_at_infinity() {
        for (last, schema) in [(1024, 0), (2048, 1), (512, -1), (64, -4), (1024 << 8, 8)] {
            assert_eq!(exponential_bound(last, schema), f64::MAX, "schema {schema}");
            assert_eq!(exponential_bound(last + 1, schema), f64::INFINITY, "schema {schema}");
            assert!(exponential_bound(last - 1, schema) < f64::MAX, "schema {schema}");
        }
        assert_eq!(exponential_bound(-1074, 0), f64::from_bits(1));
        assert_eq!(exponential_bound(i64::from(i32::MIN), 0), 0.0);
        assert_eq!(exponential_bound(i64::from(i32::MAX), -4), f64::INFINITY);
    }

    #[test]
    fn buckets_ascend_from_negative_through_zero_to_positive() {
        let histogram = float(0, 3.0, (1, &[1.0, 2.0]), (0, &[5.0, 6.0]));
        let bounds: Vec<_> = histogram.buckets().iter().map(|b| (b.lower, b.upper, b.count)).collect();
        assert_eq!(
            bounds,
            [(-2.0, -1.0, 6.0), (-1.0, -0.5, 5.0), (-0.001, 0.001, 3.0), (1.0, 2.0, 1.0), (2.0, 4.0, 2.0)]
        );
        let closed: Vec<_> = histogram.buckets().iter().map(|b| (b.lower_inclusive, b.upper_inclusive)).collect();
        assert_eq!(closed, [(true, false), (true, false), (true, true), (false, true), (false, true)]);
    }

    #[test]
    fn integer_deltas_run_across_spans() {
        let histogram = Histogram {
            positive_spans: vec![BucketSpan { offset: -1, length: 2 }, BucketSpan { offset: 1, length: 1 }],
            counts: BucketCounts::Integer { count: 6, zero: 0, positive: vec![1, 1, 1], negative: vec![] },
            ..Histogram::stale()
        };
        let bounds: Vec<_> = histogram.buckets().iter().map(|b| (b.upper, b.count)).collect();
        assert_eq!(bounds, [(0.5, 1.0), (1.0, 2.0), (4.0, 3.0)]);
    }

    #[test]
    fn custom_buckets_reach_from_minus_to_plus_infinity() {
        let histogram = Histogram {
            custom_values: vec![1.0, 2.0],
            ..float(CUSTOM_BUCKETS_SCHEMA, 0.0, (0, &[1.0, 2.0, 3.0]), (0, &[]))
        };
        let buckets: Vec<_> = histogram.buckets().iter().map(|b| (b.lower, b.upper, b.lower_inclusive)).collect();
        assert_eq!(buckets, [(f64::NEG_INFINITY, 1.0, true), (1.0, 2.0, false), (2.0, f64::INFINITY, false)]);
    }
}
