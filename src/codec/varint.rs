//! Variable-length integers.
//!
//! LEB128: seven bits a byte, the lowest first, the high bit set on all bytes but the last; at most ten bytes. Signed
//! numbers are zigzagged first (0, -1, 1, -2, ... become 0, 1, 2, 3, ...), so that small ones of both signs are short.

use super::CodecError;

/// The longest encoding of a u64.
pub const MAX_LEN: usize = 10;

/// Appends `value`.
pub fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends `value`, zigzagged.
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, zigzag(value));
}

/// How many bytes [`put`] needs for `value`.
#[must_use]
pub const fn len(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Takes a number off the front of `input`; `what` names the place in errors.
///
/// # Errors
/// When `input` ends inside the number or the number has more than 64 bits.
#[inline]
pub fn get(input: &mut &[u8], what: &'static str) -> Result<u64, CodecError> {
    // Most numbers are small.
    match input.split_first() {
        Some((&byte, rest)) if byte < 0x80 => {
            *input = rest;
            Ok(u64::from(byte))
        }
        _ => get_long(input, what),
    }
}

fn get_long(input: &mut &[u8], what: &'static str) -> Result<u64, CodecError> {
    let mut value = 0u64;
    let mut bytes = input.iter();
    for shift in (0..64).step_by(7) {
        let byte = *bytes.next().ok_or(CodecError::Truncated(what))?;
        if shift == 63 && byte > 1 {
            return Err(CodecError::Varint(what));
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            *input = bytes.as_slice();
            return Ok(value);
        }
    }
    Err(CodecError::Varint(what))
}

/// Takes a zigzagged number off the front of `input`.
///
/// # Errors
/// As [`get`].
pub fn get_signed(input: &mut &[u8], what: &'static str) -> Result<i64, CodecError> {
    get(input, what).map(unzigzag)
}

/// Takes a number that must not exceed `limit`.
///
/// # Errors
/// As [`get`], and when the number is larger.
pub fn get_at_most(input: &mut &[u8], limit: usize, what: &'static str) -> Result<usize, CodecError> {
    let got = get(input, what)?;
    match usize::try_from(got) {
        Ok(n) if n <= limit => Ok(n),
        _ => Err(CodecError::Range { what, got, limit: limit as u64 }),
    }
}

/// Takes a u32.
///
/// # Errors
/// As [`get`], and when the number is larger than 32 bits.
pub fn get_u32(input: &mut &[u8], what: &'static str) -> Result<u32, CodecError> {
    let got = get(input, what)?;
    u32::try_from(got).map_err(|_| CodecError::Range { what, got, limit: u64::from(u32::MAX) })
}

/// Small numbers of both signs to small numbers.
#[must_use]
pub const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
#[must_use]
pub const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_eleventh_byte_or_a_65th_bit_is_refused() {
        let mut long = &[0x80u8; 11][..];
        assert_eq!(get(&mut long, "test"), Err(CodecError::Varint("test")));
        let mut wide = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02][..];
        assert_eq!(get(&mut wide, "test"), Err(CodecError::Varint("test")));
        let mut short = &[0x80u8][..];
        assert_eq!(get(&mut short, "test"), Err(CodecError::Truncated("test")));
    }

    #[test]
    fn a_number_above_its_limit_is_refused() {
        let mut input = &[0x7f][..];
        assert!(matches!(get_at_most(&mut input, 126, "n"), Err(CodecError::Range { got: 127, limit: 126, .. })));
    }

    proptest! {
        #[test]
        fn numbers_come_back_and_have_the_promised_length(shift in 0u32..64, bits: u64) {
            let value = bits >> shift;
            let mut out = Vec::new();
            put(&mut out, value);
            prop_assert_eq!(out.len(), len(value));
            prop_assert!(out.len() <= MAX_LEN);
            out.push(7);
            let mut input = &out[..];
            prop_assert_eq!(get(&mut input, "test"), Ok(value));
            prop_assert_eq!(input, &[7]);
            prop_assert_eq!(unzigzag(zigzag(value as i64)), value as i64);
        }

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let mut input = &bytes[..];
            if get(&mut input, "test").is_err() {
                prop_assert_eq!(input, &bytes[..]);
            }
        }
    }
}
