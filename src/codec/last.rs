//! The last value of a column, for who asks what a series is now: as little as can be is decoded of those before.

use super::{
    CodecError, cross_series, decimal, decimal_ulp, finish, floats, ints,
    pack::{self, FRAME},
    runs, take, take_byte, take_u64, varint,
};

const INTEGERS: &str = "an integer column";
const FLOATS: &str = "a float column";

/// The last of the `count` times, at least one, of a column.
///
/// # Errors
/// When the bytes are not such a column, as far as that is seen.
pub fn time(bytes: &[u8], count: usize) -> Result<i64, CodecError> {
    integer(bytes, count)
}

/// The last of the `count` values, at least one, of a column. No value before it is made a float for that, but in XOR chains.
///
/// # Errors
/// When the bytes are not such a column, as far as that is seen.
pub fn float(bytes: &[u8], count: usize) -> Result<f64, CodecError> {
    let mut input = bytes;
    match take_byte(&mut input, FLOATS)? {
        tag @ (floats::DECIMAL | floats::NEAR) => last_decimal(tag, input, count),
        floats::BITS => Ok(f64::from_bits(decimal_ulp::unordered(integer(input, count)?))),
        floats::RAW => {
            let at = count.saturating_sub(1).checked_mul(8).ok_or(CodecError::Truncated(FLOATS))?;
            take(&mut input, at, FLOATS)?;
            let bits = take_u64(&mut input, FLOATS)?;
            finish(input, FLOATS)?;
            Ok(f64::from_bits(bits))
        }
        tag @ (floats::CONSTANT | floats::SHORT) => {
            let value = floats::take_constant(tag, &mut input)?;
            finish(input, FLOATS)?;
            Ok(value)
        }
        _ => {
            let mut values = Vec::new();
            floats::decode(bytes, count, &mut values)?;
            values.last().copied().ok_or(CodecError::Truncated(FLOATS))
        }
    }
}

fn last_decimal(tag: u8, mut input: &[u8], count: usize) -> Result<f64, CodecError> {
    let power = floats::take_power(&mut input)?;
    let exceptions = varint::get_at_most(&mut input, count, "the number of exceptions")?;
    let (mut at, mut exception) = (0usize, None);
    for _ in 0..exceptions {
        at = at.saturating_add(varint::get_at_most(&mut input, count, "the position of an exception")?);
        exception = Some(f64::from_bits(take_u64(&mut input, FLOATS)?));
    }
    if let Some(value) = exception.filter(|_| at + 1 == count) {
        return Ok(value);
    }
    if tag == floats::DECIMAL {
        return Ok(decimal::to_float(integer(input, count)?, power));
    }
    let limit = input.len();
    let len = varint::get_at_most(&mut input, limit, "the length of a column")?;
    let integers = take(&mut input, len, FLOATS)?;
    Ok(decimal_ulp::corrected(decimal::to_float(integer(integers, count)?, power), integer(input, count)?))
}

/// The last of the `count` values, at least one, of the column in `bytes`, where that of the other column is `value`.
///
/// # Errors
/// When the bytes are no such column, as far as that is seen.
pub fn beside(bytes: &[u8], count: usize, value: f64) -> Result<f64, CodecError> {
    let mut input = bytes;
    match take_byte(&mut input, "a column of differences")? {
        cross_series::CROSS_SERIES => take_byte(&mut input, "a column of differences")?,
        tag => return Err(CodecError::Tag { what: "a column of differences", tag }),
    };
    Ok(cross_series::moved(value, integer(input, count)?))
}

/// The last of the `count` values, at least one, of a column. Only what leads to it is decoded: where values stand for themselves
/// or for their distance from a line, other frames are passed over.
///
/// # Errors
/// When the bytes are not such a column, as far as that is seen.
pub(super) fn integer(bytes: &[u8], count: usize) -> Result<i64, CodecError> {
    let mut input = bytes;
    if bytes.first() != Some(&ints::MULTIPLE) {
        return last_of_runs(bytes, count);
    }
    take_byte(&mut input, INTEGERS)?;
    let first = varint::get_signed(&mut input, INTEGERS)?;
    let divisor = varint::get(&mut input, INTEGERS)? as i64;
    Ok(first.wrapping_add(last_of_runs(input, count)?.wrapping_mul(divisor)))
}

/// The same for a column with one of the tags 0 to 6.
fn last_of_runs(bytes: &[u8], count: usize) -> Result<i64, CodecError> {
    let mut input = bytes;
    let count_runs = match bytes.first() {
        Some(&ints::RUNS) => runs::pass_lengths,
        Some(&ints::MARKED) => runs::pass_marks,
        _ => return last_straight(bytes, count),
    };
    take_byte(&mut input, INTEGERS)?;
    let runs = count_runs(&mut input, count)?;
    last_straight(input, runs)
}

/// The same for a column with one of the tags 0 to 4.
fn last_straight(bytes: &[u8], count: usize) -> Result<i64, CodecError> {
    let mut input = bytes;
    let tag = take_byte(&mut input, INTEGERS)?;
    let first = if tag == ints::PLAIN { 0 } else { varint::get_signed(&mut input, INTEGERS)? };
    let behind = count.saturating_sub(1);
    let mut at = first;
    match tag {
        ints::REGULAR if behind == 0 => {}
        ints::REGULAR => at = at.wrapping_add(varint::get_signed(&mut input, INTEGERS)?.wrapping_mul(behind as i64)),
        ints::PLAIN => at = pack::last_of_frames(&mut input, count)?.unwrap_or_default(),
        ints::DELTA => {
            let mut frame = [0i64; FRAME];
            ints::fill(&mut frame, behind, |values| {
                pack::decode(&mut input, values)?;
                at = values.iter().fold(at, |at, step| at.wrapping_add(*step));
                Ok(())
            })?;
        }
        ints::DELTA2 => {
            let mut frame = [0i64; FRAME];
            let mut step = varint::get_signed(&mut input, INTEGERS)?;
            at = if behind == 0 { at } else { at.wrapping_add(step) };
            ints::fill(&mut frame, count.saturating_sub(2), |values| {
                pack::decode(&mut input, values)?;
                for value in values.iter() {
                    step = step.wrapping_add(*value);
                    at = at.wrapping_add(step);
                }
                Ok(())
            })?;
        }
        ints::LINE => {
            let step = varint::get_signed(&mut input, INTEGERS)?;
            if let Some(distance) = pack::last_of_frames(&mut input, behind)? {
                at = at.wrapping_add(step.wrapping_mul(behind as i64)).wrapping_add(distance);
            }
        }
        tag => return Err(CodecError::Tag { what: INTEGERS, tag }),
    }
    finish(input, INTEGERS)?;
    Ok(at)
}
