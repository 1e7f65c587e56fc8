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

use super::{
    CodecError,
    bits::{BitReader, BitWriter},
    xor::Window,
};

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
            _ => self.bytes.first_chunk().map(|bytes| i64::from_be_bytes(*bytes)),
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
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.count == 1 {
            let mut bits = BitWriter::new();
            put_first(&mut bits, self.time, self.value);
            return bits.into_bytes();
        }
        self.bytes.clone()
    }
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

#[inline]
fn get_time(bits: &mut BitReader<'_>) -> Result<i64, CodecError> {
    let width = match bits.ones(4)? {
        0 => return Ok(0),
        ones => SHORT.get(ones as usize - 1).copied().unwrap_or(64),
    };
    // Moved to the top and back down, the sign fills the rest.
    let up = 64 - width;
    Ok(((bits.get(width)? << up) as i64) >> up)
}

/// Appends the `count` samples of a chunk to `times` and `values`.
///
/// # Errors
/// When the bytes hold fewer. The vectors may then hold some samples more than before.
pub fn decode(bytes: &[u8], count: usize, times: &mut Vec<i64>, values: &mut Vec<f64>) -> Result<(), CodecError> {
    if count == 0 {
        return Ok(());
    }
    // Each sample takes at least two bits: bytes too few for their count fail before they take memory.
    if count > bytes.len().saturating_mul(4) {
        return Err(CodecError::Truncated(WHAT));
    }
    times.reserve(count);
    values.reserve(count);
    let mut bits = BitReader::new(bytes, WHAT);
    let mut window = Window::default();
    let (mut time, mut delta) = (bits.get(64)? as i64, 0i64);
    let mut value = bits.get(64)?;
    times.push(time);
    values.push(f64::from_bits(value));
    for _ in 1..count {
        delta = delta.wrapping_add(get_time(&mut bits)?);
        time = time.wrapping_add(delta);
        value = window.get(&mut bits, value)?;
        times.push(time);
        values.push(f64::from_bits(value));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(chunk: &OpenChunk) -> (Vec<i64>, Vec<u64>) {
        let (mut times, mut values) = (Vec::new(), Vec::new());
        decode(&chunk.to_bytes(), chunk.len(), &mut times, &mut values).unwrap();
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
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..300) {
            let (mut times, mut values) = (Vec::new(), Vec::new());
            if decode(&bytes, count, &mut times, &mut values).is_ok() {
                prop_assert_eq!(times.len(), count);
            }
            prop_assert!(times.capacity() <= bytes.len() * 4 + 4);
        }
    }
}
