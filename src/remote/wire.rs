//! A walk over protobuf bytes that copies nothing: fields one by one, strings and messages as slices.
//!
//! ```text
//! field   varint(number << 3 | kind) value
//! kind 0  varint                      kind 1  8 bytes, little endian
//! kind 2  varint(length) bytes        kind 5  4 bytes, little endian
//! ```
//!
//! Kinds 3 and 4 delimited groups, which proto3 doesn't have: they are refused. Unknown fields are the caller's to
//! skip: a `_` arm does. A known field of the wrong kind is [`WireError::Kind`]. Every byte string is either walked to
//! its end or refused; nothing panics.

/// Why bytes are no protobuf message of the expected type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A value, or its length, runs past the end of its message.
    #[error("a value runs past the end of its message")]
    Truncated,
    /// A varint has more than 64 bits.
    #[error("a varint has more than 64 bits")]
    Varint,
    /// A field number is 0 or beyond what protobuf allows.
    #[error("a field number is out of range")]
    Number,
    /// A group, or one of the two kinds that mean nothing.
    #[error("field {0} is a group or of an unknown kind")]
    Group(u32),
    /// A known field is of another kind than its type has.
    #[error("field {0} has the wrong wire type")]
    Kind(u32),
}

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

/// The fields of one message, front to back.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// How many bytes are still to come.
    #[inline]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next field's number and value; `None` at the end.
    ///
    /// Inlined always: callers match on the number and the kind at once, and a call would cost more than the rest.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = u32::try_from(take_varint(&mut self.rest)?).map_err(|_| WireError::Number)?;
        let number = key >> 3;
        if number == 0 {
            return Err(WireError::Number);
        }
        let value = match key & 7 {
            0 => Value::Varint(take_varint(&mut self.rest)?),
            1 => Value::Fixed64(take_fixed64(&mut self.rest)?),
            2 => {
                let len = take_varint(&mut self.rest)?;
                let len = usize::try_from(len).map_err(|_| WireError::Truncated)?;
                let (bytes, rest) = self.rest.split_at_checked(len).ok_or(WireError::Truncated)?;
                self.rest = rest;
                Value::Bytes(bytes)
            }
            5 => {
                self.rest = self.rest.get(4..).ok_or(WireError::Truncated)?;
                Value::Fixed32
            }
            _ => return Err(WireError::Group(number)),
        };
        Ok(Some((number, value)))
    }
}

impl<'a> Value<'a> {
    /// The bytes of a string or message; `number` names the field in the error.
    #[inline]
    pub(crate) fn bytes(self, number: u32) -> Result<&'a [u8], WireError> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(WireError::Kind(number)) }
    }

    /// The number of an integer or enum field; narrower types keep the low bits, as protobuf has it.
    #[inline]
    pub(crate) fn varint(self, number: u32) -> Result<u64, WireError> {
        if let Self::Varint(value) = self { Ok(value) } else { Err(WireError::Kind(number)) }
    }

    /// The value of a double field, bit for bit.
    #[inline]
    pub(crate) fn double(self, number: u32) -> Result<f64, WireError> {
        if let Self::Fixed64(bits) = self { Ok(f64::from_bits(bits)) } else { Err(WireError::Kind(number)) }
    }

    /// Appends the values of a repeated integer field, packed or one by one.
    #[inline]
    pub(crate) fn varints<T>(self, number: u32, out: &mut Vec<T>, convert: impl Fn(u64) -> T) -> Result<(), WireError> {
        match self {
            Self::Varint(value) => out.push(convert(value)),
            Self::Bytes(mut packed) => {
                out.reserve(packed.len());
                while !packed.is_empty() {
                    out.push(convert(take_varint(&mut packed)?));
                }
            }
            _ => return Err(WireError::Kind(number)),
        }
        Ok(())
    }

    /// Appends the values of a repeated double field, packed or one by one.
    pub(crate) fn doubles(self, number: u32, out: &mut Vec<f64>) -> Result<(), WireError> {
        match self {
            Self::Fixed64(bits) => out.push(f64::from_bits(bits)),
            Self::Bytes(mut packed) => {
                while !packed.is_empty() {
                    out.push(f64::from_bits(take_fixed64(&mut packed)?));
                }
            }
            _ => return Err(WireError::Kind(number)),
        }
        Ok(())
    }
}

/// What a Sample message says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SentSample {
    pub(crate) time: i64,
    pub(crate) value: f64,
    /// 0: none.
    pub(crate) start: i64,
}

/// Reads a Sample message of either protocol. The start timestamp is field 3 of 2.0; 1.0 has no such field and skips it
/// (`with_start` is false).
#[inline]
pub(crate) fn sample(message: &[u8], with_start: bool) -> Result<SentSample, WireError> {
    // As every encoder writes it: the fields in order, nothing else.
    if let Some(([0x09, value @ .., 0x10], mut rest)) = message.split_first_chunk::<10>()
        && let Ok(time) = take_varint(&mut rest)
    {
        let plain = SentSample { time: time as i64, value: f64::from_le_bytes(*value), start: 0 };
        if rest.is_empty() {
            return Ok(plain);
        }
        if with_start
            && let [0x18, start @ ..] = rest
            && let mut rest = start
            && let Ok(start) = take_varint(&mut rest)
            && rest.is_empty()
        {
            return Ok(SentSample { start: start as i64, ..plain });
        }
    }
    sample_by_fields(message, with_start)
}

/// The general way, out of the way of the usual one.
#[inline(never)]
fn sample_by_fields(message: &[u8], with_start: bool) -> Result<SentSample, WireError> {
    let mut sample = SentSample { time: 0, value: 0.0, start: 0 };
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => sample.value = field.double(1)?,
            2 => sample.time = field.varint(2)? as i64,
            3 if with_start => sample.start = field.varint(3)? as i64,
            _ => {}
        }
    }
    Ok(sample)
}

/// The signed number behind a zigzag-coded one: 0, -1, 1, -2, ...
#[inline]
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// The same in 32 bits.
#[inline]
pub(crate) fn unzigzag32(value: u64) -> i32 {
    let value = value as u32;
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

/// Lengths and symbol references have one to three bytes: those are read without a loop.
#[inline]
fn take_varint(rest: &mut &[u8]) -> Result<u64, WireError> {
    let low = |byte: u8| u64::from(byte & 0x7f);
    let (value, after) = match *rest {
        [a @ ..0x80, after @ ..] => (u64::from(*a), after),
        [a, b @ ..0x80, after @ ..] => (low(*a) | u64::from(*b) << 7, after),
        [a, b, c @ ..0x80, after @ ..] => (low(*a) | low(*b) << 7 | u64::from(*c) << 14, after),
        _ => return take_long_varint(rest),
    };
    *rest = after;
    Ok(value)
}

fn take_long_varint(rest: &mut &[u8]) -> Result<u64, WireError> {
    let mut value = 0;
    for (i, &byte) in rest.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            // The tenth byte has room for the last bit only.
            if i == 9 && byte > 1 {
                return Err(WireError::Varint);
            }
            *rest = rest.get(i + 1..).unwrap_or_default();
            return Ok(value);
        }
    }
    Err(if rest.len() < 10 { WireError::Truncated } else { WireError::Varint })
}

#[inline]
fn take_fixed64(rest: &mut &[u8]) -> Result<u64, WireError> {
    let (bytes, after) = rest.split_first_chunk::<8>().ok_or(WireError::Truncated)?;
    *rest = after;
    Ok(u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn walk(bytes: &[u8]) -> Result<Vec<(u32, Value<'_>)>, WireError> {
        let mut fields = Fields::new(bytes);
        let mut found = Vec::new();
        while let Some(field) = fields.next()? {
            found.push(field);
        }
        Ok(found)
    }

    #[test]
    fn each_kind_of_field_is_read() {
        let bytes = [0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x19, 1, 0, 0, 0, 0, 0, 0, 0, 0x25, 9, 9, 9, 9];
        let want = [(1, Value::Varint(150)), (2, Value::Bytes(b"hi")), (3, Value::Fixed64(1)), (4, Value::Fixed32)];
        assert_eq!(walk(&bytes).unwrap(), want);
    }

    #[test]
    fn damage_is_named() {
        assert_eq!(walk(&[0x12, 3, b'h']), Err(WireError::Truncated));
        assert_eq!(walk(&[0x08, 0x80]), Err(WireError::Truncated));
        assert_eq!(walk(&[0x19, 0, 0]), Err(WireError::Truncated));
        assert_eq!(walk(&[0x00, 0]), Err(WireError::Number));
        assert_eq!(walk(&[0x80, 0x80, 0x80, 0x80, 0x10, 0]), Err(WireError::Number));
        assert_eq!(walk(&[0x0b, 0x0c]), Err(WireError::Group(1)));
        let eleven = [&[0x08][..], &[0xff; 10], &[0]].concat();
        assert_eq!(walk(&eleven), Err(WireError::Varint));
        let sixty_five_bits = [&[0x08][..], &[0xff; 9], &[2]].concat();
        assert_eq!(walk(&sixty_five_bits), Err(WireError::Varint));
    }

    #[test]
    fn zigzag_reaches_both_ends() {
        assert_eq!([0, 1, 2, u64::MAX - 1, u64::MAX].map(unzigzag), [0, -1, 1, i64::MAX, i64::MIN]);
        assert_eq!([3, u64::from(u32::MAX)].map(unzigzag32), [-2, i32::MIN]);
    }

    proptest! {
        #[test]
        fn varints_round_trip(value: u64) {
            let mut bytes = vec![0x08];
            prost::encoding::encode_varint(value, &mut bytes);
            prop_assert_eq!(walk(&bytes).unwrap(), vec![(1, Value::Varint(value))]);
        }

        #[test]
        fn every_byte_string_is_walked_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut fields = Fields::new(&bytes);
            let mut before = fields.left() + 1;
            while let Ok(Some(_)) = fields.next() {
                prop_assert!(fields.left() < before);
                before = fields.left();
            }
        }
    }
}
