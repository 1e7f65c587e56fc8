//! Cutting off one end of a histogram: `</` keeps what is below a value, `>/` what is above.

use super::{
    Bucket,
    float::{Cell, FloatHistogram},
};
use crate::promql::functions::kahan::Kahan;

/// Which end stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Below,
    Above,
}

/// What stays of a bucket: the count, and the value that stands for it.
type KeptRange = (f64, f64);

fn or_zero(v: f64) -> f64 {
    if v.is_infinite() { 0.0 } else { v }
}

/// What stays of a bucket with an infinite bound. How observations are spread there is unknown.
fn kept_unbounded(b: Bucket, at: f64, keep: Keep) -> KeptRange {
    let finite_above = b.upper != f64::INFINITY;
    if b.lower == f64::NEG_INFINITY {
        return match keep {
            Keep::Below if at >= b.upper => (b.count, 0.0),
            // A positive first bound: observations are taken to be above 0.
            Keep::Below if at > 0.0 && b.upper > 0.0 && finite_above => (b.count * at / b.upper, at / 2.0),
            Keep::Below if b.upper <= 0.0 => (b.count, at),
            Keep::Above if at <= b.lower => (b.count, 0.0),
            Keep::Above if at >= 0.0 && b.upper > at && finite_above => {
                (b.count * (1.0 - at / b.upper), (at + b.upper) / 2.0)
            }
            _ => (0.0, or_zero(b.upper)),
        };
    }
    match keep {
        Keep::Above if at >= b.lower => (b.count, at),
        _ => (0.0, or_zero(b.lower)),
    }
}

/// The value that stands for all observations between two bounds.
fn middle(low: f64, high: f64, positive: bool, linear: bool) -> f64 {
    match (low.is_infinite(), high.is_infinite()) {
        (true, true) => 0.0,
        (true, false) => {
            if high > 0.0 {
                high / 2.0
            } else {
                high
            }
        }
        (false, true) => low,
        (false, false) if linear => (low + high) / 2.0,
        (false, false) => (low * high).abs().sqrt() * if positive { 1.0 } else { -1.0 },
    }
}

/// What stays of a bucket that `at` cuts.
fn kept(b: Bucket, at: f64, keep: Keep, positive: bool, linear: bool) -> KeptRange {
    if b.lower == f64::NEG_INFINITY || b.upper == f64::INFINITY {
        return kept_unbounded(b, at, keep);
    }
    let below = b.count * b.share_below(at, linear);
    match keep {
        Keep::Below => (below, middle(b.lower, at, positive, linear)),
        Keep::Above => (b.count - below, middle(at, b.upper, positive, linear)),
    }
}

/// What stays of the zero bucket, narrowed to the side that has observations.
fn kept_of_zero(b: Bucket, at: f64, keep: Keep) -> KeptRange {
    let whole = (b.count, (b.lower + b.upper) / 2.0);
    match keep {
        Keep::Below if at <= b.lower => (0.0, 0.0),
        Keep::Below if at >= b.upper => whole,
        Keep::Below => (b.count * ((at - b.lower) / (b.upper - b.lower)), (b.lower + at) / 2.0),
        Keep::Above if at <= b.lower => whole,
        Keep::Above if at >= b.upper => (0.0, 0.0),
        Keep::Above => (b.count * ((b.upper - at) / (b.upper - b.lower)), (at + b.upper) / 2.0),
    }
}

impl FloatHistogram {
    /// Keeps what is below `at`.
    pub(crate) fn keep_below(&mut self, at: f64) {
        self.trim(at, Keep::Below);
    }

    /// Keeps what is above `at`.
    pub(crate) fn keep_above(&mut self, at: f64) {
        self.trim(at, Keep::Above);
    }

    /// Count and sum are computed anew from the buckets, but only if anything was cut off.
    fn trim(&mut self, at: f64, keep: Keep) {
        let linear = self.is_custom();
        let (mut count, mut sum, mut cut) = (0.0, 0.0, false);
        let mut side = |cells: &mut [Cell], buckets: &[Bucket], positive: bool| {
            let mut any = false;
            for (cell, b) in cells.iter_mut().zip(buckets).filter(|(_, b)| b.count != 0.0) {
                any = true;
                let (inside, outside) = match keep {
                    Keep::Below => (b.upper <= at, b.lower >= at),
                    Keep::Above => (b.lower >= at, b.upper <= at),
                };
                let (stays, value) = if inside {
                    (b.count, middle(b.lower, b.upper, positive, linear))
                } else if outside {
                    (0.0, 0.0)
                } else {
                    kept(*b, at, keep, positive, linear)
                };
                count += stays;
                sum += value * stays;
                if stays != b.count {
                    cell.count = Kahan::of(stays);
                    cut = true;
                }
            }
            any
        };
        let buckets: Vec<Bucket> = self.positive_buckets().collect();
        let has_positive = side(&mut self.positive, &buckets, true);
        let buckets: Vec<Bucket> = self.negative_buckets().collect();
        let has_negative = side(&mut self.negative, &buckets, false);
        if self.zero.total() > 0.0 {
            let mut zero = self.zero_bucket();
            match (has_negative, has_positive) {
                (true, false) => zero.upper = 0.0,
                (false, true) => zero.lower = 0.0,
                _ => {}
            }
            let (stays, value) = kept_of_zero(zero, at, keep);
            if stays != zero.count {
                self.zero = Kahan::of(stays);
                cut = true;
            }
            count += stays;
            sum += value * stays;
        }
        if cut {
            self.count = Kahan::of(count);
            self.sum = Kahan::of(sum);
            let all = std::mem::replace(self, Self::empty_like(self));
            *self = all.compact();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::float::tests::{custom, exponential};

    #[test]
    fn whole_buckets_beyond_the_value_go() {
        let mut h = exponential(0, 1.0, &[2.0, 4.0, 8.0]);
        h.keep_below(1.0);
        assert_eq!(h.count.total(), 3.0);
        assert_eq!(h.positive.len(), 1);
        let mut h = exponential(0, 1.0, &[2.0, 4.0, 8.0]);
        h.keep_above(1.0);
        assert_eq!((h.count.total(), h.zero.total()), (12.0, 0.0));
    }

    #[test]
    fn a_bucket_that_is_cut_keeps_its_share() {
        let mut h = custom(&[1.0, 3.0], &[2.0, 4.0, 0.0]);
        h.keep_below(2.0);
        assert_eq!((h.count.total(), h.sum.total()), (4.0, 2.0 * 0.5 + 2.0 * 1.5));
    }

    #[test]
    fn cutting_off_nothing_changes_nothing() {
        let mut h = exponential(0, 1.0, &[2.0, 4.0]);
        let before = h.clone();
        h.keep_below(100.0);
        assert_eq!(h, before);
    }
}
