//! Integers in frames of up to 128, bit-packed above a base of their own, outliers aside.
//!
//! ```text
//! +------+---------------+-----------------+------------------+--------------------------------------+
//! | head | exceptions: 1 | base: zigzag    | n values of      | exceptions: position 1,              |
//! |  1   | only if asked | varint          | w bits, LSB first| value - base, zigzag varint, each    |
//! +------+---------------+-----------------+------------------+--------------------------------------+
//! head = w (0 to 64) | 0x80 when there are exceptions
//! ```
//!
//! The packed values are `value - base`, wrapping; bit `i * w` of the little-endian bit string is the lowest of value
//! `i`, and the string is filled up to whole bytes. An exception has zeros there. One scrape that came late, or a
//! counter that starts anew, so costs a few bytes and not a wider frame.

use super::{CodecError, take, take_byte, varint};

/// Values in a frame; the last frame of a column may have fewer.
pub const FRAME: usize = 128;
/// The flag in the head byte.
const EXCEPTIONS: u8 = 0x80;
/// A full frame of 64 bits, and what a load of 16 bytes may touch behind it.
const PADDED: usize = FRAME * 8 + 16;
const WHAT: &str = "an integer frame";

/// How a frame is going to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    base: i64,
    width: u32,
    /// What it will cost, to a few bytes.
    pub(super) bytes: usize,
}

/// Bits needed for `span`.
const fn bits(span: u64) -> u32 {
    64 - span.leading_zeros()
}

/// Finds the cheapest window of values: the base and width that leave the right ones out as exceptions.
pub(super) fn plan(values: &[i64]) -> Plan {
    let mut scratch = [0i64; FRAME];
    let n = values.len().min(FRAME);
    let (sorted, _) = scratch.split_at_mut(n);
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    for (to, from) in sorted.iter_mut().zip(values) {
        *to = *from;
        low = low.min(*from);
        high = high.max(*from);
    }
    let full = if n == 0 { 0 } else { bits((high as u64).wrapping_sub(low as u64)) };
    let cost = |width: u32, base: i64, exceptions: usize| {
        // An outlier's distance has about as many bits as the whole frame spans.
        let aside = if exceptions == 0 { 0 } else { 1 + exceptions * (1 + varint::len(1 << full.min(63))) };
        1 + varint::len(varint::zigzag(base)) + (n * width as usize).div_ceil(8) + aside
    };
    let mut best = Plan { base: low, width: full, bytes: cost(full, low, 0) };
    // Without more than two bits there is nothing to win from outliers.
    if full <= 2 {
        return if n == 0 { Plan { base: 0, ..best } } else { best };
    }
    sorted.sort_unstable();
    for width in (0..full).rev() {
        let (base, covered) = widest_window(sorted, width);
        let exceptions = n - covered;
        let bytes = cost(width, base, exceptions);
        if bytes < best.bytes {
            best = Plan { base, width, bytes };
        }
        // Narrower windows leave out more.
        if cost(0, 0, exceptions) > best.bytes {
            break;
        }
    }
    best
}

/// The base from which most of `sorted` is within reach of `width` bits, and how many that are.
fn widest_window(sorted: &[i64], width: u32) -> (i64, usize) {
    let reach = (1u64 << width) - 1;
    let mut best = (0, 0);
    let mut ahead = sorted.iter();
    let mut end = 0usize;
    for (start, base) in sorted.iter().enumerate() {
        while let Some(next) = ahead.as_slice().first() {
            if (*next as u64).wrapping_sub(*base as u64) > reach {
                break;
            }
            ahead.next();
            end += 1;
        }
        if end - start > best.1 {
            best = (*base, end - start);
        }
        if ahead.as_slice().is_empty() {
            break;
        }
    }
    best
}

/// Appends the frame of `values` as planned.
pub(super) fn encode(values: &[i64], plan: Plan, out: &mut Vec<u8>) {
    let Plan { base, width, .. } = plan;
    let above = |value: &i64| (*value as u64).wrapping_sub(base as u64);
    let fits = |value: u64| width == 64 || value >> width == 0;
    // A value far below the base may wrap around into the window, so the plan's count is not to be trusted.
    let exceptions = values.iter().map(above).filter(|v| !fits(*v)).count();
    if exceptions == 0 {
        out.push(width as u8);
    } else {
        out.push(width as u8 | EXCEPTIONS);
        out.push(exceptions as u8);
    }
    varint::put_signed(out, base);
    let (mut pending, mut have) = (0u128, 0u32);
    for value in values.iter().map(above) {
        pending |= u128::from(if fits(value) { value } else { 0 }) << have;
        have += width;
        if have >= 64 {
            out.extend_from_slice(&(pending as u64).to_le_bytes());
            pending >>= 64;
            have -= 64;
        }
    }
    out.extend(pending.to_le_bytes().iter().take(have.div_ceil(8) as usize));
    if exceptions > 0 {
        for (i, value) in values.iter().map(above).enumerate().filter(|(_, v)| !fits(*v)) {
            out.push(i as u8);
            varint::put_signed(out, value as i64);
        }
    }
}

/// Takes a frame off the front of `input` and fills `out`, at most [`FRAME`] long, with its values.
pub(super) fn decode(input: &mut &[u8], out: &mut [i64]) -> Result<(), CodecError> {
    let head = take_byte(input, WHAT)?;
    let width = u32::from(head & !EXCEPTIONS);
    if width > 64 {
        return Err(CodecError::Range { what: "the width of a frame", got: u64::from(width), limit: 64 });
    }
    let exceptions = if head & EXCEPTIONS == 0 { 0 } else { take_byte(input, WHAT)? };
    let base = varint::get_signed(input, WHAT)?;
    let packed = take(input, (out.len() * width as usize).div_ceil(8), WHAT)?;
    unpack(packed, width, base, out);
    for _ in 0..exceptions {
        let at = take_byte(input, WHAT)?;
        let above = varint::get_signed(input, WHAT)?;
        let limit = out.len().saturating_sub(1) as u64;
        let slot = out.get_mut(usize::from(at)).ok_or(CodecError::Range {
            what: "the position of an exception",
            got: u64::from(at),
            limit,
        })?;
        *slot = base.wrapping_add(above);
    }
    Ok(())
}

#[inline]
fn unpack(packed: &[u8], width: u32, base: i64, out: &mut [i64]) {
    if width == 0 {
        out.fill(base);
        return;
    }
    // Every load is of a whole word, so the bytes get some to spare behind them.
    let mut padded = [0u8; PADDED];
    for (to, from) in padded.iter_mut().zip(packed) {
        *to = *from;
    }
    let width = width as usize;
    // A value of up to 57 bits that starts inside a byte lies in the 8 bytes from there; a wider one in 16.
    if width <= 57 {
        let mask = u64::MAX >> (64 - width);
        for (i, slot) in out.iter_mut().enumerate() {
            let at = i * width;
            let word = padded.get(at / 8..).and_then(<[u8]>::first_chunk).map_or(0, |b| u64::from_le_bytes(*b));
            *slot = base.wrapping_add(((word >> (at % 8)) & mask) as i64);
        }
    } else {
        let mask = u128::from(u64::MAX >> (64 - width));
        for (i, slot) in out.iter_mut().enumerate() {
            let at = i * width;
            let word = padded.get(at / 8..).and_then(<[u8]>::first_chunk).map_or(0, |b| u128::from_le_bytes(*b));
            *slot = base.wrapping_add(((word >> (at % 8)) & mask) as i64);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(values: &[i64]) -> usize {
        let plan = plan(values);
        let mut bytes = Vec::new();
        encode(values, plan, &mut bytes);
        let mut out = vec![0; values.len()];
        let mut input = &bytes[..];
        decode(&mut input, &mut out).unwrap();
        assert_eq!((&out[..], input.len()), (values, 0));
        bytes.len()
    }

    #[test]
    fn one_late_scrape_does_not_widen_the_frame() {
        let mut values: Vec<i64> = (0..128).map(|i| 15_000 + i % 4).collect();
        assert_eq!(round_trip(&values), 1 + 3 + 32);
        values[50] = 75_000;
        values[51] = -45_000;
        assert!(round_trip(&values) <= 2 + 3 + 32 + 8);
    }

    #[test]
    fn the_widest_span_needs_64_bits() {
        let values: Vec<i64> = (0..128).map(|i| if i % 2 == 0 { i64::MIN } else { i64::MAX }).collect();
        round_trip(&values);
        assert_eq!(round_trip(&[]), 2);
    }

    #[test]
    fn a_position_outside_the_frame_is_refused() {
        let mut out = [0; 3];
        let mut input = &[EXCEPTIONS, 1, 0, 3, 0][..];
        assert!(matches!(decode(&mut input, &mut out), Err(CodecError::Range { got: 3, limit: 2, .. })));
        let mut input = &[65, 0][..];
        assert!(matches!(decode(&mut input, &mut out), Err(CodecError::Range { got: 65, .. })));
    }

    proptest! {
        #[test]
        fn values_of_every_width_come_back(shift in 0u32..64, base: i64, values in prop::collection::vec(any::<u64>(), 0..=FRAME), odd: Option<(prop::sample::Index, i64)>) {
            let mut values: Vec<i64> = values.into_iter().map(|v| base.wrapping_add((v >> shift) as i64)).collect();
            if let Some((at, value)) = odd && !values.is_empty() {
                let at = at.index(values.len());
                values[at] = value;
            }
            let planned = plan(&values).bytes;
            prop_assert!(round_trip(&values) <= planned + 4);
        }

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300), n in 0..=FRAME) {
            let mut out = vec![0; n];
            let _ = decode(&mut &bytes[..], &mut out);
        }
    }
}
