//! Logarithms and what is made of them.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2, LOG2_E, LOG10_E};

use super::{LN2, MANTISSA, polynomial, split};

/// The series of `ln(1 + f)` in `s = f / (2 + f)`, from the highest power down.
const SERIES: [f64; 7] = [
    1.479_819_860_511_658_6e-1,
    1.531_383_769_920_937_3e-1,
    1.818_357_216_161_805e-1,
    2.222_219_843_214_978_4e-1,
    2.857_142_874_366_239e-1,
    3.999_999_999_940_942e-1,
    6.666_666_666_666_735e-1,
];

/// Above this `x² ± 1` is `x²`, below its inverse `1 ± x` is 1.
const LARGE: f64 = (1u64 << 28) as f64;

/// The natural logarithm.
pub(crate) fn ln(x: f64) -> f64 {
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x <= 0.0 {
        return if x == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    }
    let (mut fraction, mut exponent) = split(x);
    if fraction <= FRAC_1_SQRT_2 {
        fraction *= 2.0;
        exponent -= 1;
    }
    let (f, k) = (fraction - 1.0, f64::from(exponent));
    let s = f / (2.0 + f);
    let square = s * s;
    let fourth = square * square;
    // Odd and even powers by themselves.
    let [l7, l6, l5, l4, l3, l2, l1] = SERIES;
    let odd = square * polynomial(fourth, [l7, l5, l3, l1]);
    let even = fourth * polynomial(fourth, [l6, l4, l2]);
    let half = 0.5 * f * f;
    k * LN2.0 - ((half - (s * (half + (odd + even)) + k * LN2.1)) - f)
}

/// The logarithm to base 2, exact for powers of 2.
pub(crate) fn log2(x: f64) -> f64 {
    let (fraction, exponent) = split(x);
    if fraction == 0.5 {
        return f64::from(exponent - 1);
    }
    ln(fraction) * LOG2_E + f64::from(exponent)
}

/// The logarithm to base 10.
pub(crate) fn log10(x: f64) -> f64 {
    ln(x) * LOG10_E
}

/// `ln(1 + x)` for `x` not below -1, exact also where `1 + x` isn't.
fn ln_1p(x: f64) -> f64 {
    const SQRT2_LESS_1: f64 = 4.142_135_623_730_950_3e-1;
    const SQRT_HALF_LESS_1: f64 = -2.928_932_188_134_525e-1;
    if x == -1.0 {
        return f64::NEG_INFINITY;
    }
    if !x.is_finite() || x.abs() < 2f64.powi(-54) {
        return x;
    }
    if x.abs() < 2f64.powi(-29) {
        return x - x * x * 0.5;
    }
    // 1 + x is (1 + f) · 2^k; `lost` is what it lost by being rounded.
    let (f, k, lost) = if SQRT_HALF_LESS_1 < x && x < SQRT2_LESS_1 { (x, 0.0, 0.0) } else { fraction_and_exponent(x) };
    let half = 0.5 * f * f;
    if f == 0.0 {
        return k * LN2.0 + (lost + k * LN2.1);
    }
    let s = f / (2.0 + f);
    let square = s * s;
    let series = s * (half + square * polynomial(square, SERIES));
    k * LN2.0 - ((half - (series + (k * LN2.1 + lost))) - f)
}

/// `1 + x` as `(1 + f) · 2^k` with `1 + f` between the roots of 1/2 and 2: f, k, and the relative error of `1 + x`.
fn fraction_and_exponent(x: f64) -> (f64, f64, f64) {
    const SQRT2_MANTISSA: u64 = 0x0006_A09E_667F_3BCD;
    let is_huge = x.abs() >= 2f64.powi(53);
    let sum = if is_huge { x } else { 1.0 + x };
    let (mantissa, k) = (sum.to_bits() & MANTISSA, (sum.to_bits() >> 52) as i32 - 1023);
    let lost = if is_huge {
        0.0
    } else if k > 0 {
        1.0 - (sum - x)
    } else {
        x - (sum - 1.0)
    };
    let (bias, k) = if mantissa < SQRT2_MANTISSA { (1023, k) } else { (1022, k + 1) };
    (f64::from_bits(mantissa | bias << 52) - 1.0, f64::from(k), lost / sum)
}

/// Inverse hyperbolic sine.
pub(crate) fn asinh(x: f64) -> f64 {
    if !x.is_finite() {
        return x;
    }
    let positive = x.abs();
    let root = |x: f64| (x * x + 1.0).sqrt();
    let value = if positive > LARGE {
        ln(positive) + LN_2
    } else if positive > 2.0 {
        ln(2.0 * positive + 1.0 / (root(positive) + positive))
    } else if positive < 1.0 / LARGE {
        positive
    } else {
        ln_1p(positive + positive * positive / (1.0 + root(positive)))
    };
    value.copysign(x)
}

/// Inverse hyperbolic cosine.
pub(crate) fn acosh(x: f64) -> f64 {
    if x.is_nan() || x < 1.0 {
        return f64::NAN;
    }
    if x >= LARGE {
        return ln(x) + LN_2;
    }
    if x > 2.0 {
        return ln(2.0 * x - 1.0 / (x + (x * x - 1.0).sqrt()));
    }
    let over = x - 1.0;
    ln_1p(over + (2.0 * over + over * over).sqrt())
}

/// Inverse hyperbolic tangent.
pub(crate) fn atanh(x: f64) -> f64 {
    let positive = x.abs();
    if x.is_nan() || positive > 1.0 {
        return f64::NAN;
    }
    let value = if positive < 1.0 / LARGE {
        positive
    } else if positive < 0.5 {
        let twice = positive + positive;
        0.5 * ln_1p(twice + twice * positive / (1.0 - positive))
    } else {
        0.5 * ln_1p((positive + positive) / (1.0 - positive))
    };
    value.copysign(x)
}
