//! Bytes: how numbers and columns are written and read back.
//!
//! Small tools: [`varint`] (LEB128 and zigzag), [`checksum`] (CRC32), [`bits`] (single bits, most significant first).
//!
//! Columns, written once and decoded in one go into plain arrays, each with a tag byte that says how:
//!
//! - [`times`]: sample times, regular steps above all;
//! - [`floats`]: values, as a constant, as scaled decimals with or without small errors, or as their bits;
//! - [`cross_series`]: values, as what they differ by from those of a neighbouring column;
//! - [`histograms`]: native histograms, the bucket layout stored once for a run of samples;
//! - [`ints`] and [`pack`]: what the first two rest on: integers as runs and deltas, deltas as bit-packed frames.
//!
//! And one form that grows sample by sample: [`gorilla`], the chunks of the memtable, which shares [`xor`] with the
//! float columns of older tables.
//!
//! Everything is exact: times are any `i64` (differences wrap), values any 64 bits. Every decoder is total: whatever
//! the bytes are it answers, and it allocates no more than the caller's sample count (or, for histograms, the
//! caller's memory limit) allows. Columns don't store their sample count or length; whoever stores columns does.

pub mod bits;
pub mod checksum;
pub mod cross_series;
mod decimal;
mod decimal_ulp;
pub mod floats;
pub mod gorilla;
pub mod histograms;
pub mod ints;
pub mod last;
pub mod pack;
mod packed;
mod radix;
mod runs;
pub mod times;
pub mod varint;
pub mod xor;

/// Why bytes could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes end too early.
    #[error("the bytes of {0} end in the middle")]
    Truncated(&'static str),
    /// Bytes are left after the last value.
    #[error("{extra} bytes are left over after the last value of {what}")]
    Trailing {
        /// What was being decoded.
        what: &'static str,
        /// How many bytes remain.
        extra: usize,
    },
    /// A varint doesn't fit 64 bits.
    #[error("a varint in {0} is longer than 64 bits")]
    Varint(&'static str),
    /// A tag byte that no version of this format uses.
    #[error("{what} has the unknown tag {tag}")]
    Tag {
        /// What was being decoded.
        what: &'static str,
        /// The byte found.
        tag: u8,
    },
    /// A number stands outside of what its place allows.
    #[error("{what} is {got}, which is more than the {limit} possible here")]
    Range {
        /// Which number.
        what: &'static str,
        /// Its value.
        got: u64,
        /// The largest that makes sense.
        limit: u64,
    },
}

/// Takes `n` bytes off the front of `input`.
pub(crate) fn take<'a>(input: &mut &'a [u8], n: usize, what: &'static str) -> Result<&'a [u8], CodecError> {
    let (head, tail) = input.split_at_checked(n).ok_or(CodecError::Truncated(what))?;
    *input = tail;
    Ok(head)
}

/// Takes one byte off the front of `input`.
pub(crate) fn take_byte(input: &mut &[u8], what: &'static str) -> Result<u8, CodecError> {
    let (head, tail) = input.split_first().ok_or(CodecError::Truncated(what))?;
    *input = tail;
    Ok(*head)
}

/// Takes a little-endian u64 off the front of `input`.
pub(crate) fn take_u64(input: &mut &[u8], what: &'static str) -> Result<u64, CodecError> {
    let (head, tail) = input.split_first_chunk::<8>().ok_or(CodecError::Truncated(what))?;
    *input = tail;
    Ok(u64::from_le_bytes(*head))
}

/// Fails unless `input` is used up.
pub(crate) fn finish(input: &[u8], what: &'static str) -> Result<(), CodecError> {
    if input.is_empty() { Ok(()) } else { Err(CodecError::Trailing { what, extra: input.len() }) }
}
