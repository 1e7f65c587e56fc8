//! Single bits, most significant first.

use super::CodecError;

/// Room that a writer begins with.
const FIRST: usize = 32;
/// The least that it grows by afterwards: series that live for five samples need little more than the first room.
const GROWTH: usize = 16;

/// Appends bits to bytes. The last byte is filled up with zeros.
///
/// Grows by an eighth and not by doubling: the memtable keeps one writer for each of its series.
#[derive(Debug, Clone, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte not used yet, 0 to 7.
    free: u8,
}

impl BitWriter {
    /// No bits yet, and no memory taken.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), free: 0 }
    }

    /// Goes on after `bytes`, all of which are full.
    #[must_use]
    pub const fn after(bytes: Vec<u8>) -> Self {
        Self { bytes, free: 0 }
    }

    /// Appends the low `n` (at most 64) bits of `value`.
    #[inline]
    pub fn put(&mut self, value: u64, n: u32) {
        if n == 0 {
            return;
        }
        // The bits to write, moved up against the top.
        let mut rest = value << (64 - n.min(64));
        let mut left = n.min(64);
        let free = u32::from(self.free);
        if free > 0
            && let Some(last) = self.bytes.last_mut()
        {
            *last |= (rest >> (64 - free)) as u8;
            if left <= free {
                self.free = (free - left) as u8;
                return;
            }
            rest <<= free;
            left -= free;
        }
        let (len, whole) = (self.bytes.len(), left.div_ceil(8));
        let room = self.bytes.capacity() - len;
        if room < whole as usize {
            let least = if len == 0 { FIRST } else { GROWTH };
            self.bytes.reserve_exact(least.max(self.bytes.capacity() / 8));
        }
        if room >= 8 {
            // Eight bytes at once, and away with those too many, is less work than counting.
            self.bytes.extend_from_slice(&rest.to_be_bytes());
            self.bytes.truncate(len + whole as usize);
        } else {
            self.bytes.extend(rest.to_be_bytes().iter().take(whole as usize));
        }
        self.free = (whole * 8 - left) as u8;
    }

    /// Goes on where [`BitWriter::into_parts`] stopped.
    #[must_use]
    pub(super) const fn from_parts(bytes: Vec<u8>, free: u8) -> Self {
        Self { bytes, free }
    }

    /// The bytes and how many bits of the last are free, for who has to keep them in less space than a writer.
    #[must_use]
    pub(super) fn into_parts(self) -> (Vec<u8>, u8) {
        (self.bytes, self.free)
    }

    /// The bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Takes bits off bytes.
#[derive(Debug, Clone)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    /// Position of the next bit.
    at: usize,
    what: &'static str,
}

impl<'a> BitReader<'a> {
    /// Reads `bytes` from their first bit; `what` names them in errors.
    #[must_use]
    pub const fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, at: 0, what }
    }

    /// The next 64 bits, moved up against the top; zeros where there are no more.
    #[inline]
    fn peek(&self) -> u64 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let shift = (self.at % 8) as u32;
        let (first, ninth) = match rest.first_chunk::<9>() {
            Some([head @ .., ninth]) => (*head, *ninth),
            None => {
                let mut head = [0; 8];
                for (to, from) in head.iter_mut().zip(rest) {
                    *to = *from;
                }
                (head, 0)
            }
        };
        // With shift 0 the ninth byte is shifted out whole.
        (u64::from_be_bytes(first) << shift) | (u64::from(ninth) >> (8 - shift))
    }

    /// Takes `n` (at most 64) bits.
    ///
    /// # Errors
    /// When fewer are left.
    #[inline]
    pub fn get(&mut self, n: u32) -> Result<u64, CodecError> {
        if n == 0 {
            return Ok(0);
        }
        let n = n.min(64);
        let value = self.peek() >> (64 - n);
        self.skip(n)?;
        Ok(value)
    }

    /// Takes one bits up to and including a zero, at most `max` bits, and says how many ones there were.
    ///
    /// # Errors
    /// When the bytes end before.
    #[inline]
    pub fn ones(&mut self, max: u32) -> Result<u32, CodecError> {
        let ones = self.peek().leading_ones().min(max);
        self.skip(if ones == max { max } else { ones + 1 })?;
        Ok(ones)
    }

    #[inline]
    fn skip(&mut self, n: u32) -> Result<(), CodecError> {
        let at = self.at + n as usize;
        if at > self.bytes.len() * 8 {
            return Err(CodecError::Truncated(self.what));
        }
        self.at = at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bits_fill_bytes_from_the_top() {
        let mut writer = BitWriter::new();
        writer.put(0b1, 1);
        writer.put(0b0110, 4);
        writer.put(0b1_0000_0001, 9);
        assert_eq!(writer.into_bytes(), [0b1011_0100, 0b0000_0100]);
    }

    #[test]
    fn reading_past_the_end_fails() {
        let mut reader = BitReader::new(&[0xff, 0xff], "test");
        assert_eq!(reader.get(12), Ok(0xfff));
        assert_eq!(reader.get(5), Err(CodecError::Truncated("test")));
        assert_eq!(reader.ones(9), Err(CodecError::Truncated("test")));
        assert_eq!(reader.ones(4), Ok(4));
        assert_eq!(reader.get(0), Ok(0));
    }

    proptest! {
        #[test]
        fn what_is_put_is_got(items in prop::collection::vec((any::<u64>(), 0u32..=64), 0..200)) {
            let mut writer = BitWriter::new();
            for (value, n) in &items {
                writer.put(*value, *n);
            }
            let bytes = writer.into_bytes();
            let total: u32 = items.iter().map(|i| i.1).sum();
            prop_assert_eq!(bytes.len(), total.div_ceil(8) as usize);
            let mut reader = BitReader::new(&bytes, "test");
            for (value, n) in &items {
                let mask = if *n == 64 { u64::MAX } else { (1 << n) - 1 };
                prop_assert_eq!(reader.get(*n), Ok(value & mask));
            }
        }

        #[test]
        fn unary_numbers_come_back(items in prop::collection::vec(0u32..=4, 0..100)) {
            let mut writer = BitWriter::new();
            for ones in &items {
                for _ in 0..*ones {
                    writer.put(1, 1);
                }
                if *ones < 4 {
                    writer.put(0, 1);
                }
            }
            let bytes = writer.into_bytes();
            let mut reader = BitReader::new(&bytes, "test");
            for ones in &items {
                prop_assert_eq!(reader.ones(4), Ok(*ones));
            }
        }
    }
}
