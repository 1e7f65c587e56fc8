//! The histogram laid out for calculation.

use std::fmt;

use super::bounds::{self, Bucket};
use crate::{
    model::{BucketCounts, BucketSpan, CUSTOM_BUCKETS_SCHEMA, Histogram, ResetHint, decimal},
    promql::functions::kahan::Kahan,
};

/// The count of one bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cell {
    pub(crate) index: i32,
    pub(crate) count: Kahan,
}

/// A native histogram with float counts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FloatHistogram {
    pub(crate) hint: ResetHint,
    pub(crate) schema: i32,
    pub(crate) zero_threshold: f64,
    pub(crate) zero: Kahan,
    pub(crate) count: Kahan,
    pub(crate) sum: Kahan,
    /// By ascending index.
    pub(crate) positive: Vec<Cell>,
    /// By ascending index; values grow away from zero.
    pub(crate) negative: Vec<Cell>,
    /// Upper bounds of custom buckets.
    pub(crate) custom: Vec<f64>,
}

fn cells(spans: &[BucketSpan], counts: impl Iterator<Item = f64>) -> Vec<Cell> {
    let mut next = 0i32;
    let indexes = spans.iter().flat_map(|span| {
        let start = next.saturating_add(span.offset);
        next = start.saturating_add_unsigned(span.length);
        start..next
    });
    indexes.zip(counts).map(|(index, count)| Cell { index, count: Kahan::of(count) }).collect()
}

fn spans(cells: &[Cell]) -> (Vec<BucketSpan>, Vec<f64>) {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut next = 0i32;
    for cell in cells {
        let offset = cell.index.saturating_sub(next);
        match spans.last_mut() {
            Some(span) if offset == 0 => span.length += 1,
            _ => spans.push(BucketSpan { offset, length: 1 }),
        }
        next = cell.index.saturating_add(1);
    }
    (spans, cells.iter().map(|c| c.count.total()).collect())
}

impl FloatHistogram {
    pub(crate) fn from_model(h: &Histogram) -> Self {
        let running = |deltas: &[i64]| {
            let mut count = 0i64;
            let step = |delta: &i64| {
                count = count.wrapping_add(*delta);
                count as f64
            };
            deltas.iter().map(step).collect::<Vec<_>>()
        };
        let (count, zero, positive, negative) = match &h.counts {
            BucketCounts::Integer { count, zero, positive, negative } => {
                (*count as f64, *zero as f64, running(positive), running(negative))
            }
            BucketCounts::Float { count, zero, positive, negative } => {
                (*count, *zero, positive.clone(), negative.clone())
            }
        };
        Self {
            hint: h.reset_hint,
            schema: h.schema,
            zero_threshold: h.zero_threshold,
            zero: Kahan::of(zero),
            count: Kahan::of(count),
            sum: Kahan::of(h.sum),
            positive: cells(&h.positive_spans, positive.into_iter()),
            negative: cells(&h.negative_spans, negative.into_iter()),
            custom: h.custom_values.clone(),
        }
    }

    pub(crate) fn to_model(&self) -> Histogram {
        let (positive_spans, positive) = spans(&self.positive);
        let (negative_spans, negative) = spans(&self.negative);
        Histogram {
            reset_hint: self.hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            sum: self.sum.signed_total(),
            positive_spans,
            negative_spans,
            custom_values: self.custom.clone(),
            counts: BucketCounts::Float {
                count: self.count.signed_total(),
                zero: self.zero.signed_total(),
                positive,
                negative,
            },
        }
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }

    /// An empty histogram in the layout of `other`.
    pub(crate) fn empty_like(other: &Self) -> Self {
        let none = Kahan::default;
        Self {
            hint: ResetHint::Unknown,
            schema: other.schema,
            zero_threshold: 0.0,
            zero: none(),
            count: none(),
            sum: none(),
            positive: Vec::new(),
            negative: Vec::new(),
            custom: other.custom.clone(),
        }
    }

    /// Leaves out buckets without observations.
    pub(crate) fn compact(mut self) -> Self {
        self.positive.retain(|c| c.count.total() != 0.0);
        self.negative.retain(|c| c.count.total() != 0.0);
        self
    }

    /// Whether both say the same; hints are no part of what they say.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let bits = |k: &Kahan| k.total().to_bits();
        let same_cells = |a: &[Cell], b: &[Cell]| {
            let filled = |c: &&Cell| c.count.total() != 0.0;
            let (a, b) = (a.iter().filter(filled), b.iter().filter(filled));
            a.map(|c| (c.index, bits(&c.count))).eq(b.map(|c| (c.index, bits(&c.count))))
        };
        self.schema == other.schema
            && bits(&self.count) == bits(&other.count)
            && bits(&self.sum) == bits(&other.sum)
            && bits(&self.zero) == bits(&other.zero)
            && self.zero_threshold == other.zero_threshold
            && self.custom == other.custom
            && same_cells(&self.positive, &other.positive)
            && same_cells(&self.negative, &other.negative)
    }

    fn bucket(&self, cell: &Cell, positive: bool) -> Bucket {
        let (lower, upper) = if self.is_custom() {
            bounds::custom(&self.custom, cell.index)
        } else {
            bounds::exponential(self.schema, cell.index)
        };
        let count = cell.count.total();
        if positive { Bucket { lower, upper, count } } else { Bucket { lower: -upper, upper: -lower, count } }
    }

    /// Buckets on the positive side, ascending.
    pub(crate) fn positive_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        self.positive.iter().map(|c| self.bucket(c, true))
    }

    /// Buckets on the negative side, by ascending index: descending values.
    pub(crate) fn negative_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        self.negative.iter().map(|c| self.bucket(c, false))
    }

    pub(crate) fn zero_bucket(&self) -> Bucket {
        Bucket { lower: -self.zero_threshold, upper: self.zero_threshold, count: self.zero.total() }
    }

    /// All buckets by ascending value. Those that the zero bucket overlaps end at its edge.
    pub(crate) fn all_buckets(&self) -> Vec<Bucket> {
        let edge = self.zero_threshold;
        let zero = (!self.is_custom() && self.zero.total() > 0.0).then(|| self.zero_bucket());
        let clipped = |mut b: Bucket| {
            if !self.is_custom() {
                if b.upper < 0.0 && b.upper > -edge {
                    b.upper = -edge;
                }
                if b.lower > 0.0 && b.lower < edge {
                    b.lower = edge;
                }
            }
            b
        };
        self.negative_buckets().rev().map(clipped).chain(zero).chain(self.positive_buckets().map(clipped)).collect()
    }
}

/// As Prometheus writes a histogram where a text is needed: count, sum, and buckets with their bounds.
impl fmt::Display for FloatHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{{count:{}, sum:{}",
            decimal::general(self.count.signed_total()),
            decimal::general(self.sum.signed_total())
        )?;
        let mut part = |b: Bucket, open: char, close: char| {
            if b.count == 0.0 {
                return Ok(());
            }
            write!(
                f,
                ", {open}{},{}{close}:{}",
                decimal::general(b.lower),
                decimal::general(b.upper),
                decimal::general(b.count)
            )
        };
        self.negative_buckets().rev().try_for_each(|b| part(b, '[', ')'))?;
        if !self.is_custom() {
            part(self.zero_bucket(), '[', ']')?;
        }
        self.positive_buckets().try_for_each(|b| {
            let open = if b.lower == f64::NEG_INFINITY { '[' } else { '(' };
            part(b, open, ']')
        })?;
        f.write_str("}")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An exponential histogram of schema 0 with positive buckets from index 0 on.
    pub(in super::super) fn exponential(schema: i32, zero: f64, counts: &[f64]) -> FloatHistogram {
        let positive: Vec<_> =
            (0..).zip(counts).map(|(index, count)| Cell { index, count: Kahan::of(*count) }).collect();
        FloatHistogram {
            hint: ResetHint::Unknown,
            schema,
            zero_threshold: 0.001,
            zero: Kahan::of(zero),
            count: Kahan::of(zero + counts.iter().sum::<f64>()),
            sum: Kahan::of(counts.iter().sum()),
            positive,
            negative: Vec::new(),
            custom: Vec::new(),
        }
    }

    pub(in super::super) fn custom(bounds: &[f64], counts: &[f64]) -> FloatHistogram {
        FloatHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            zero_threshold: 0.0,
            custom: bounds.to_vec(),
            ..exponential(0, 0.0, counts)
        }
    }

    #[test]
    fn storage_form_and_back_is_the_same_histogram() {
        let model = Histogram {
            positive_spans: vec![BucketSpan { offset: -2, length: 2 }, BucketSpan { offset: 3, length: 1 }],
            negative_spans: vec![BucketSpan { offset: 1, length: 1 }],
            sum: 12.5,
            counts: BucketCounts::Integer { count: 12, zero: 1, positive: vec![2, 1, 0], negative: vec![3] },
            ..Histogram::stale()
        };
        let native = FloatHistogram::from_model(&model);
        let listed: Vec<_> = native.positive.iter().map(|c| (c.index, c.count.total())).collect();
        assert_eq!(listed, [(-2, 2.0), (-1, 3.0), (3, 3.0)]);
        let back = native.to_model();
        assert_eq!((&back.positive_spans, &back.negative_spans), (&model.positive_spans, &model.negative_spans));
        assert_eq!(FloatHistogram::from_model(&back), native);
    }

    #[test]
    fn a_histogram_is_written_with_its_bounds() {
        assert_eq!(
            exponential(0, 1.0, &[2.0, 0.0, 3.0]).to_string(),
            "{count:6, sum:5, [-0.001,0.001]:1, (0.5,1]:2, (2,4]:3}"
        );
    }
}
