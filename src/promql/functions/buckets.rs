//! Quantiles and fractions of classic histograms.

/// Relative differences between neighbouring buckets below this are taken for rounding errors.
const TOLERANCE: f64 = 1e-12;

/// A classic bucket: observations up to a bound, those of lower buckets included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) bound: f64,
    pub(crate) count: f64,
}

/// Which bounds had counts below those of lower bounds, and by how much at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fix {
    pub(crate) bounds: (f64, f64),
    pub(crate) difference: f64,
}

/// Sorts by bound and adds up buckets of the same bound. `None` when the last isn't the +Inf bucket.
fn normalise(buckets: &mut Vec<Bucket>) -> Option<()> {
    buckets.sort_by(|a, b| a.bound.partial_cmp(&b.bound).unwrap_or(std::cmp::Ordering::Equal));
    if buckets.last()?.bound != f64::INFINITY {
        return None;
    }
    buckets.dedup_by(|next, kept| {
        let same = next.bound == kept.bound;
        if same {
            kept.count += next.count;
        }
        same
    });
    Some(())
}

/// Makes counts ascend: small differences vanish silently, larger ones are reported.
fn make_monotonic(buckets: &mut [Bucket]) -> Option<Fix> {
    let (first, rest) = buckets.split_first_mut()?;
    let mut previous = first.count;
    let mut fix: Option<Fix> = None;
    for bucket in rest {
        if bucket.count == previous {
            continue;
        }
        if almost_equal(previous, bucket.count) {
            bucket.count = previous;
        } else if bucket.count < previous {
            let difference = previous - bucket.count;
            let old = fix.unwrap_or(Fix { bounds: (bucket.bound, bucket.bound), difference: 0.0 });
            fix = Some(Fix {
                bounds: (old.bounds.0.min(bucket.bound), old.bounds.1.max(bucket.bound)),
                difference: old.difference.max(difference),
            });
            bucket.count = previous;
        } else {
            previous = bucket.count;
        }
    }
    fix
}

fn almost_equal(a: f64, b: f64) -> bool {
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}

/// The `q`-quantile, interpolated linearly inside its bucket, and what had to be repaired to get it.
pub(crate) fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> (f64, Option<Fix>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if normalise(buckets).is_none() {
        return (f64::NAN, None);
    }
    let fix = make_monotonic(buckets);
    (inside(q, buckets).unwrap_or(f64::NAN), fix)
}

fn inside(q: f64, buckets: &[Bucket]) -> Option<f64> {
    let (infinity, finite) = buckets.split_last()?;
    let highest = finite.last()?;
    if infinity.count == 0.0 {
        return None;
    }
    let rank = q * infinity.count;
    // A binary search, as with NaN among the counts the answer depends on how one searches.
    let b = finite.partition_point(|bucket| !matches!(bucket.count.partial_cmp(&rank), Some(o) if o.is_ge()));
    let Some(bucket) = finite.get(b) else { return Some(highest.bound) };
    let below = b.checked_sub(1).and_then(|i| finite.get(i));
    match below {
        None if bucket.bound <= 0.0 => Some(bucket.bound),
        None => Some(bucket.bound * (rank / bucket.count)),
        Some(low) => {
            let share = (rank - low.count) / (bucket.count - low.count);
            Some(low.bound + (bucket.bound - low.bound) * share)
        }
    }
}

/// The share of observations between `lower` and `upper`.
pub(crate) fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if normalise(buckets).is_none() {
        return f64::NAN;
    }
    let count = buckets.last().map_or(0.0, |b| b.count);
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let rank_of = |value: f64| {
        let mut rank = 0.0;
        // With a positive first bound all observations are taken to be above 0.
        let mut low = if buckets.first().is_some_and(|b| b.bound <= 0.0) { f64::NEG_INFINITY } else { 0.0 };
        for bucket in buckets.iter() {
            if low >= value {
                return Some(rank);
            }
            if bucket.bound > value {
                // A bucket without a lower end has nothing to interpolate: all of it counts.
                return Some(if low == f64::NEG_INFINITY {
                    bucket.count
                } else {
                    rank + (bucket.count - rank) * (value - low) / (bucket.bound - low)
                });
            }
            rank = bucket.count;
            low = bucket.bound;
        }
        None
    };
    let capped = |rank: Option<f64>| rank.map_or(count, |r| if r > count { count } else { r });
    (capped(rank_of(upper)) - capped(rank_of(lower))) / count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(pairs: &[(f64, f64)]) -> Vec<Bucket> {
        pairs.iter().map(|&(bound, count)| Bucket { bound, count }).collect()
    }

    const INF: f64 = f64::INFINITY;

    #[test]
    fn a_quantile_lies_where_its_rank_falls() {
        let of = |q| quantile(q, &mut buckets(&[(INF, 10.0), (1.0, 4.0), (2.0, 8.0)])).0;
        assert_eq!((of(0.2), of(0.6), of(0.95)), (0.5, 1.5, 2.0));
        assert_eq!((of(-1.0), of(2.0)), (f64::NEG_INFINITY, INF));
        assert!(of(f64::NAN).is_nan());
    }

    #[test]
    fn without_the_infinite_bucket_or_observations_there_is_no_quantile() {
        assert!(quantile(0.5, &mut buckets(&[(1.0, 4.0), (2.0, 8.0)])).0.is_nan());
        assert!(quantile(0.5, &mut buckets(&[(INF, 8.0)])).0.is_nan());
        assert!(quantile(0.5, &mut buckets(&[(1.0, 0.0), (INF, 0.0)])).0.is_nan());
    }

    #[test]
    fn counts_that_descend_are_raised_and_reported() {
        let (value, fix) = quantile(0.5, &mut buckets(&[(1.0, 4.0), (2.0, 2.0), (4.0, 8.0), (INF, 8.0)]));
        assert_eq!(value, 1.0);
        assert_eq!(fix, Some(Fix { bounds: (2.0, 2.0), difference: 2.0 }));
        let (_, silent) = quantile(0.5, &mut buckets(&[(1.0, 4.0), (2.0, 4.0 - 1e-13), (INF, 8.0)]));
        assert_eq!(silent, None, "a difference this small is rounding");
    }

    #[test]
    fn fractions_interpolate_like_quantiles() {
        let of = |low, high| fraction(low, high, &mut buckets(&[(1.0, 4.0), (2.0, 8.0), (INF, 10.0)]));
        assert_eq!(of(0.5, 1.5), 0.4);
        assert_eq!(of(f64::NEG_INFINITY, INF), 1.0);
        assert_eq!(of(2.0, 1.0), 0.0);
        assert!(of(f64::NAN, 1.0).is_nan());
    }
}
