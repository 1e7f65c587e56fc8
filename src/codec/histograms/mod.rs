//! A column of native histograms: whatever their fields hold, valid or not, comes back bit for bit.
//!
//! Neighbours of a series mostly share everything but their counts, so the column is a list of runs; a run says
//! its layout and number of samples once, then comes the moving part of each sample.
//!
//! ```text
//! run     samples: varint | layout | sample | sample | ...
//! layout  kind and hint: 1            bits 0-1 the reset hint's number, bit 2 set for float counts
//!         schema: zigzag varint
//!         zero threshold: 8 bytes LE
//!         positive spans              number: varint, each: offset zigzag varint, length varint
//!         negative spans              likewise
//!         custom bounds               number: varint, each 8 bytes LE
//!         positive counts: varint     (their number, which an invalid histogram's spans don't tell)
//!         negative counts: varint
//! sample  sum: xor | count | zero | positive counts | negative counts
//! ```
//!
//! Integer counts are zigzag varints of the wrapping difference to the same field of the sample before in the run, 0
//! before the first. `sum` and float counts are XORs with the same field of the sample before (0 before the first):
//! a byte with the number of leading zero bytes in its high half and of trailing ones in its low half, then the bytes
//! between, little-endian; equal values are the byte 0x80.

mod layout;
mod moving;

use super::{CodecError, varint};
use crate::model::Histogram;
use layout::{Layout, WHAT};
use moving::Moving;

/// Appends the column of `samples`.
pub fn encode<'a>(samples: impl IntoIterator<Item = &'a Histogram>, out: &mut Vec<u8>) {
    let mut samples = samples.into_iter().peekable();
    while let Some(first) = samples.next() {
        let layout = Layout::of(first);
        let mut run = Vec::new();
        let mut moving = Moving::default();
        moving.encode(first, &mut run);
        let mut length = 1;
        while let Some(sample) = samples.next_if(|next| layout.fits(next)) {
            moving.encode(sample, &mut run);
            length += 1;
        }
        varint::put(out, length);
        layout.encode(out);
        out.extend_from_slice(&run);
    }
}

/// Appends the `count` histograms of a column to `out`.
///
/// The layout is repeated in every histogram of a run, so a few bytes may ask for a lot of memory: once the decoded
/// histograms pass `memory` bytes (by [`Histogram::memory`]), only a first one is accepted.
///
/// # Errors
/// When the bytes are not such a column or the memory is used up; `out` may then hold some histograms more.
pub fn decode(bytes: &[u8], count: usize, memory: usize, out: &mut Vec<Histogram>) -> Result<(), CodecError> {
    let mut input = bytes;
    let mut used = 0usize;
    let mut left = count;
    while left > 0 {
        let run = varint::get_at_most(&mut input, left, "the length of a histogram run")?;
        let layout = Layout::decode(&mut input)?;
        let mut moving = Moving::default();
        for _ in 0..run {
            let (sum, counts) = moving.decode(&layout, &mut input)?;
            used = used.saturating_add(layout.memory());
            if used > memory && left < count {
                let (got, limit) = (used as u64, memory as u64);
                return Err(CodecError::Range { what: "the memory of decoded histograms", got, limit });
            }
            out.push(layout.histogram(sum, counts));
            left -= 1;
        }
    }
    super::finish(input, WHAT)
}

#[cfg(test)]
mod tests;
