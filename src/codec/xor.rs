//! Values as a chain of XORs, after Gorilla: neighbours share sign, exponent and often the top or bottom of the
//! mantissa, so their XOR is a short run of meaningful bits between zeros.
//!
//! ```text
//! 0                                     same value as before
//! 10 <bits>                             the meaningful bits lie in the same window as last time
//! 11 <5: leading zeros> <6: len-1> <len bits>   a window of its own; leading zeros count up to 31
//! ```

use super::{
    CodecError,
    bits::{BitReader, BitWriter},
};

/// Largest number of leading zeros that the five bits can say.
const MAX_LEADING: u32 = 31;

/// Appends a head and the bits it announces, mostly in one go. Both have no bits beyond their width.
#[inline]
fn put_both(out: &mut BitWriter, (head, head_len): (u64, u32), (bits, len): (u64, u32)) {
    if head_len + len <= 64 {
        out.put((head << len) | bits, head_len + len);
    } else {
        out.put(head, head_len);
        out.put(bits, len);
    }
}

/// Where the meaningful bits of the last XOR were. The chain starts without a window (`len` 0).
#[derive(Debug, Clone, Copy, Default)]
pub struct Window {
    leading: u8,
    len: u8,
}

impl Window {
    /// Appends `value`, which follows `before`.
    #[inline]
    pub fn put(&mut self, out: &mut BitWriter, before: u64, value: u64) {
        self.put_after(out, (0, 0), before, value);
    }

    /// Appends at most 32 bits, their number beside them, and then `value`: in one go where that fits.
    #[inline]
    pub(super) fn put_after(&mut self, out: &mut BitWriter, (bits, width): (u64, u32), before: u64, value: u64) {
        let xor = before ^ value;
        if xor == 0 {
            out.put(bits << 1, width + 1);
            return;
        }
        let leading = xor.leading_zeros().min(MAX_LEADING);
        let trailing = xor.trailing_zeros();
        let len = 64 - leading - trailing;
        let (old_leading, old_len) = (u32::from(self.leading), u32::from(self.len));
        let old_trailing = 64 - old_leading - old_len;
        // A window much too wide costs more, sample by sample, than saying a new one (11 bits) does.
        if old_len > 0 && leading >= old_leading && trailing >= old_trailing && old_len < len + 11 {
            put_both(out, (bits << 2 | 0b10, width + 2), (xor >> old_trailing, old_len));
            return;
        }
        let head = (0b11 << 11) | u64::from(leading << 6) | u64::from(len - 1);
        put_both(out, (bits << 13 | head, width + 13), (xor >> trailing, len));
        *self = Self { leading: leading as u8, len: len as u8 };
    }

    /// Takes the value that follows `before`.
    ///
    /// # Errors
    /// When the bits end, or describe a window wider than a value.
    #[inline]
    pub fn get(&mut self, input: &mut BitReader<'_>, before: u64) -> Result<u64, CodecError> {
        match input.ones(2)? {
            0 => return Ok(before),
            1 => {}
            _ => {
                let head = input.get(11)?;
                let (leading, len) = (head >> 6, (head & 63) + 1);
                if leading + len > 64 {
                    return Err(CodecError::Range { what: "the width of an XOR", got: leading + len, limit: 64 });
                }
                *self = Self { leading: leading as u8, len: len as u8 };
            }
        }
        let len = u32::from(self.len);
        let xor = input.get(len)?;
        // Without a window (len 0, leading 0) there are no bits to shift.
        Ok(before ^ xor.checked_shl(64 - u32::from(self.leading) - len).unwrap_or(0))
    }

    /// Takes what stands before the meaningful bits of a value unlike the one before it, from the top of a word that begins
    /// with a one; answers how many bits that was. Which of the two forms it is can't be foreseen, so nothing branches on it.
    ///
    /// # Errors
    /// When it describes a window wider than a value.
    #[inline(always)]
    pub(super) fn open(&mut self, word: u64) -> Result<u32, CodecError> {
        let is_own = word >> 62 == 0b11;
        let (leading, len) = ((word >> 57 & 31) as u8, (word >> 51 & 63) as u8 + 1);
        self.leading = if is_own { leading } else { self.leading };
        self.len = if is_own { len } else { self.len };
        let width = u64::from(self.leading) + u64::from(self.len);
        if width > 64 {
            return Err(CodecError::Range { what: "the width of an XOR", got: width, limit: 64 });
        }
        Ok(if is_own { 13 } else { 2 })
    }

    /// How many meaningful bits a value has.
    #[inline(always)]
    pub(super) fn len(self) -> u32 {
        u32::from(self.len)
    }

    /// The meaningful bits at the top of `word` in the place where they belong.
    #[inline(always)]
    pub(super) fn place(self, word: u64) -> u64 {
        // Without a window (len 0, leading 0) there are no bits to shift.
        word.checked_shr(64 - self.len()).map_or(0, |bits| bits << (64 - u32::from(self.leading) - self.len()))
    }
}

/// Appends the column of `values` to `out`, as tables of version 1 have it: the first as it is, then the chain.
#[cfg(test)]
pub(super) fn encode(values: &[f64], out: Vec<u8>) -> Vec<u8> {
    let mut bits = BitWriter::after(out);
    let mut window = Window::default();
    let mut before = None;
    for value in values.iter().map(|v| v.to_bits()) {
        match before {
            None => bits.put(value, 64),
            Some(before) => window.put(&mut bits, before, value),
        }
        before = Some(value);
    }
    bits.into_bytes()
}

/// Appends `count` values to `out`.
pub(super) fn decode(bytes: &[u8], count: usize, out: &mut Vec<f64>) -> Result<(), CodecError> {
    // Each value takes at least one bit: a column too short for its count fails before it takes memory.
    if count > bytes.len().saturating_mul(8) {
        return Err(CodecError::Truncated("a float column"));
    }
    let mut bits = BitReader::new(bytes, "a float column");
    let mut window = Window::default();
    let mut value = 0;
    out.reserve(count);
    for i in 0..count {
        value = if i == 0 { bits.get(64)? } else { window.get(&mut bits, value)? };
        out.push(f64::from_bits(value));
    }
    Ok(())
}
