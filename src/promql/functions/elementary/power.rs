//! Powers of any base.

use super::{exp, ln, scale, split};

/// `x^y`: the fraction of the exponent by way of logarithms, the whole part of it by squaring.
pub(crate) fn pow(x: f64, y: f64) -> f64 {
    let is_special = x == 0.0 || x == 1.0 || y == 0.0 || y == 1.0 || !x.is_finite() || !y.is_finite();
    if is_special || x < 0.0 && y.fract() != 0.0 {
        // There is nothing to round.
        return x.powf(y);
    }
    if y.abs() == 0.5 {
        return if y > 0.0 { x.sqrt() } else { 1.0 / x.sqrt() };
    }
    let (mut whole, mut fraction) = (y.abs().trunc(), y.abs().fract());
    if whole >= 2f64.powi(63) {
        // Such exponents are even.
        return match x.abs() {
            1.0 => 1.0,
            size if (size < 1.0) == (y > 0.0) => 0.0,
            _ => f64::INFINITY,
        };
    }
    if fraction > 0.5 {
        fraction -= 1.0;
        whole += 1.0;
    }
    // The answer is value · 2^exponent.
    let mut value = if fraction == 0.0 { 1.0 } else { exp(fraction * ln(x)) };
    let mut exponent = 0;
    let (mut square, mut square_exponent) = split(x);
    let mut left = whole as u64;
    while left > 0 {
        if square_exponent.abs() > 1 << 12 {
            // It is beyond all numbers now, whichever bits follow.
            exponent += square_exponent;
            break;
        }
        if left & 1 == 1 {
            value *= square;
            exponent += square_exponent;
        }
        square *= square;
        square_exponent *= 2;
        if square < 0.5 {
            square *= 2.0;
            square_exponent -= 1;
        }
        left >>= 1;
    }
    if y < 0.0 { scale(1.0 / value, -exponent) } else { scale(value, exponent) }
}
