//! Functions from one float to another.

/// Degrees as radians.
pub(crate) fn radians(degrees: f64) -> f64 {
    degrees * std::f64::consts::PI / 180.0
}

/// Radians as degrees.
pub(crate) fn degrees(radians: f64) -> f64 {
    radians * 180.0 / std::f64::consts::PI
}

/// -1 or 1; zeros and NaN stay what they are.
pub(crate) fn sign(v: f64) -> f64 {
    if v < 0.0 {
        -1.0
    } else if v > 0.0 {
        1.0
    } else {
        v
    }
}

/// The larger; NaN when either is NaN, unless the other is +Inf.
pub(crate) fn max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// The smaller; NaN when either is NaN, unless the other is -Inf.
pub(crate) fn min(a: f64, b: f64) -> f64 {
    -max(-a, -b)
}

/// `v` to the nearest multiple of `nearest`, ties upwards.
pub(crate) fn round(v: f64, nearest: f64) -> f64 {
    // Dividing by the inverse loses less: 1/0.1 is exactly 10.
    let inverse = 1.0 / nearest;
    (v * inverse + 0.5).floor() / inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_round_up_and_multiples_stay_exact() {
        assert_eq!([round(0.5, 1.0), round(-0.5, 1.0), round(2.25, 0.1)], [1.0, 0.0, 2.3]);
    }

    #[test]
    fn nan_wins_against_all_but_infinity() {
        assert!(max(f64::NAN, 1.0).is_nan() && min(1.0, f64::NAN).is_nan());
        assert_eq!(
            (max(f64::NAN, f64::INFINITY), min(f64::NEG_INFINITY, f64::NAN)),
            (f64::INFINITY, f64::NEG_INFINITY)
        );
        assert_eq!(sign(-3.0), -1.0);
        assert!(sign(f64::NAN).is_nan());
    }
}
