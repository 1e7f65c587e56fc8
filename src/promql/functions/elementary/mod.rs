//! Elementary functions, to the last bit as a Prometheus on x86-64 computes them.
//!
//! `count_values` makes labels of values, `==` compares them, and a remainder magnifies them, so that a last digit is seen.
//! Go brings its own algorithms instead of the C library's; these are the same ones, operation by operation:
//!
//! - [`exponential`]: powers of e and of 2 and the hyperbolic functions,
//! - [`logarithm`]: logarithms and the inverse hyperbolic functions,
//! - [`circle`]: sine, cosine and tangent,
//! - [`arc`]: their inverses,
//! - [`power`]: any number to the power of any other.
//!
//! None is off by more than about one unit in the last place. What the processor rounds correctly by itself (roots, sums,
//! remainders) is not here.

mod arc;
mod circle;
mod exponential;
mod logarithm;
mod power;
#[cfg(test)]
mod tests;

pub(crate) use arc::{acos, asin, atan, atan2};
pub(crate) use circle::{cos, sin, tan};
pub(crate) use exponential::{cosh, exp, exp2, sinh, tanh};
pub(crate) use logarithm::{acosh, asinh, atanh, ln, log2, log10};
pub(crate) use power::pow;

/// The upper bits of ln 2, so few that a multiple by a whole number below 2000 is exact, and the lower ones.
const LN2: (f64, f64) = (6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10);

/// Bits of a mantissa without the leading one, and of an exponent.
const MANTISSA: u64 = (1 << 52) - 1;
const EXPONENT: u64 = 0x7FF;

/// `c₀·xⁿ + c₁·xⁿ⁻¹ + … + cₙ`, by Horner.
fn polynomial<const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    coefficients.into_iter().reduce(|sum, c| sum * x + c).unwrap_or_default()
}

/// `x` as `f · 2^e` with `f` from 0.5 up to but not including 1. Zeros, infinities and NaN stay as they are.
fn split(x: f64) -> (f64, i32) {
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    let (x, below) = if x.abs() < f64::MIN_POSITIVE { (x * 2f64.powi(52), 52) } else { (x, 0) };
    let bits = x.to_bits();
    let exponent = (bits >> 52 & EXPONENT) as i32 - 1022;
    (f64::from_bits(bits & !(EXPONENT << 52) | 1022 << 52), exponent - below)
}

/// `f · 2^exponent`, rounded once.
fn scale(f: f64, exponent: i32) -> f64 {
    let power = |e: i32| f64::from_bits(((1023 + e.clamp(-1022, 1023)) as u64) << 52);
    // Mostly there is nothing to round.
    if (0.25..4.0).contains(&f) && (-1000..1000).contains(&exponent) {
        return f * power(exponent);
    }
    let (f, own) = split(f);
    if f == 0.0 || !f.is_finite() {
        return f;
    }
    match own.saturating_add(exponent) {
        ..=-1075 => 0f64.copysign(f),
        // What has no full mantissa is rounded by the last step alone.
        e @ -1074..-1021 => f * 2.0 * power(e - 1 + 53) * power(-53),
        e @ -1021..=1024 => f * 2.0 * power(e - 1),
        1025.. => f64::INFINITY.copysign(f),
    }
}
