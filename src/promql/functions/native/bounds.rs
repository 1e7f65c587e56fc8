//! Which values a bucket covers.

use crate::{model::exponential_bound, promql::functions::elementary::log2};

/// A bucket with its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    pub(crate) count: f64,
}

impl Bucket {
    /// The share of the bucket at or below `v`, which is inside: values are taken to be spread evenly, or evenly on a
    /// logarithmic scale.
    pub(super) fn share_below(&self, v: f64, linear: bool) -> f64 {
        if linear {
            return (v - self.lower) / (self.upper - self.lower);
        }
        let [low, high, at] = [self.lower, self.upper, v].map(|x| log2(x.abs()));
        if v > 0.0 { (at - low) / (high - low) } else { 1.0 - (at - high) / (low - high) }
    }
}

/// Upper bound of exponential bucket `index`: `2^(index · 2^-schema)`.
pub(super) fn upper(schema: i32, index: i32) -> f64 {
    exponential_bound(i64::from(index), schema)
}

/// Bounds of exponential bucket `index` on the positive side.
pub(super) fn exponential(schema: i32, index: i32) -> (f64, f64) {
    (upper(schema, index.saturating_sub(1)), upper(schema, index))
}

/// Bounds of custom bucket `index`.
pub(super) fn custom(bounds: &[f64], index: i32) -> (f64, f64) {
    let at = |i: Option<usize>| i.and_then(|i| bounds.get(i)).copied();
    let index = usize::try_from(index).ok();
    let lower = at(index.and_then(|i| i.checked_sub(1))).unwrap_or(f64::NEG_INFINITY);
    (lower, at(index).unwrap_or(f64::INFINITY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_powers_of_the_base() {
        assert_eq!((upper(0, 0), upper(0, 3), upper(0, -2)), (1.0, 8.0, 0.25));
        assert_eq!((upper(-2, 1), upper(1, 2), upper(2, -4)), (16.0, 2.0, 0.5));
        // As Prometheus tells it: a bit less than the root of 2.
        assert_eq!(upper(1, 1).to_bits(), std::f64::consts::SQRT_2.to_bits() - 1);
        assert_eq!((upper(0, 1024), upper(0, 1025), upper(3, 1024 * 8)), (f64::MAX, f64::INFINITY, f64::MAX));
    }

    #[test]
    fn custom_buckets_are_open_at_both_ends() {
        let bounds = [1.0, 5.0];
        assert_eq!(custom(&bounds, 0), (f64::NEG_INFINITY, 1.0));
        assert_eq!(custom(&bounds, 1), (1.0, 5.0));
        assert_eq!(custom(&bounds, 2), (5.0, f64::INFINITY));
    }
}
