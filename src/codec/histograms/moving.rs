//! What differs from sample to sample in a run.

use super::layout::{Layout, WHAT};
use crate::{
    codec::{CodecError, take, take_byte, varint},
    model::{BucketCounts, Histogram},
};

/// The fields of the sample before, as bits, in the order in which they are written.
#[derive(Default)]
pub(super) struct Moving {
    before: Vec<u64>,
    next: usize,
}

impl Moving {
    /// The field of the sample before that stands where the coming one does; it is replaced by what is returned for.
    fn slot(&mut self) -> &mut u64 {
        if self.next >= self.before.len() {
            self.before.resize(self.next + 1, 0);
        }
        let at = self.next;
        self.next += 1;
        #[expect(clippy::indexing_slicing, reason = "the vector was made long enough above")]
        &mut self.before[at]
    }

    fn put_integer(&mut self, value: u64, out: &mut Vec<u8>) {
        let before = std::mem::replace(self.slot(), value);
        varint::put_signed(out, value.wrapping_sub(before) as i64);
    }

    fn put_float(&mut self, value: f64, out: &mut Vec<u8>) {
        let bits = value.to_bits();
        let xor = std::mem::replace(self.slot(), bits) ^ bits;
        if xor == 0 {
            out.push(0x80);
            return;
        }
        let (leading, trailing) = (xor.leading_zeros() / 8, xor.trailing_zeros() / 8);
        out.push((leading << 4 | trailing) as u8);
        let bytes = (xor >> (trailing * 8)).to_le_bytes();
        out.extend(bytes.iter().take(8 - (leading + trailing) as usize));
    }

    fn get_integer(&mut self, input: &mut &[u8]) -> Result<u64, CodecError> {
        let delta = varint::get_signed(input, WHAT)?;
        let slot = self.slot();
        *slot = slot.wrapping_add(delta as u64);
        Ok(*slot)
    }

    fn get_float(&mut self, input: &mut &[u8]) -> Result<f64, CodecError> {
        let head = take_byte(input, WHAT)?;
        let (leading, trailing) = (head >> 4, head & 15);
        let zeros = leading + trailing;
        let slot = self.slot();
        if head != 0x80 {
            let len = 8u8.checked_sub(zeros).filter(|len| *len > 0);
            let len = len.ok_or(CodecError::Range { what: "zero bytes of an XOR", got: u64::from(zeros), limit: 7 })?;
            let mut bytes = [0; 8];
            for (to, from) in bytes.iter_mut().zip(take(input, usize::from(len), WHAT)?) {
                *to = *from;
            }
            *slot ^= u64::from_le_bytes(bytes) << (trailing * 8);
        }
        Ok(f64::from_bits(*slot))
    }

    pub(super) fn encode(&mut self, histogram: &Histogram, out: &mut Vec<u8>) {
        self.next = 0;
        self.put_float(histogram.sum, out);
        match &histogram.counts {
            BucketCounts::Integer { count, zero, positive, negative } => {
                self.put_integer(*count, out);
                self.put_integer(*zero, out);
                for delta in positive.iter().chain(negative) {
                    self.put_integer(*delta as u64, out);
                }
            }
            BucketCounts::Float { count, zero, positive, negative } => {
                self.put_float(*count, out);
                self.put_float(*zero, out);
                for count in positive.iter().chain(negative) {
                    self.put_float(*count, out);
                }
            }
        }
    }

    /// Takes the next sample's sum and counts.
    pub(super) fn decode(&mut self, layout: &Layout, input: &mut &[u8]) -> Result<(f64, BucketCounts), CodecError> {
        self.next = 0;
        // Each count takes a byte at least: refuse before taking memory for what can't be there.
        let buckets = layout.positive + layout.negative;
        if buckets > input.len() {
            return Err(CodecError::Truncated(WHAT));
        }
        let sum = self.get_float(input)?;
        let counts = if layout.is_float() {
            let (count, zero) = (self.get_float(input)?, self.get_float(input)?);
            let mut take = |n: usize| (0..n).map(|_| self.get_float(input)).collect::<Result<Vec<_>, _>>();
            BucketCounts::Float { count, zero, positive: take(layout.positive)?, negative: take(layout.negative)? }
        } else {
            let (count, zero) = (self.get_integer(input)?, self.get_integer(input)?);
            let mut take =
                |n: usize| (0..n).map(|_| self.get_integer(input).map(|v| v as i64)).collect::<Result<Vec<_>, _>>();
            BucketCounts::Integer { count, zero, positive: take(layout.positive)?, negative: take(layout.negative)? }
        };
        Ok((sum, counts))
    }
}
