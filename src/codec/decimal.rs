//! Floats that are decimals in disguise: 12.25 is 1225 / 10^2.
//!
//! Dividing an integer by a power of ten rounds correctly, and so does parsing a decimal number: what was once a
//! decimal with up to 15 digits is exactly one such quotient. Every value is checked bit by bit; those that are none
//! (NaNs, infinities, -0, results of other arithmetic) are listed aside.

/// The powers of ten by exponent.
pub(super) const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
/// How many values are looked at to find the exponent.
pub(super) const SAMPLED: usize = 32;
/// Below 2^51, adding and taking away 1.5 * 2^52 rounds to the nearest integer; `f64::round` calls the C library on
/// machines without an instruction for it.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
const ROUNDABLE: f64 = 2_251_799_813_685_248.0;

/// The power of ten that belongs to an exponent byte.
pub(super) fn power(exponent: u8) -> Option<f64> {
    POWERS.get(usize::from(exponent)).copied()
}

/// The float that `integer` stands for.
#[inline]
pub(super) fn to_float(integer: i64, power: f64) -> f64 {
    integer as f64 / power
}

/// The integer that comes nearest to standing for `value`; any one for values that no integer comes near to.
#[inline]
pub(super) fn nearest(value: f64, power: f64) -> i64 {
    let scaled = value * power;
    (if scaled.abs() < ROUNDABLE { (scaled + ROUNDER) - ROUNDER } else { scaled }) as i64
}

/// The integer that stands for `value`, if there is one.
#[inline]
pub(super) fn to_integer(value: f64, power: f64) -> Option<i64> {
    let integer = nearest(value, power);
    (to_float(integer, power).to_bits() == value.to_bits()).then_some(integer)
}

/// The smallest exponent and its integer for a single value.
pub(super) fn single(value: f64) -> Option<(u8, i64)> {
    (0u8..).zip(POWERS).find_map(|(exponent, power)| Some((exponent, to_integer(value, power)?)))
}

/// The exponent that suits most of a sample of `values`, if one suits half of them.
pub(super) fn exponent(values: &[f64]) -> Option<u8> {
    let step = values.len().div_ceil(SAMPLED).max(1);
    let sample = || values.iter().copied().step_by(step);
    // The least exponent that each sampled value has, as a set.
    let mut wanted = 0u32;
    for value in sample().filter(|v| v.is_finite()) {
        let least = POWERS.iter().position(|p| to_integer(value, *p).is_some());
        wanted |= least.map_or(0, |e| 1 << e);
    }
    let mut best: Option<(usize, u8)> = None;
    for e in (0..POWERS.len() as u8).filter(|e| wanted & (1 << e) != 0) {
        let power = power(e)?;
        let (mut hits, mut low, mut high) = (0, i64::MAX, i64::MIN);
        for integer in sample().filter_map(|v| to_integer(v, power)) {
            hits += 1;
            low = low.min(integer);
            high = high.max(integer);
        }
        let bits = 64 - (high as u64).wrapping_sub(low as u64).leading_zeros() as usize;
        let sampled = values.len().div_ceil(step);
        // An exception costs its eight bytes and its position.
        let cost = hits * bits + (sampled - hits) * 72;
        if hits * 2 >= sampled && best.is_none_or(|(least, _)| cost < least) {
            best = Some((cost, e));
        }
    }
    best.map(|(_, e)| e)
}

/// `values` as integers over ten to the `exponent`, and the positions of those that are none.
pub(super) fn convert(values: &[f64], exponent: u8) -> (Vec<i64>, Vec<usize>) {
    let power = power(exponent).unwrap_or(1.0);
    let mut exceptions = Vec::new();
    // Exceptions in front repeat what follows.
    let mut last = values.iter().find_map(|value| to_integer(*value, power)).unwrap_or(0);
    let integers = values
        .iter()
        .enumerate()
        .map(|(i, value)| {
            match to_integer(*value, power) {
                Some(integer) => last = integer,
                // The slot repeats its neighbour, which is the cheapest it can be.
                None => exceptions.push(i),
            }
            last
        })
        .collect();
    (integers, exceptions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_find_their_exponent() {
        assert_eq!(exponent(&[1.0, 2.0, 1e9]), Some(0));
        assert_eq!(exponent(&[1.5, 2.25, 100.0]), Some(2));
        assert_eq!(exponent(&[0.1, 0.2, f64::NAN, 0.3]), Some(1));
        assert_eq!(exponent(&[1.0 / 3.0, 2.0 / 3.0, std::f64::consts::PI]), None);
        assert_eq!(exponent(&[f64::NAN, f64::INFINITY, -0.0]), None);
        assert_eq!(exponent(&[]), None);
    }

    #[test]
    fn only_exact_quotients_count() {
        for value in [-0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.1 + 0.2, f64::MIN_POSITIVE, 5e-324, 1e300] {
            assert!(POWERS.iter().all(|p| to_integer(value, *p).is_none()), "{value}");
        }
        assert_eq!(to_integer(-12.25, 100.0), Some(-1225));
        assert_eq!(to_integer(9_007_199_254_740_993_000.0, 1.0), Some(9_007_199_254_740_993_024));
        assert_eq!(to_integer(i64::MIN as f64, 1.0), Some(i64::MIN));
        assert_eq!(to_integer(9_223_372_036_854_775_808.0, 1.0), Some(i64::MAX));
    }
}
