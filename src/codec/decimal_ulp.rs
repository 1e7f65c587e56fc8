//! Floats that calculating has moved off a decimal by some steps: 0.1 + 0.2 is 0.3 and one step.
//!
//! Sums of durations are such: each term is a decimal, and the sum's error stays far below its last digit for as long as it
//! has a few bits to spare. Integers and errors apart take what both hold, where the float itself has all bits of its mantissa in
//! use.

use super::decimal::{self, POWERS, SAMPLED};

/// Larger integers are within a few steps of any float, so that they say nothing.
const MOST: f64 = 4_398_046_511_104.0;

/// Bits of a float as an integer that grows with it.
#[inline]
pub(super) fn ordered(bits: u64) -> i64 {
    let bits = bits as i64;
    bits ^ (bits >> 63 & i64::MAX)
}

/// The bits of [`ordered`].
#[inline]
pub(super) fn unordered(ordered: i64) -> u64 {
    (ordered ^ (ordered >> 63 & i64::MAX)) as u64
}

/// `value`, some steps on.
#[inline]
pub(super) fn corrected(value: f64, steps: i64) -> f64 {
    f64::from_bits(value.to_bits().wrapping_add(steps as u64))
}

/// How many steps `value` is from the decimal nearest to it, and that one's integer, where both are small.
#[inline]
fn apart(value: f64, power: f64) -> Option<(i64, i64)> {
    if value.to_bits() == 0 {
        return Some((0, 0));
    }
    let scaled = value.abs() * power;
    // Also no for NaN.
    if !(1.0..MOST).contains(&scaled) {
        return None;
    }
    let integer = decimal::nearest(value, power);
    let steps = (value.to_bits() as i64).wrapping_sub(decimal::to_float(integer, power).to_bits() as i64);
    Some((integer, steps))
}

/// The exponent that makes most of a sample of `values` decimals and small errors, if one does.
pub(super) fn exponent(values: &[f64]) -> Option<u8> {
    let step = values.len().div_ceil(SAMPLED).max(1);
    let sample = || values.iter().copied().step_by(step);
    let sampled = values.len().div_ceil(step);
    let mut best: Option<(u32, u8)> = None;
    for (exponent, power) in (0u8..).zip(POWERS) {
        let (mut hits, mut steps_low, mut steps_high) = (0, i64::MAX, i64::MIN);
        let (mut low, mut high) = (i64::MAX, i64::MIN);
        for (integer, steps) in sample().filter_map(|v| apart(v, power)) {
            hits += 1;
            (low, high) = (low.min(integer), high.max(integer));
            (steps_low, steps_high) = (steps_low.min(steps), steps_high.max(steps));
        }
        if hits * 8 < sampled * 7 {
            continue;
        }
        let bits = |low: i64, high: i64| 64 - high.wrapping_sub(low).unsigned_abs().leading_zeros();
        let cost = bits(low, high) + bits(steps_low, steps_high);
        if best.is_none_or(|(least, _)| cost < least) {
            best = Some((cost, exponent));
        }
    }
    let values = || sample().filter(|v| v.is_finite()).map(|v| ordered(v.to_bits()));
    let (low, high) = (values().min()?, values().max()?);
    let whole = 64 - high.wrapping_sub(low).unsigned_abs().leading_zeros();
    // A mantissa's 53 bits are as good as all: near 0 the numbers of floats reach over all exponents. Where the two parts
    // together have nearly as many bits, the errors are none.
    best.filter(|(cost, _)| cost + 8 <= whole.min(53)).map(|(_, exponent)| exponent)
}

/// Values taken apart.
pub(super) struct Split {
    pub(super) integers: Vec<i64>,
    pub(super) corrections: Vec<i64>,
    /// Positions of values that are no decimals even so.
    pub(super) exceptions: Vec<usize>,
}

/// Takes `values` apart at decimals over ten to the `exponent`.
pub(super) fn split(values: &[f64], exponent: u8) -> Split {
    let power = decimal::power(exponent).unwrap_or(1.0);
    let mut split = Split {
        integers: Vec::with_capacity(values.len()),
        corrections: Vec::with_capacity(values.len()),
        exceptions: Vec::new(),
    };
    // An exception's place repeats its neighbour.
    let mut last = values.iter().find_map(|value| apart(*value, power)).unwrap_or_default();
    for (i, value) in values.iter().enumerate() {
        match apart(*value, power) {
            Some(parts) => last = parts,
            None => split.exceptions.push(i),
        }
        split.integers.push(last.0);
        split.corrections.push(last.1);
    }
    split
}
