//! Inverses of sine, cosine and tangent.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use super::polynomial;

/// What a half of π has beyond the bits of an `f64`.
const MORE_OF_HALF_PI: f64 = 6.123_233_995_736_766e-17;

/// The arc tangent of what is at most about 0.66.
fn near_zero(x: f64) -> f64 {
    const P: [f64; 5] = [
        -8.750_608_600_031_904e-1,
        -1.615_753_718_733_365_2e1,
        -7.500_855_792_314_705e1,
        -1.228_866_684_490_136_1e2,
        -6.485_021_904_942_025e1,
    ];
    const Q: [f64; 6] = [
        1.0,
        2.485_846_490_142_306_2e1,
        1.650_270_098_316_988_5e2,
        4.328_810_604_912_902_7e2,
        4.853_903_996_359_137e2,
        1.945_506_571_482_614e2,
    ];
    let square = x * x;
    x * (square * polynomial(square, P) / polynomial(square, Q)) + x
}

/// The arc tangent of what isn't negative.
fn of_positive(x: f64) -> f64 {
    const TAN_3_PI_8: f64 = 2.414_213_562_373_095;
    if x <= 0.66 {
        return near_zero(x);
    }
    if x > TAN_3_PI_8 {
        return FRAC_PI_2 - near_zero(1.0 / x) + MORE_OF_HALF_PI;
    }
    FRAC_PI_4 + near_zero((x - 1.0) / (x + 1.0)) + 0.5 * MORE_OF_HALF_PI
}

/// Arc tangent.
pub(crate) fn atan(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() { x } else { of_positive(x.abs()).copysign(x) }
}

/// Arc sine; NaN beyond 1 on either side.
pub(crate) fn asin(x: f64) -> f64 {
    let positive = x.abs();
    if x == 0.0 || x.is_nan() {
        return x;
    }
    if positive > 1.0 {
        return f64::NAN;
    }
    let other = (1.0 - positive * positive).sqrt();
    let value = if positive > 0.7 { FRAC_PI_2 - of_positive(other / positive) } else { of_positive(positive / other) };
    value.copysign(x)
}

/// Arc cosine; NaN beyond 1 on either side.
pub(crate) fn acos(x: f64) -> f64 {
    FRAC_PI_2 - asin(x)
}

/// The angle of the point (x, y).
pub(crate) fn atan2(y: f64, x: f64) -> f64 {
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    // On an axis or infinitely far out the system's is exact.
    if x == 0.0 || y == 0.0 || x.is_infinite() || y.is_infinite() {
        return y.atan2(x);
    }
    let angle = atan(y / x);
    if x > 0.0 {
        angle
    } else if angle <= 0.0 {
        angle + PI
    } else {
        angle - PI
    }
}
