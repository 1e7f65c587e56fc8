//! Quantiles, fractions and spread.

use super::{Bucket, float::FloatHistogram};
use crate::promql::{
    data::annotations::AnnotationKind,
    functions::{
        elementary::{exp2, log2},
        kahan::Kahan,
    },
};

impl FloatHistogram {
    /// The `q`-quantile, and what is to be said about it given the metric's name.
    ///
    /// Inside exponential buckets observations are taken to be spread evenly on a logarithmic scale, inside custom
    /// buckets and the zero bucket evenly.
    pub(crate) fn quantile(&self, q: f64, metric: &str) -> (f64, Option<AnnotationKind>) {
        if q < 0.0 {
            return (f64::NEG_INFINITY, None);
        }
        if q > 1.0 {
            return (f64::INFINITY, None);
        }
        let observations = self.count.total();
        if observations == 0.0 || q.is_nan() {
            return (f64::NAN, None);
        }
        // NaN observations are counted and in no bucket: they count as the highest, so one has to start from below.
        let has_nan = self.sum.total().is_nan();
        let upwards = has_nan || q < 0.5;
        let mut buckets = self.all_buckets();
        if !upwards {
            buckets.reverse();
        }
        let mut rank = if upwards { q * observations } else { (1.0 - q) * observations };
        let mut count = 0.0;
        let mut found = Bucket { lower: 0.0, upper: 0.0, count: 0.0 };
        let mut rest = buckets.iter();
        for bucket in rest.by_ref() {
            found = *bucket;
            count += bucket.count;
            if bucket.count != 0.0 && count >= rank {
                break;
            }
        }
        if self.is_custom() {
            if found.lower == f64::NEG_INFINITY {
                if found.upper <= 0.0 {
                    return (found.upper, None);
                }
                found.lower = 0.0;
            } else if found.upper == f64::INFINITY {
                return (found.lower, None);
            }
        } else {
            self.narrow(&mut found);
        }
        count = count.min(observations);
        if count < rank {
            let annotation = has_nan.then(|| AnnotationKind::QuantileIsNan(metric.to_owned()));
            return (if has_nan { f64::NAN } else { found.upper }, annotation);
        }
        rank = if upwards { rank - (count - found.count) } else { count - rank };
        let seen = count + if has_nan { rest.map(|b| b.count).sum() } else { 0.0 };
        let annotation = (has_nan && seen < observations).then(|| AnnotationKind::QuantileIsSkewed(metric.to_owned()));
        let share = rank / found.count;
        let value = if self.is_custom() || (found.lower <= 0.0 && found.upper >= 0.0) {
            found.lower + (found.upper - found.lower) * share
        } else {
            let (low, high) = (log2(found.lower.abs()), log2(found.upper.abs()));
            if found.lower > 0.0 {
                exp2(low + (high - low) * share)
            } else {
                -exp2(high + (low - high) * (1.0 - share))
            }
        };
        (value, annotation)
    }

    /// With observations on one side only, the zero bucket ends at 0. Custom buckets have none, but of these the first
    /// begins at 0 where it can.
    fn narrow(&self, bucket: &mut Bucket) {
        if self.is_custom() {
            if bucket.lower == f64::NEG_INFINITY && bucket.upper > 0.0 {
                bucket.lower = 0.0;
            }
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            if self.negative.is_empty() && !self.positive.is_empty() {
                bucket.lower = 0.0;
            } else if self.positive.is_empty() && !self.negative.is_empty() {
                bucket.upper = 0.0;
            }
        }
    }

    /// The share of observations between `lower` and `upper`.
    pub(crate) fn fraction(&self, lower: f64, upper: f64, metric: &str) -> (f64, Option<AnnotationKind>) {
        let observations = self.count.total();
        if observations == 0.0 || lower.is_nan() || upper.is_nan() {
            return (f64::NAN, None);
        }
        if lower >= upper {
            return (0.0, None);
        }
        let buckets = self.all_buckets();
        let rank_of = |value: f64| {
            let mut rank = 0.0;
            for bucket in &buckets {
                let mut bucket = *bucket;
                let linear = self.is_custom() || (bucket.lower <= 0.0 && bucket.upper >= 0.0);
                self.narrow(&mut bucket);
                if bucket.lower >= value {
                    return Some(rank);
                }
                if bucket.upper > value {
                    // All of a bucket without a lower end counts: there is no telling where in it the value lies.
                    return Some(if bucket.lower == f64::NEG_INFINITY {
                        bucket.count
                    } else {
                        rank + bucket.count * bucket.share_below(value, linear)
                    });
                }
                rank += bucket.count;
            }
            None
        };
        let in_buckets: f64 = buckets.iter().map(|b| b.count).sum();
        let has_nan = self.sum.total().is_nan();
        let total = if has_nan { in_buckets } else { observations };
        let capped = |rank: Option<f64>| rank.map_or(total, |r| if r > total { total } else { r });
        let annotation =
            (has_nan && in_buckets < observations).then(|| AnnotationKind::FractionLeavesNanOut(metric.to_owned()));
        ((capped(rank_of(upper)) - capped(rank_of(lower))) / observations, annotation)
    }

    /// The variance, every observation taken to be in the middle of its bucket.
    pub(crate) fn variance(&self) -> f64 {
        let mean = self.sum.total() / self.count.total();
        let mut squares = Kahan::default();
        for bucket in self.all_buckets().iter().filter(|b| b.count != 0.0) {
            let middle = if self.is_custom() {
                (bucket.upper + bucket.lower) / 2.0
            } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
                0.0
            } else {
                (bucket.upper * bucket.lower).sqrt().copysign(bucket.upper)
            };
            let delta = middle - mean;
            squares.add(bucket.count * delta * delta);
        }
        squares.total() / self.count.total()
    }
}

#[cfg(test)]
mod tests {
    use super::super::float::tests::{custom, exponential};
    use super::*;
    use crate::promql::functions::buckets;
    use proptest::prelude::*;

    #[test]
    fn quantiles_interpolate_on_a_logarithmic_scale() {
        // Buckets (0.5, 1] and (1, 2] with 4 observations each, a zero bucket without any.
        let h = exponential(0, 0.0, &[4.0, 4.0]);
        let of = |q| h.quantile(q, "").0;
        assert!((of(0.25) - 0.5f64.sqrt()).abs() < 1e-12);
        assert!((of(0.75) - 2f64.sqrt()).abs() < 1e-12);
        assert_eq!((of(1.0), of(-1.0), of(2.0)), (2.0, f64::NEG_INFINITY, f64::INFINITY));
        assert!(exponential(0, 0.0, &[]).quantile(0.5, "").0.is_nan());
    }

    #[test]
    fn quantiles_of_custom_buckets_interpolate_evenly() {
        let h = custom(&[1.0, 2.0], &[4.0, 4.0, 2.0]);
        assert_eq!((h.quantile(0.2, "").0, h.quantile(0.6, "").0, h.quantile(0.95, "").0), (0.5, 1.5, 2.0));
    }

    #[test]
    fn nan_observations_are_above_all_buckets() {
        let mut h = exponential(0, 0.0, &[2.0]);
        (h.sum, h.count) = (Kahan::of(f64::NAN), Kahan::of(4.0));
        let (value, annotation) = h.quantile(0.9, "m");
        assert!(value.is_nan());
        assert_eq!(annotation, Some(AnnotationKind::QuantileIsNan("m".into())));
        assert_eq!(h.quantile(0.25, "m").1, Some(AnnotationKind::QuantileIsSkewed("m".into())));
        assert_eq!(h.fraction(f64::NEG_INFINITY, f64::INFINITY, "m").0, 0.5);
    }

    #[test]
    fn fractions_invert_quantiles() {
        let h = exponential(1, 2.0, &[4.0, 4.0, 1.0]);
        for q in [0.2, 0.5, 0.9] {
            let (value, _) = h.quantile(q, "");
            assert!((h.fraction(f64::NEG_INFINITY, value, "").0 - q).abs() < 1e-12);
        }
        assert_eq!(h.fraction(3.0, 1.0, "").0, 0.0);
    }

    #[test]
    fn custom_buckets_have_no_zero_bucket() {
        let h = custom(&[0.0, 1.0, 2.0], &[4.0, 3.0, 2.0, 1.0]);
        assert_eq!(h.fraction(f64::NEG_INFINITY, 0.0, "").0, 0.4);
        let h = custom(&[-1.0, 1.0], &[1.0, 8.0, 1.0]);
        assert_eq!(h.fraction(-1.0, 0.0, "").0, 0.4, "half of the bucket around 0");
    }

    /// Bounds that ascend, some of them below 0, and a count for each bucket.
    fn classic() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
        (prop::collection::btree_set(-6i32..6, 1..6), prop::collection::vec(0u32..9, 7)).prop_map(|(bounds, counts)| {
            let bounds: Vec<f64> = bounds.into_iter().map(f64::from).collect();
            let counts = counts.iter().take(bounds.len() + 1).map(|count| f64::from(*count)).collect();
            (bounds, counts)
        })
    }

    /// The same as buckets that each include those below.
    fn cumulative(bounds: &[f64], counts: &[f64]) -> Vec<buckets::Bucket> {
        let mut count = 0.0;
        let bounds = bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(counts).map(|(bound, more)| (count += more, buckets::Bucket { bound, count }).1).collect()
    }

    fn alike(a: f64, b: f64) -> bool {
        a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-9 * a.abs().max(1.0)
    }

    proptest! {
        #[test]
        fn a_classic_histogram_and_its_custom_buckets_answer_alike(
            (bounds, counts) in classic(), q in 0.0f64..1.0, low in -14i32..14, high in -14i32..14,
        ) {
            let h = custom(&bounds, &counts);
            let classic = || cumulative(&bounds, &counts);
            let observations: f64 = counts.iter().sum();
            // Where a rank falls between two buckets, either end of the gap would do.
            if (q * observations).fract() > 1e-6 {
                prop_assert!(alike(h.quantile(q, "").0, buckets::quantile(q, &mut classic()).0));
            }
            // Bounds, middles of buckets, and both ends of the world.
            let [low, high] = [low, high].map(|half| match half {
                -14 => f64::NEG_INFINITY,
                13 => f64::INFINITY,
                half => f64::from(half) / 2.0,
            });
            prop_assert!(alike(h.fraction(low, high, "").0, buckets::fraction(low, high, &mut classic())));
            let share = |low, high| buckets::fraction(low, high, &mut classic()) * observations;
            if observations > 0.0 {
                let mut below = h.clone();
                below.keep_below(high);
                prop_assert!(alike(below.count.total(), share(f64::NEG_INFINITY, high)));
                // As in Prometheus, whose own tests say so, a cut below 0 takes the first bucket away, though all of it is taken to
                // be above 0.
                if low >= 0.0 || bounds[0] <= 0.0 || low == f64::NEG_INFINITY {
                    let mut above = h.clone();
                    above.keep_above(low);
                    prop_assert!(alike(above.count.total(), share(low, f64::INFINITY)));
                }
            }
        }
    }

    #[test]
    fn the_spread_is_that_of_the_middles() {
        let h = FloatHistogram { sum: Kahan::of(12.0), ..custom(&[0.0, 2.0, 4.0], &[0.0, 2.0, 4.0]) };
        // Middles 1 and 3, mean 2.
        assert_eq!(h.variance(), 1.0);
    }
}
