//! Sums, differences, factors and means of histograms.

use super::{
    bounds,
    float::{Cell, FloatHistogram},
};
use crate::{model::ResetHint, promql::functions::kahan::Kahan};

/// Exponential and custom buckets can't be combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Incompatible;

/// What is to be said about a combination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Combined {
    /// One said it was reset, the other that it wasn't.
    pub(crate) hints_collide: bool,
    /// Custom bounds differed; only the common ones are left.
    pub(crate) bounds_reconciled: bool,
}

/// `index` in the layout of a coarser schema.
fn coarser(index: i32, from: i32, to: i32) -> i32 {
    (index.saturating_sub(1) >> (from - to).clamp(0, 31)).saturating_add(1)
}

/// The cells in the layout of schema `to`, which is not finer.
pub(super) fn reduced(cells: &[Cell], from: i32, to: i32) -> Vec<Cell> {
    if from == to {
        return cells.to_vec();
    }
    regrouped(cells, |index| coarser(index, from, to))
}

/// The cells with new indexes, which ascend as the old ones do but may coincide.
fn regrouped(cells: &[Cell], index: impl Fn(i32) -> i32) -> Vec<Cell> {
    let mut out: Vec<Cell> = Vec::with_capacity(cells.len());
    for cell in cells {
        let index = index(cell.index);
        match out.last_mut() {
            Some(last) if last.index == index => merge(&mut last.count, cell.count, 1.0),
            _ => out.push(Cell { index, ..*cell }),
        }
    }
    out
}

fn merge(into: &mut Kahan, other: Kahan, sign: f64) {
    into.add(sign * other.sum);
    if other.lost != 0.0 {
        into.add(sign * other.lost);
    }
}

/// The bounds that both have.
pub(super) fn common_bounds(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut b = b.iter().peekable();
    let is_common = |x: &&f64| {
        while b.next_if(|y| *y < *x).is_some() {}
        b.peek() == Some(x)
    };
    a.iter().filter(is_common).copied().collect()
}

/// Custom cells under fewer bounds: each goes where its upper bound lies.
pub(super) fn under_bounds(cells: &[Cell], bounds: &[f64], fewer: &[f64]) -> Vec<Cell> {
    regrouped(cells, |index| {
        let (_, upper) = bounds::custom(bounds, index);
        fewer.partition_point(|b| *b < upper) as i32
    })
}

fn merged(a: &[Cell], b: &[Cell], sign: f64) -> Vec<Cell> {
    let mut out = Vec::with_capacity(a.len().max(b.len()));
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let left = a.next_if(|x| b.peek().is_none_or(|y| x.index <= y.index)).copied();
        let index = left.map(|cell| cell.index);
        let right = b.next_if(|y| index.is_none_or(|i| i == y.index)).copied();
        let mut cell = match (left, right) {
            (None, None) => return out,
            (Some(cell), _) => cell,
            (None, Some(other)) => Cell { index: other.index, count: Kahan::default() },
        };
        if let Some(other) = right {
            merge(&mut cell.count, other.count, sign);
        }
        out.push(cell);
    }
}

impl FloatHistogram {
    pub(crate) fn add(&mut self, other: &Self) -> Result<Combined, Incompatible> {
        self.combine(other, 1.0)
    }

    pub(crate) fn subtract(&mut self, other: &Self) -> Result<Combined, Incompatible> {
        self.combine(other, -1.0)
    }

    fn combine(&mut self, other: &Self, sign: f64) -> Result<Combined, Incompatible> {
        if self.is_custom() != other.is_custom() {
            return Err(Incompatible);
        }
        let mut combined = Combined { hints_collide: self.combine_hints(other.hint), bounds_reconciled: false };
        if !self.is_custom() {
            let zero = self.level_zero_buckets(other);
            merge(&mut self.zero, zero, sign);
        }
        merge(&mut self.count, other.count, sign);
        merge(&mut self.sum, other.sum, sign);
        if self.is_custom() {
            if self.custom == other.custom {
                self.positive = merged(&self.positive, &other.positive, sign);
            } else {
                combined.bounds_reconciled = true;
                let common = common_bounds(&self.custom, &other.custom);
                let ours = under_bounds(&self.positive, &self.custom, &common);
                let theirs = under_bounds(&other.positive, &other.custom, &common);
                self.positive = merged(&ours, &theirs, sign);
                self.positive.retain(|c| c.count.sum != 0.0 || c.count.lost != 0.0);
                self.custom = common;
            }
            return Ok(combined);
        }
        let schema = self.schema.min(other.schema);
        let threshold = self.zero_threshold;
        let side = |ours: &[Cell], theirs: &[Cell]| {
            let mut theirs = reduced(theirs, other.schema, schema);
            // These are in the zero bucket already.
            theirs.retain(|c| bounds::upper(schema, c.index) > threshold);
            merged(&reduced(ours, self.schema, schema), &theirs, sign)
        };
        let (positive, negative) = (side(&self.positive, &other.positive), side(&self.negative, &other.negative));
        (self.positive, self.negative, self.schema) = (positive, negative, schema);
        Ok(combined)
    }

    /// The hint of a combination; says whether the two contradict each other.
    fn combine_hints(&mut self, other: ResetHint) -> bool {
        use ResetHint::{Gauge, Unknown};
        let (hint, collide) = match (self.hint, other) {
            (a, b) if a == b => (a, false),
            (Gauge, _) | (_, Gauge) => (Gauge, false),
            (Unknown, _) | (_, Unknown) => (Unknown, false),
            _ => (Unknown, true),
        };
        self.hint = hint;
        collide
    }

    /// Widens our zero bucket until it is one that `other` can be given, too; answers what is in that one of `other`.
    fn level_zero_buckets(&mut self, other: &Self) -> Kahan {
        let (mut zero, mut threshold) = (other.zero, other.zero_threshold);
        while threshold != self.zero_threshold {
            if self.zero_threshold > threshold {
                (zero, threshold) = other.zero_up_to(self.zero_threshold);
            }
            if threshold > self.zero_threshold {
                (self.zero, self.zero_threshold) = self.zero_up_to(threshold);
                let edge = self.zero_threshold;
                let schema = self.schema;
                let outside = |c: &Cell| bounds::exponential(schema, c.index).0 >= edge && c.count.total() != 0.0;
                self.positive.retain(outside);
                self.negative.retain(outside);
            }
            if threshold.is_nan() || self.zero_threshold.is_nan() {
                break;
            }
        }
        zero
    }

    /// What the zero bucket would hold if it reached to `threshold`, or further where a populated bucket would be cut.
    pub(super) fn zero_up_to(&self, mut threshold: f64) -> (Kahan, f64) {
        if threshold <= self.zero_threshold {
            return (self.zero, self.zero_threshold);
        }
        'wider: loop {
            let mut zero = self.zero;
            for (cells, is_positive) in [(&self.positive, true), (&self.negative, false)] {
                for cell in cells {
                    let (lower, upper) = bounds::exponential(self.schema, cell.index);
                    if lower >= threshold {
                        break;
                    }
                    merge(&mut zero, cell.count, 1.0);
                    if upper > threshold {
                        if cell.count.total() != 0.0 {
                            threshold = upper;
                            if !is_positive {
                                // The positive side has to be counted up to the new edge, too.
                                continue 'wider;
                            }
                        }
                        break;
                    }
                }
            }
            return (zero, threshold);
        }
    }

    fn for_each(&mut self, f: impl Fn(&mut Kahan)) {
        [&mut self.zero, &mut self.count, &mut self.sum].into_iter().for_each(&f);
        self.positive.iter_mut().chain(&mut self.negative).for_each(|c| f(&mut c.count));
    }

    pub(crate) fn multiply(&mut self, factor: f64) {
        // Nothing lost stays nothing, even times infinity.
        let lost = |lost: f64| if factor.is_finite() { lost * factor } else { 0.0 };
        self.for_each(|k| *k = Kahan { sum: k.sum * factor, lost: lost(k.lost) });
        if factor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
    }

    pub(crate) fn divide(&mut self, divisor: f64) {
        if divisor == 0.0 {
            // Count, sum and zero bucket become infinite or NaN; there is no telling in which buckets.
            self.positive.clear();
            self.negative.clear();
        }
        self.for_each(|k| {
            *k = Kahan { sum: k.sum / divisor, lost: if divisor == 0.0 { 0.0 } else { k.lost / divisor } }
        });
        if divisor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
    }

    fn overflows(&self) -> bool {
        let all = [&self.zero, &self.count, &self.sum].into_iter();
        all.chain(self.positive.iter().chain(&self.negative).map(|c| &c.count)).any(|k| k.sum.is_infinite())
    }
}

/// A mean of histograms that is sum by count until the sum would overflow, and is then carried on incrementally.
#[derive(Debug, Clone)]
pub(crate) struct NativeMean {
    acc: FloatHistogram,
    count: f64,
    incremental: bool,
}

impl NativeMean {
    pub(crate) fn of(first: FloatHistogram) -> Self {
        Self { acc: first, count: 1.0, incremental: false }
    }

    pub(crate) fn add(&mut self, other: &FloatHistogram) -> Result<Combined, Incompatible> {
        self.count += 1.0;
        if !self.incremental {
            let mut sum = self.acc.clone();
            let combined = sum.add(other)?;
            if !sum.overflows() {
                self.acc = sum;
                return Ok(combined);
            }
            self.incremental = true;
            self.acc.divide(self.count - 1.0);
        }
        self.acc.multiply((self.count - 1.0) / self.count);
        let mut part = other.clone();
        part.divide(self.count);
        self.acc.add(&part)
    }

    pub(crate) fn value(mut self) -> FloatHistogram {
        if !self.incremental {
            self.acc.divide(self.count);
        }
        self.acc
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::float::tests::{custom, exponential},
        *,
    };

    fn listed(h: &FloatHistogram) -> Vec<(i32, f64)> {
        h.positive.iter().map(|c| (c.index, c.count.total())).collect()
    }

    #[test]
    fn histograms_add_and_subtract_bucket_by_bucket() {
        let mut sum = exponential(0, 1.0, &[1.0, 2.0]);
        sum.add(&exponential(0, 2.0, &[0.0, 1.0, 4.0])).unwrap();
        assert_eq!(listed(&sum), [(0, 1.0), (1, 3.0), (2, 4.0)]);
        assert_eq!((sum.zero.total(), sum.count.total(), sum.sum.total()), (3.0, 11.0, 8.0));
        sum.subtract(&exponential(0, 2.0, &[0.0, 1.0, 4.0])).unwrap();
        assert_eq!(listed(&sum.compact()), [(0, 1.0), (1, 2.0)]);
    }

    #[test]
    fn the_coarser_resolution_wins() {
        let mut fine = exponential(1, 0.0, &[1.0, 1.0, 1.0, 1.0]);
        fine.add(&exponential(0, 0.0, &[10.0, 10.0])).unwrap();
        // Of schema 1, index 0 goes to 0, 1 and 2 to 1, 3 to 2.
        assert_eq!((fine.schema, listed(&fine)), (0, vec![(0, 11.0), (1, 12.0), (2, 1.0)]));
    }

    #[test]
    fn a_wider_zero_bucket_swallows_what_lies_inside() {
        let mut narrow = exponential(0, 1.0, &[2.0, 3.0]);
        let wide = FloatHistogram { zero_threshold: 0.75, ..exponential(0, 5.0, &[]) };
        narrow.add(&wide).unwrap();
        // The bucket (0.5, 1] would be cut at 0.75, so the edge moves to 1.
        assert_eq!((narrow.zero_threshold, narrow.zero.total()), (1.0, 8.0));
        assert_eq!(listed(&narrow), [(1, 3.0)]);
    }

    #[test]
    fn custom_bounds_are_reduced_to_the_common_ones() {
        let mut a = custom(&[1.0, 2.0, 4.0], &[1.0, 2.0, 3.0, 4.0]);
        let combined = a.add(&custom(&[2.0, 3.0], &[10.0, 20.0, 30.0])).unwrap();
        assert!(combined.bounds_reconciled);
        assert_eq!((a.custom.clone(), listed(&a)), (vec![2.0], vec![(0, 13.0), (1, 57.0)]));
        assert_eq!(a.add(&exponential(0, 0.0, &[])), Err(Incompatible));
    }

    #[test]
    fn hints_that_contradict_each_other_are_reported() {
        let with = |hint| FloatHistogram { hint, ..exponential(0, 1.0, &[]) };
        let mut a = with(ResetHint::Reset);
        assert!(a.add(&with(ResetHint::NotReset)).unwrap().hints_collide);
        assert_eq!(a.hint, ResetHint::Unknown);
    }

    #[test]
    fn means_of_huge_histograms_do_not_overflow() {
        let huge = exponential(0, 0.0, &[f64::MAX]);
        let mut mean = NativeMean::of(huge.clone());
        mean.add(&huge).unwrap();
        assert!((mean.value().count.total() / f64::MAX - 1.0).abs() < 1e-12);
    }
}
