//! Powers of e and of 2 and what is made of them.

use std::f64::consts::LOG2_E;

use super::{LN2, polynomial, scale};

/// From here on e^x is no number any more.
const OVERFLOW: f64 = 7.097_827_128_933_84e2;

/// `e^x`: with `x = k·ln 2 + 16·r`, the Taylor series of `e^r - 1` is squared four times.
///
/// The steps are fused where the processor of the peer can do so, which is every one since 2013.
pub(crate) fn exp(x: f64) -> f64 {
    const UPPER: f64 = 0.693_147_180_559_663;
    const LOWER: f64 = 2.823_529_056_303_157_7e-13;
    const SERIES: [f64; 8] = [
        2.480_158_730_158_73e-5,
        1.984_126_984_126_984e-4,
        1.388_888_888_888_889e-3,
        8.333_333_333_333_333e-3,
        4.166_666_666_666_666_4e-2,
        1.666_666_666_666_666_6e-1,
        0.5,
        1.0,
    ];
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x > OVERFLOW {
        return f64::INFINITY;
    }
    // Far enough below to leave nothing, and within an `i32`.
    if x < -800.0 {
        return 0.0;
    }
    let k = (x * LOG2_E).round_ties_even();
    let r = (-k).mul_add(LOWER, (-k).mul_add(UPPER, x)) * 0.0625;
    let series = SERIES.into_iter().reduce(|sum, c| sum.mul_add(r, c)).unwrap_or_default();
    // (1 + y)² - 1 = y·(y + 2)
    let mut y = r * series;
    for _ in 0..3 {
        y *= y + 2.0;
    }
    let power = y.mul_add(y + 2.0, 1.0);
    // Go gives up here, a bit too early.
    if k >= 1024.0 { f64::INFINITY } else { scale(power, k as i32) }
}

/// `2^x`
pub(crate) fn exp2(x: f64) -> f64 {
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x > 1.023_999_999_999_999_9e3 {
        return f64::INFINITY;
    }
    if x < -1074.0 {
        return 0.0;
    }
    // Ties go away from zero.
    let k = x.round();
    let rest = x - k;
    let (high, low) = (rest * LN2.0, -rest * LN2.1);
    scale(exp_near_zero(high, low), k as i32)
}

/// `e^(high - low)` for exponents of at most half of ln 2, by a rational function.
fn exp_near_zero(high: f64, low: f64) -> f64 {
    const R: [f64; 5] = [
        4.138_136_797_057_238_5e-8,
        -1.653_390_220_546_525_2e-6,
        6.613_756_321_437_934e-5,
        -2.777_777_777_701_559_3e-3,
        1.666_666_666_666_666_6e-1,
    ];
    let r = high - low;
    let square = r * r;
    let c = r - square * polynomial(square, R);
    1.0 - ((low - (r * c) / (2.0 - c)) - high)
}

/// Hyperbolic sine.
pub(crate) fn sinh(x: f64) -> f64 {
    const P: [f64; 4] = [
        -0.263_056_321_339_749_7e2,
        -0.289_421_135_598_956_4e4,
        -0.899_127_202_203_950_9e5,
        -0.630_767_364_049_771_7e6,
    ];
    const Q: [f64; 4] = [1.0, -0.173_678_953_558_233_7e3, 0.152_151_737_879_001_9e5, -0.630_767_364_049_771_7e6];
    let positive = x.abs();
    let value = if positive > 21.0 {
        exp(positive) * 0.5
    } else if positive > 0.5 {
        let power = exp(positive);
        (power - 1.0 / power) * 0.5
    } else {
        let square = x * x;
        polynomial(square, P) * positive / polynomial(square, Q)
    };
    value.copysign(x)
}

/// Hyperbolic cosine.
pub(crate) fn cosh(x: f64) -> f64 {
    let x = x.abs();
    let power = exp(x);
    if x > 21.0 { power * 0.5 } else { (power + 1.0 / power) * 0.5 }
}

/// Hyperbolic tangent.
pub(crate) fn tanh(x: f64) -> f64 {
    const P: [f64; 3] = [-9.643_991_794_250_523e-1, -9.928_772_310_019_185e1, -1.614_687_684_417_084_5e3];
    const Q: [f64; 4] = [1.0, 1.128_116_784_916_329_3e2, 2.235_488_390_601_004_5e3, 4.844_063_053_251_255e3];
    // ln 2^127
    const LARGE: f64 = 8.802_969_193_111_305e1;
    let positive = x.abs();
    if positive > 0.5 * LARGE {
        return 1f64.copysign(x);
    }
    if positive >= 0.625 {
        return (1.0 - 2.0 / (exp(2.0 * positive) + 1.0)).copysign(x);
    }
    if x == 0.0 {
        return x;
    }
    let square = x * x;
    x + x * square * polynomial(square, P) / polynomial(square, Q)
}
