//! Bounds of buckets and quantiles as label values.

use crate::model::decimal;

/// The bound as Prometheus stores it, whatever format it was read from: `0.5`, `1.0`, `1e+06`, `+Inf`.
pub(super) fn text(bound: f64) -> String {
    let text = decimal::general(bound);
    let is_whole = bound.is_finite() && !text.contains(['.', 'e']);
    if is_whole { text + ".0" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_never_looks_like_an_integer() {
        let cases = [(1.0, "1.0"), (0.25, "0.25"), (1e6, "1e+06"), (0.0, "0.0"), (-10.0, "-10.0"), (1e-5, "1e-05")];
        for (bound, want) in [&cases[..], &[(f64::INFINITY, "+Inf"), (f64::NEG_INFINITY, "-Inf")]].concat() {
            assert_eq!(text(bound), want);
        }
    }
}
