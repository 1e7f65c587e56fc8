//! The quantile of plain values.

use std::cmp::Ordering;

/// Ascending, NaN first.
pub(crate) fn ascending(a: &f64, b: &f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
    }
}

/// The `q`-quantile, interpolated between neighbours. Leaves `values` in another order.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let last = values.len() - 1;
    let rank = q * last as f64;
    let lower = (rank.floor().max(0.0) as usize).min(last);
    let weight = rank - rank.floor();
    let (below, above) = neighbours(values, lower);
    below * (1.0 - weight) + above * weight
}

/// The value at position `lower` of the sorted values, and the next one, if there is one.
fn neighbours(values: &mut [f64], lower: usize) -> (f64, f64) {
    // Equal values are the same bits but for zeros and NaN, among which the first one given counts.
    if values.iter().any(|v| *v == 0.0 || v.is_nan()) {
        values.sort_by(ascending);
        let at = |i: usize| values.get(i).copied().unwrap_or(f64::NAN);
        return (at(lower), at((lower + 1).min(values.len() - 1)));
    }
    let (_, below, larger) = values.select_nth_unstable_by(lower, f64::total_cmp);
    (*below, larger.iter().copied().min_by(f64::total_cmp).unwrap_or(*below))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_neighbours_are_those_of_sorted_values(
            values in prop::collection::vec(prop_oneof![8 => (-9i32..9).prop_map(f64::from), 1 => any::<f64>(), 1 => Just(-0.0)], 1..40),
            at in any::<prop::sample::Index>(),
        ) {
            let lower = at.index(values.len());
            let (below, above) = neighbours(&mut values.clone(), lower);
            let mut sorted = values;
            sorted.sort_by(ascending);
            let upper = (lower + 1).min(sorted.len() - 1);
            prop_assert_eq!((below.to_bits(), above.to_bits()), (sorted[lower].to_bits(), sorted[upper].to_bits()));
        }
    }

    #[test]
    fn quantiles_interpolate_between_neighbours() {
        assert_eq!(quantile(0.5, &mut [3.0, 1.0]), 2.0);
        assert_eq!(quantile(0.75, &mut [4.0, 1.0, 2.0, 3.0]), 3.25);
        assert_eq!(quantile(1.0, &mut [4.0, 1.0]), 4.0);
    }

    #[test]
    fn quantiles_outside_zero_and_one_are_infinite() {
        assert_eq!((quantile(-0.1, &mut [1.0]), quantile(1.1, &mut [1.0])), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(quantile(0.5, &mut []).is_nan() && quantile(f64::NAN, &mut [1.0]).is_nan());
        assert_eq!(quantile(1.0, &mut [f64::NAN, 1.0]), 1.0, "NaN counts as the smallest value");
    }
}
