//! A column of float values, bit for bit.
//!
//! ```text
//! tag 0  constant   8 bytes: the bits of all values
//! tag 1  decimal    exponent 1, number of exceptions: varint,
//!                   exceptions: distance from the one before: varint, bits: 8; then an integer column (`ints`)
//! tag 2  xor        a bit string (`xor`): 64 bits for the first value, then the chain
//! tag 3  raw        8 bytes a value
//! tag 4  short      constant, as a decimal: exponent 1, integer: zigzag varint
//! tag 5  near       as decimal, but before the integer column: length of it: varint; behind it: integer column of
//!                   corrections
//! tag 6  bits       integer column of the bits: of negative values all but the sign are flipped
//! tag 7  beside     distance 1, integer column of value i - value i of the column so many before
//! ```
//!
//! Bits are little-endian, except inside the bit string. A decimal is an integer divided by ten to the exponent (0 to
//! 15). In a decimal column value `i` is integer `i` so divided, unless it is an exception; the first exception's distance counts from position 0. In
//! a near column the correction is added to the bits of that quotient, wrapping: the steps from one float to the next by which
//! calculating, as a sum of decimals does, has missed the decimal. A column of no values has no bytes. Columns beside
//! others are in `super::beside`.
//!
//! XOR chains aren't written any more: as integers, bits take less than the chain's windows and decode faster.

use super::{CodecError, decimal, decimal_ulp, finish, ints, take, take_byte, take_u64, varint, xor};

pub(super) const CONSTANT: u8 = 0;
pub(super) const DECIMAL: u8 = 1;
const XOR: u8 = 2;
pub(super) const RAW: u8 = 3;
pub(super) const SHORT: u8 = 4;
pub(super) const NEAR: u8 = 5;
pub(super) const BITS: u8 = 6;
const WHAT: &str = "a float column";

/// Appends the column of `values`, written in the way that turns out smallest.
pub fn encode(values: &[f64], out: &mut Vec<u8>) {
    let Some(first) = values.first() else { return };
    let bits = first.to_bits();
    if values.iter().all(|v| v.to_bits() == bits) {
        encode_constant(*first, out);
        return;
    }
    let start = out.len();
    let exceptions = decimal::exponent(values).map(|exponent| encode_decimal(values, exponent, out));
    let decimal = exceptions.map(|_| out.len() - start);
    let mut best = decimal.unwrap_or(usize::MAX);
    // Decimals of up to four bytes a value with few exceptions are what they look like.
    if best <= values.len() * 4 && exceptions.is_some_and(|n| n * 16 <= values.len()) {
        return;
    }
    let mut other = Vec::new();
    if let Some(exponent) = decimal_ulp::exponent(values) {
        encode_near(values, exponent, &mut other);
    }
    if other.is_empty() || other.len() > values.len() * 4 {
        let mut bits = vec![BITS];
        ints::encode(&values.iter().map(|v| decimal_ulp::ordered(v.to_bits())).collect::<Vec<_>>(), &mut bits);
        if other.is_empty() || bits.len() < other.len() {
            other = bits;
        }
    }
    if other.len() < best {
        best = other.len();
        out.truncate(start);
        out.extend_from_slice(&other);
    }
    if best > values.len() * 8 {
        out.truncate(start);
        out.push(RAW);
        for value in values {
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }
}

fn encode_constant(value: f64, out: &mut Vec<u8>) {
    if let Some((exponent, integer)) = decimal::single(value)
        && varint::len(varint::zigzag(integer)) < 7
    {
        out.extend_from_slice(&[SHORT, exponent]);
        varint::put_signed(out, integer);
    } else {
        out.push(CONSTANT);
        out.extend_from_slice(&value.to_bits().to_le_bytes());
    }
}

/// Answers how many exceptions there are.
fn encode_decimal(values: &[f64], exponent: u8, out: &mut Vec<u8>) -> usize {
    let (integers, exceptions) = decimal::convert(values, exponent);
    out.extend_from_slice(&[DECIMAL, exponent]);
    put_exceptions(values, &exceptions, out);
    ints::encode(&integers, out);
    exceptions.len()
}

fn encode_near(values: &[f64], exponent: u8, out: &mut Vec<u8>) {
    let decimal_ulp::Split { integers, corrections, exceptions } = decimal_ulp::split(values, exponent);
    out.extend_from_slice(&[NEAR, exponent]);
    put_exceptions(values, &exceptions, out);
    let mut column = Vec::new();
    ints::encode(&integers, &mut column);
    varint::put(out, column.len() as u64);
    out.extend_from_slice(&column);
    ints::encode(&corrections, out);
}

fn put_exceptions(values: &[f64], exceptions: &[usize], out: &mut Vec<u8>) {
    varint::put(out, exceptions.len() as u64);
    let mut before = 0;
    for at in exceptions {
        varint::put(out, (at - before) as u64);
        out.extend(values.get(*at).into_iter().flat_map(|v| v.to_bits().to_le_bytes()));
        before = *at;
    }
}

/// Appends the `count` values of a column to `out`.
///
/// # Errors
/// When the bytes are not such a column; `out` may then hold some values more than before.
pub fn decode(bytes: &[u8], count: usize, out: &mut Vec<f64>) -> Result<(), CodecError> {
    let mut input = bytes;
    if count == 0 {
        return finish(input, WHAT);
    }
    match take_byte(&mut input, WHAT)? {
        tag @ (CONSTANT | SHORT) => {
            let value = take_constant(tag, &mut input)?;
            finish(input, WHAT)?;
            out.resize(out.len() + count, value);
            Ok(())
        }
        tag @ (DECIMAL | NEAR) => decode_decimal(tag, input, count, out),
        BITS => ints::decode(input, count, |bits| {
            out.extend(bits.iter().map(|b| f64::from_bits(decimal_ulp::unordered(*b))));
        }),
        XOR => xor::decode(input, count, out),
        RAW => {
            let length = count.checked_mul(8).ok_or(CodecError::Truncated(WHAT))?;
            let (values, _) = take(&mut input, length, WHAT)?.as_chunks::<8>();
            finish(input, WHAT)?;
            out.extend(values.iter().map(|b| f64::from_bits(u64::from_le_bytes(*b))));
            Ok(())
        }
        tag => Err(CodecError::Tag { what: WHAT, tag }),
    }
}

fn decode_decimal(tag: u8, mut input: &[u8], count: usize, out: &mut Vec<f64>) -> Result<(), CodecError> {
    let power = take_power(&mut input)?;
    let exceptions = varint::get_at_most(&mut input, count, "the number of exceptions")?;
    let mut listed = input;
    // A first walk only finds where the integers begin.
    for _ in 0..exceptions {
        varint::get(&mut input, WHAT)?;
        take_u64(&mut input, WHAT)?;
    }
    let start = out.len();
    let mut corrections = None;
    if tag == NEAR {
        let limit = input.len();
        let len = varint::get_at_most(&mut input, limit, "the length of a column")?;
        corrections = Some(input.get(len..).ok_or(CodecError::Truncated(WHAT))?);
        input = input.get(..len).ok_or(CodecError::Truncated(WHAT))?;
    }
    ints::decode(input, count, |integers| out.extend(integers.iter().map(|i| decimal::to_float(*i, power))))?;
    if let Some(corrections) = corrections {
        let mut rest = out.get_mut(start..).unwrap_or_default().iter_mut();
        ints::decode(corrections, count, |steps| {
            for (step, value) in steps.iter().zip(&mut rest) {
                *value = decimal_ulp::corrected(*value, *step);
            }
        })?;
    }
    let mut at = start;
    for _ in 0..exceptions {
        at = at.saturating_add(varint::get_at_most(&mut listed, count, "the position of an exception")?);
        let bits = take_u64(&mut listed, WHAT)?;
        let slot = out.get_mut(at).ok_or(CodecError::Range {
            what: "the position of an exception",
            got: (at - start) as u64,
            limit: count as u64 - 1,
        })?;
        *slot = f64::from_bits(bits);
    }
    Ok(())
}

/// Takes the value of a constant column.
pub(super) fn take_constant(tag: u8, input: &mut &[u8]) -> Result<f64, CodecError> {
    if tag == SHORT {
        let power = take_power(input)?;
        Ok(decimal::to_float(varint::get_signed(input, WHAT)?, power))
    } else {
        Ok(f64::from_bits(take_u64(input, WHAT)?))
    }
}

/// Takes an exponent and answers with its power of ten.
pub(super) fn take_power(input: &mut &[u8]) -> Result<f64, CodecError> {
    let exponent = take_byte(input, WHAT)?;
    let wrong = CodecError::Range { what: "a decimal exponent", got: u64::from(exponent), limit: 15 };
    decimal::power(exponent).ok_or(wrong)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{codec::last, model::STALE_NAN};

    fn round_trip(values: &[f64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(values, &mut bytes);
        let mut out = vec![0.5];
        decode(&bytes, values.len(), &mut out).unwrap();
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&out[1..]), bits(values));
        if let Some(end) = values.last() {
            assert_eq!(last::float(&bytes, values.len()).unwrap().to_bits(), end.to_bits());
        }
        bytes
    }

    #[test]
    fn each_kind_of_column_is_written_in_its_own_way() {
        assert!(round_trip(&[]).is_empty());
        assert_eq!(round_trip(&[STALE_NAN; 500]).len(), 9);
        assert_eq!(round_trip(&[-0.0]).len(), 9);
        assert_eq!(round_trip(&[1.0; 500]), [SHORT, 0, 2]);
        assert_eq!(round_trip(&[0.25]), [SHORT, 2, 50]);
        let gauge: Vec<f64> = (0..500).map(|i| 20.0 + f64::from(i * 7919 % 50) / 100.0).collect();
        let bytes = round_trip(&gauge);
        assert!(bytes[0] == DECIMAL && bytes.len() < 500 * 7 / 8, "{}", bytes.len());
        let steps: Vec<f64> = (0..500).map(|i| f64::from(i / 30).sqrt()).collect();
        let bytes = round_trip(&steps);
        assert!(bytes[0] == BITS && bytes.len() < 17 * 9 + 30, "{}", bytes.len());
        let close: Vec<f64> = steps.iter().zip(&gauge).map(|(a, b)| a + b).collect();
        let bytes = round_trip(&close);
        assert!(bytes[0] == BITS && bytes.len() < 500 * 54 / 8, "{}", bytes.len());
        let noise: Vec<f64> = (1..500u64).map(|i| f64::from_bits(i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        assert_eq!(round_trip(&noise)[0], RAW);
    }

    #[test]
    fn a_sum_of_durations_is_decimals_and_small_errors() {
        let mut sum = 0.0;
        let values: Vec<f64> = (0..500u32)
            .map(|i| {
                sum += f64::from(i * 7919 % 1000) / 1e6;
                if i % 100 == 77 { STALE_NAN } else { sum }
            })
            .collect();
        let bytes = round_trip(&values);
        assert!(bytes[0] == NEAR && bytes.len() < 500 * 2, "{}", bytes.len());
        round_trip(&values.iter().map(|v| -v).collect::<Vec<_>>());
        // 0.1 + 0.2 is one step above 0.3.
        let bytes = [NEAR, 1, 0, 2, 0, 6, 0, 2];
        let mut out = Vec::new();
        decode(&bytes, 1, &mut out).unwrap();
        assert_eq!(out, [0.1 + 0.2]);
        assert!(decode(&[NEAR, 1, 0, 9, 0, 6, 0, 2], 1, &mut out).is_err());
    }

    #[test]
    fn chains_of_older_tables_are_read() {
        let values: Vec<f64> = (0..500).map(|i| f64::from(i / 3).sqrt()).chain([STALE_NAN, -0.0]).collect();
        let mut out = Vec::new();
        decode(&xor::encode(&values, vec![XOR]), values.len(), &mut out).unwrap();
        assert!(out.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits()) && out.len() == values.len());
    }

    #[test]
    fn odd_values_among_decimals_keep_their_bits() {
        let mut values: Vec<f64> = (0..300).map(|i| f64::from(i) * 10.0).collect();
        let odd = [
            f64::NAN,
            STALE_NAN,
            -0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            5e-324,
            f64::from_bits(0xfff8_0000_dead_beef),
        ];
        for (i, value) in odd.into_iter().enumerate() {
            values[i * 40] = value;
        }
        let bytes = round_trip(&values);
        assert!(bytes[0] == DECIMAL && bytes.len() < 150, "{}", bytes.len());
    }

    #[test]
    fn a_counter_that_starts_anew_and_ends_stays_small() {
        let mut values: Vec<f64> = (0..256).map(|i| f64::from(i % 200) * 100.0).collect();
        values.push(STALE_NAN);
        assert!(round_trip(&values).len() < 50);
    }

    #[test]
    fn a_false_exception_is_refused() {
        let bytes = [DECIMAL, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2];
        assert!(matches!(decode(&bytes, 3, &mut Vec::new()), Err(CodecError::Range { got: 3, limit: 2, .. })));
        assert!(matches!(decode(&[DECIMAL, 16], 3, &mut Vec::new()), Err(CodecError::Range { got: 16, .. })));
        assert_eq!(decode(&[RAW, 1], usize::MAX, &mut Vec::new()), Err(CodecError::Truncated(WHAT)));
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            any::<i64>().prop_map(|i| i as f64),
            (-100_000i64..100_000, 0i32..6).prop_map(|(i, e)| i as f64 / 10f64.powi(e)),
            Just(STALE_NAN),
            Just(-0.0),
        ]
    }

    proptest! {
        #[test]
        fn any_bits_come_back(values in prop::collection::vec(value(), 0..400)) {
            let bytes = round_trip(&values);
            prop_assert!(bytes.len() <= values.len() * 8 + 1);
        }

        #[test]
        fn decimals_with_some_noise_come_back(exponent in 0i32..15, first in -1_000_000i64..1_000_000, steps in prop::collection::vec(-1000i64..1000, 1..400), odd in prop::collection::vec((any::<prop::sample::Index>(), value()), 0..20)) {
            let mut at = first;
            let mut values: Vec<f64> = steps.iter().map(|s| { at += s; at as f64 / 10f64.powi(exponent) }).collect();
            for (i, value) in odd {
                let i = i.index(values.len());
                values[i] = value;
            }
            round_trip(&values);
        }

        #[test]
        fn sums_come_back(exponent in 0i32..10, terms in prop::collection::vec(-1_000i64..1_000_000, 1..400), odd in prop::collection::vec((any::<prop::sample::Index>(), value()), 0..20)) {
            let mut sum = 0.0;
            let mut values: Vec<f64> = terms.iter().map(|t| { sum += *t as f64 / 10f64.powi(exponent); sum }).collect();
            for (i, value) in odd {
                let i = i.index(values.len());
                values[i] = value;
            }
            round_trip(&values);
        }

        #[test]
        fn any_bytes_are_answered(tag in 0u8..8, bytes in prop::collection::vec(any::<u8>(), 0..400), count in 0usize..500) {
            let bytes: Vec<u8> = std::iter::once(tag).chain(bytes).collect();
            let mut out = Vec::new();
            let last = last::float(&bytes, count).ok().map(f64::to_bits);
            if decode(&bytes, count, &mut out).is_ok() {
                prop_assert_eq!(out.len(), count);
                prop_assert!(count == 0 || last == out.last().map(|value| value.to_bits()));
            }
            prop_assert!(out.len() <= count);
        }
    }
}
