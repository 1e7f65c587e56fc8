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

/// The `q`-quantile, interpolated between neighbours. Sorts `values`.
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
    values.sort_by(ascending);
    let last = values.len() - 1;
    let rank = q * last as f64;
    let lower = (rank.floor().max(0.0) as usize).min(last);
    let weight = rank - rank.floor();
    let at = |i: usize| values.get(i).copied().unwrap_or(f64::NAN);
    at(lower) * (1.0 - weight) + at((lower + 1).min(last)) * weight
}

#[cfg(test)]
mod tests {
    use super::*;

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
