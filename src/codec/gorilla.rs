//! A chunk that grows sample by sample: the form in which the memtable keeps recent samples.
//!
//! ```text,memory
//! first sample     64 bits time, 64 bits value
//! each further     <time> <value>, the value as in `xor`
//!
//! time, as difference of differences d to the two samples before (the first sample follows a difference of 0):
//! 0                d = 0
//! 10    7 bits     -64 <= d < 64                 jitter of a scrape
//! 110   14 bits    -8192 <= d < 8192
//! 1110  20 bits    -524288 <= d < 524288         up to some minutes
//! 1111  64 bits    anything
//! ```
//!
//! Differences wrap, so every sequence of times is exact, from `i64::MIN` to `i64::MAX`.

use std::borrow::Cow;

use super::{CodecError, bits::BitWriter, xor::Window};
use crate::model::TimeRange;

/// Widths of the three short forms of a time.
const SHORT: [u32; 3] = [7, 14, 20];
const WHAT: &str = "a chunk";

/// A chunk open for more samples.
///
/// The first sample alone lives in the struct; bytes are allocated from the second on.
#[derive(Debug, Clone, Default)]
pub struct OpenChunk {
    // The two parts of a bit writer, kept apart so that the small fields share a word.
    bytes: Vec<u8>,
    free: u8,
    time: i64,
    delta: i64,
    value: u64,
    window: Window,
    count: u8,
}

impl OpenChunk {
    /// A chunk counts its samples in a byte.
    pub const MAX_SAMPLES: usize = u8::MAX as usize;

    /// Appends a sample and answers whether there was room for it.
    pub fn append(&mut self, time: i64, value: f64) -> bool {
        let value = value.to_bits();
        let Some(count) = self.count.checked_add(1) else { return false };
        if self.count > 0 {
            let mut bits = BitWriter::from_parts(std::mem::take(&mut self.bytes), self.free);
            if self.count == 1 {
                put_first(&mut bits, self.time, self.value);
            }
            let delta = time.wrapping_sub(self.time);
            let d = delta.wrapping_sub(self.delta);
            let code = short_time(d).unwrap_or_else(|| {
                bits.put(0b1111, 4);
                bits.put(d as u64, 64);
                (0, 0)
            });
            self.window.put_after(&mut bits, code, self.value, value);
            self.delta = delta;
            (self.bytes, self.free) = bits.into_parts();
        }
        self.time = time;
        self.value = value;
        self.count = count;
        true
    }

    /// Number of samples.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is no sample.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Time of the first sample.
    #[must_use]
    pub fn first_time(&self) -> Option<i64> {
        match self.count {
            0 => None,
            1 => Some(self.time),
            _ => first_time(&self.bytes),
        }
    }

    /// Time and value bits of the last sample.
    #[must_use]
    pub fn last(&self) -> Option<(i64, u64)> {
        (self.count > 0).then_some((self.time, self.value))
    }

    /// The byte beside which the next sample goes, if there are bytes.
    #[must_use]
    pub fn newest_byte(&self) -> Option<&u8> {
        self.bytes.last()
    }

    /// Bytes of memory taken beside the struct itself.
    #[must_use]
    pub const fn heap(&self) -> usize {
        self.bytes.capacity()
    }

    /// The chunk's bytes so far, for [`decode`].
    #[must_use]
    pub fn as_bytes(&self) -> Cow<'_, [u8]> {
        if self.count == 1 {
            let mut bits = BitWriter::new();
            put_first(&mut bits, self.time, self.value);
            return Cow::Owned(bits.into_bytes());
        }
        Cow::Borrowed(&self.bytes)
    }

    /// A copy of [`Self::as_bytes`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.as_bytes().into_owned()
    }
}

/// Time of the first sample of a chunk's bytes.
#[must_use]
pub fn first_time(bytes: &[u8]) -> Option<i64> {
    bytes.first_chunk().map(|bytes| i64::from_be_bytes(*bytes))
}

fn put_first(bits: &mut BitWriter, time: i64, value: u64) {
    bits.put(time as u64, 64);
    bits.put(value, 64);
}

/// The bits of a time in one of the short forms, and how many.
#[inline]
fn short_time(d: i64) -> Option<(u64, u32)> {
    if d == 0 {
        return Some((0, 1));
    }
    for (ones, width) in (1u32..).zip(SHORT) {
        let half = 1i64 << (width - 1);
        if (-half..half).contains(&d) {
            let prefix = ((1u64 << ones) - 1) << 1;
            return Some(((prefix << width) | (d as u64 & ((1 << width) - 1)), ones + 1 + width));
        }
    }
    None
}

/// Bytes that one sample may reach over, from the byte of its first bit: it has at most 145 bits, and a load takes nine bytes.
const REACH: usize = 32;

/// The 64 bits of `bytes` at position `at`; zeros where they end before.
#[inline(always)]
fn peek(bytes: &[u8], at: usize) -> u64 {
    let shift = at as u32 % 8;
    match bytes.get(at / 8..).and_then(<[u8]>::first_chunk::<9>) {
        // With shift 0 the ninth byte is shifted out whole.
        Some([head @ .., ninth]) => (u64::from_be_bytes(*head) << shift) | (u64::from(*ninth) >> (8 - shift)),
        None => 0,
    }
}

/// At least 57 bits of `bytes` at position `at`, above zeros: one load instead of two.
#[inline(always)]
fn peek_most(bytes: &[u8], at: usize) -> u64 {
    let word = bytes.get(at / 8..).and_then(<[u8]>::first_chunk);
    word.map_or(0, |word| u64::from_be_bytes(*word) << (at as u32 % 8))
}

/// A sample, and what the next one builds on.
struct Sample {
    /// Position of the next one's bits.
    at: usize,
    time: i64,
    delta: i64,
    value: u64,
    window: Window,
}

impl Sample {
    /// The first sample of a chunk.
    fn first(bytes: &[u8]) -> Result<Self, CodecError> {
        let word = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map(|word| u64::from_be_bytes(*word));
        let (time, value) = word(0).zip(word(8)).ok_or(CodecError::Truncated(WHAT))?;
        Ok(Self { at: 128, time: time as i64, delta: 0, value, window: Window::default() })
    }

    /// Goes on to the next sample. All that it may reach over has to be there.
    ///
    /// # Errors
    /// When it ends behind position `limit`.
    #[inline(always)]
    fn step(&mut self, bytes: &[u8], limit: usize) -> Result<(), CodecError> {
        let word = peek_most(bytes, self.at);
        // The same difference and the same value: most samples of most series.
        if word >> 62 == 0 {
            self.at += 2;
            self.time = self.time.wrapping_add(self.delta);
            return self.within(limit);
        }
        let ones = word.leading_ones().min(4);
        // The forms that are no jitter of a scrape are rare, so what the value begins with is in the same word.
        let value = match ones.checked_sub(1).map(|form| SHORT.get(form as usize)) {
            None => {
                self.at += 1;
                word << 1
            }
            Some(Some(width)) => {
                let d = ((word << (ones + 1)) as i64) >> (64 - width);
                self.delta = self.delta.wrapping_add(d);
                self.at += (ones + 1 + width) as usize;
                word << (ones + 1 + width)
            }
            Some(None) => {
                self.delta = self.delta.wrapping_add(peek(bytes, self.at + 4) as i64);
                self.at += 4 + 64;
                peek_most(bytes, self.at)
            }
        };
        self.time = self.time.wrapping_add(self.delta);
        if value >> 63 == 0 {
            self.at += 1;
            return self.within(limit);
        }
        self.at += self.window.open(value)? as usize;
        self.value ^= self.window.place(peek(bytes, self.at));
        self.at += self.window.len() as usize;
        self.within(limit)
    }

    #[inline(always)]
    fn within(&self, limit: usize) -> Result<(), CodecError> {
        if self.at > limit { Err(CodecError::Truncated(WHAT)) } else { Ok(()) }
    }
}

/// Samples of a chunk that are wanted, and where they go.
struct Wanted<'o> {
    /// Samples not looked at yet, the next one included.
    left: usize,
    range: TimeRange,
    times: &'o mut Vec<i64>,
    values: &'o mut Vec<f64>,
}

impl Wanted<'_> {
    /// Takes samples from `next` on as long as they begin before position `end`.
    ///
    /// # Errors
    /// When a sample ends behind position `limit`.
    #[inline(always)]
    fn take(&mut self, next: &mut Sample, bytes: &[u8], end: usize, limit: usize) -> Result<(), CodecError> {
        while self.left > 0 && next.at < end && next.time < self.range.start {
            self.left -= 1;
            if self.left > 0 {
                next.step(bytes, limit)?;
            }
        }
        if next.at >= end {
            return Ok(());
        }
        // Room for all at once: a look at the room for each would cost more than filling what isn't used.
        let before = self.times.len();
        self.times.resize(before + self.left, 0);
        self.values.resize(before + self.left, 0.0);
        let times = self.times.get_mut(before..).unwrap_or_default();
        let values = self.values.get_mut(before..).unwrap_or_default();
        let mut taken = 0;
        let mut read = Ok(());
        for (time, value) in times.iter_mut().zip(values) {
            if next.at >= end || next.time > self.range.end {
                break;
            }
            (*time, *value) = (next.time, f64::from_bits(next.value));
            taken += 1;
            if taken < self.left {
                read = next.step(bytes, limit);
                if read.is_err() {
                    break;
                }
            }
        }
        self.times.truncate(before + taken);
        self.values.truncate(before + taken);
        self.left -= taken;
        if next.time > self.range.end {
            self.left = 0;
        }
        read
    }
}

/// Appends those of the `count` samples of a chunk to `times` and `values` that are in `range`. Unless that is all time, the
/// times of the chunk have to ascend.
///
/// # Errors
/// When the bytes hold fewer samples and those missing may be in the range. The vectors may then hold some samples more than
/// before.
pub fn decode(
    bytes: &[u8],
    count: usize,
    range: TimeRange,
    times: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<(), CodecError> {
    if count == 0 {
        return Ok(());
    }
    // Each sample takes at least two bits: bytes too few for their count fail before they take memory.
    if count > bytes.len().saturating_mul(4) {
        return Err(CodecError::Truncated(WHAT));
    }
    let mut next = Sample::first(bytes)?;
    let mut wanted = Wanted { left: count, range, times, values };
    let whole = bytes.len().saturating_sub(REACH) * 8;
    wanted.take(&mut next, bytes, whole, usize::MAX)?;
    // The last samples are read from a copy that zeros follow, so that no load is ever short of bytes.
    let rest = bytes.get(next.at / 8..).unwrap_or_default();
    let mut end = [0; 2 * REACH];
    end.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    next.at %= 8;
    wanted.take(&mut next, &end, usize::MAX, rest.len() * 8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(chunk: &OpenChunk) -> (Vec<i64>, Vec<u64>) {
        let (mut times, mut values) = (Vec::new(), Vec::new());
        decode(&chunk.to_bytes(), chunk.len(), TimeRange::ALL, &mut times, &mut values).unwrap();
        (times, values.into_iter().map(f64::to_bits).collect())
    }

    #[test]
    fn a_single_sample_takes_no_memory_of_its_own() {
        let mut chunk = OpenChunk::default();
        assert!(chunk.append(5, -0.0));
        assert_eq!((chunk.heap(), chunk.first_time(), chunk.last()), (0, Some(5), Some((5, (-0.0f64).to_bits()))));
        assert_eq!(decoded(&chunk), (vec![5], vec![(-0.0f64).to_bits()]));
    }

    #[test]
    fn the_256th_sample_finds_no_room() {
        let mut chunk = OpenChunk::default();
        for i in 0..255 {
            assert!(chunk.append(i * 15_000, 1.0));
        }
        assert!(!chunk.append(i64::MAX, 1.0));
        assert_eq!(chunk.len(), OpenChunk::MAX_SAMPLES);
        // A regular scrape of a constant costs two bits a sample.
        assert!(chunk.to_bytes().len() < 16 + 4 + 255 / 4 + 1);
        assert_eq!(decoded(&chunk).0.last(), Some(&(254 * 15_000)));
    }

    #[test]
    fn bytes_that_end_early_are_an_error_unless_what_is_missing_lies_behind_the_range() {
        let mut chunk = OpenChunk::default();
        (0..200).for_each(|i| assert!(chunk.append(i, (i * i) as f64 / 7.0)));
        let bytes = chunk.to_bytes();
        let read = |len: usize, end: i64| {
            let (mut times, mut values) = (Vec::new(), Vec::new());
            decode(&bytes[..len], 200, TimeRange::new(0, end), &mut times, &mut values).map(|()| times.len())
        };
        assert_eq!(read(bytes.len(), 199), Ok(200));
        assert_eq!(read(bytes.len() / 2, 20), Ok(21));
        for len in 0..bytes.len() {
            assert!(read(len, 199).is_err(), "{len}");
        }
    }

    #[test]
    fn the_ends_of_time_follow_each_other_exactly() {
        let mut chunk = OpenChunk::default();
        let times = [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX];
        for t in times {
            chunk.append(t, f64::NAN);
        }
        assert_eq!(decoded(&chunk).0, times);
    }

    proptest! {
        #[test]
        fn any_times_and_any_bits_come_back(samples in prop::collection::vec(
            (prop_oneof![any::<i64>(), 0i64..100_000, Just(15_000)], prop_oneof![any::<u64>(), (0i32..50).prop_map(|v| f64::from(v).to_bits())]),
            0..255,
        ), sorted: bool) {
            let mut samples = samples;
            if sorted {
                samples.sort_unstable_by_key(|s| s.0);
            }
            let mut chunk = OpenChunk::default();
            for (time, bits) in &samples {
                chunk.append(*time, f64::from_bits(*bits));
            }
            prop_assert_eq!(chunk.first_time(), samples.first().map(|s| s.0));
            prop_assert_eq!(decoded(&chunk), samples.into_iter().unzip());
        }

        #[test]
        fn of_a_range_those_inside_come_back(
            samples in prop::collection::btree_map(-500i64..500, prop_oneof![any::<u64>(), 0u64..9], 0..255),
            start in -600i64..600,
            length in -10i64..600,
        ) {
            let mut chunk = OpenChunk::default();
            samples.iter().for_each(|(time, bits)| assert!(chunk.append(*time, f64::from_bits(*bits))));
            let (mut times, mut values) = (vec![7], vec![7.0]);
            let range = TimeRange::new(start, start + length);
            decode(&chunk.to_bytes(), chunk.len(), range, &mut times, &mut values).unwrap();
            let inside = samples.iter().filter(|(time, _)| range.contains(**time));
            let want: Vec<_> = inside.map(|(time, bits)| (*time, *bits)).collect();
            let found = times.into_iter().zip(values.into_iter().map(f64::to_bits)).skip(1);
            prop_assert_eq!(found.collect::<Vec<_>>(), want);
        }

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..300) {
            let (mut times, mut values) = (Vec::new(), Vec::new());
            if decode(&bytes, count, TimeRange::ALL, &mut times, &mut values).is_ok() {
                prop_assert_eq!(times.len(), count);
            }
            prop_assert!(times.capacity() <= bytes.len() * 4 + 4);
        }
    }
}
