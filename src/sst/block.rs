//! A block that was read: its directory taken apart, its columns still encoded.

use std::sync::Arc;

use super::{
    builder::{FLOATS, HISTOGRAMS},
    piece::{MAX_MEMORY, MAX_SAMPLES},
};
use crate::{
    codec::{CodecError, floats, histograms, take, times, varint},
    model::{SeriesBuf, TimeRange},
};

/// Part of the block's bytes.
#[derive(Debug, Clone, Copy)]
struct Part {
    at: usize,
    len: usize,
}

/// A times column.
#[derive(Debug, Clone, Copy)]
struct Column {
    samples: usize,
    part: Part,
}

/// A piece: for each kind, the number of its times column and its own column.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: u32,
    floats: Option<(usize, Part)>,
    histograms: Option<(usize, Part)>,
}

/// A block whose checksum was right.
#[derive(Debug)]
pub(super) struct Block {
    bytes: Vec<u8>,
    columns: Vec<Column>,
    entries: Vec<Entry>,
}

/// Hands out the parts of one section in their order.
struct Section {
    at: usize,
    end: usize,
}

impl Section {
    fn part(&mut self, len: usize) -> Result<Part, CodecError> {
        let limit = self.end - self.at;
        if len > limit {
            return Err(CodecError::Range { what: "the length of a column", got: len as u64, limit: limit as u64 });
        }
        let part = Part { at: self.at, len };
        self.at += len;
        Ok(part)
    }
}

impl Block {
    /// How many bytes the block that `bytes` begin with has, without its checksum, if they can begin with one.
    pub(super) fn extent(bytes: &[u8]) -> Option<usize> {
        let mut input = bytes;
        let mut word = || {
            let (word, rest) = input.split_first_chunk::<4>()?;
            input = rest;
            usize::try_from(u32::from_le_bytes(*word)).ok()
        };
        let (directory_len, times_len, values_len) = (word()?, word()?, word()?);
        let mut directory = input.get(..directory_len)?;
        let input = &mut directory;
        let what = "a length";
        let columns = varint::get_at_most(input, input.len() / 2, what).ok()?;
        let mut times = 0usize;
        for _ in 0..columns {
            varint::get_at_most(input, MAX_SAMPLES, what).ok()?;
            times = times.checked_add(varint::get_at_most(input, bytes.len(), what).ok()?)?;
        }
        let pieces = varint::get_at_most(input, input.len(), what).ok()?;
        let (mut values, mut histograms) = (0usize, 0usize);
        for _ in 0..pieces {
            let head = varint::get(input, what).ok()?;
            for (flag, section) in [(FLOATS, &mut values), (HISTOGRAMS, &mut histograms)] {
                if head & flag != 0 {
                    varint::get_at_most(input, columns, what).ok()?;
                    *section = section.checked_add(varint::get_at_most(input, bytes.len(), what).ok()?)?;
                }
            }
        }
        let whole = pieces > 0 && input.is_empty() && times == times_len && values == values_len;
        [directory_len, times_len, values_len, histograms]
            .into_iter()
            .try_fold(12usize, usize::checked_add)
            .filter(|len| whole && *len <= bytes.len())
    }

    /// Takes apart the bytes of a block, without its checksum.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, CodecError> {
        let mut input = &bytes[..];
        let mut lengths = [0usize; 3];
        for length in &mut lengths {
            let word = take(&mut input, 4, "a block's head")?;
            *length = word.iter().rev().fold(0, |n, byte| n << 8 | usize::from(*byte));
        }
        let head = bytes.len() - input.len();
        let [directory_len, times_len, values_len] = lengths;
        let mut directory = take(&mut input, directory_len, "a block's directory")?;
        take(&mut input, times_len, "a block's times")?;
        take(&mut input, values_len, "a block's values")?;
        let times_at = head + directory_len;
        let values_at = times_at + times_len;
        let histograms_at = values_at + values_len;
        let mut times = Section { at: times_at, end: values_at };
        let mut values = Section { at: values_at, end: histograms_at };
        let mut histograms = Section { at: histograms_at, end: bytes.len() };

        let input = &mut directory;
        let count = varint::get_at_most(input, input.len() / 2, "the number of times columns")?;
        let mut columns = Vec::with_capacity(count);
        for _ in 0..count {
            let samples = varint::get_at_most(input, MAX_SAMPLES, "the samples of a times column")?;
            let len = varint::get_at_most(input, times_len, "the length of a times column")?;
            columns.push(Column { samples, part: times.part(len)? });
        }
        let count = varint::get_at_most(input, input.len(), "the number of pieces")?;
        let mut entries = Vec::with_capacity(count);
        let mut id = 0u32;
        for _ in 0..count {
            let head = varint::get(input, "a piece's head")?;
            let limit = u64::from(u32::MAX - id);
            let step = head >> 2;
            id = u32::try_from(step).ok().and_then(|step| id.checked_add(step)).ok_or(CodecError::Range {
                what: "the step to the next series",
                got: step,
                limit,
            })?;
            let mut part = |flag: u64, section: &mut Section| -> Result<Option<(usize, Part)>, CodecError> {
                if head & flag == 0 {
                    return Ok(None);
                }
                let last = columns.len().saturating_sub(1);
                let column = varint::get_at_most(input, last, "the number of a times column")?;
                let len = varint::get_at_most(input, bytes.len(), "the length of a column")?;
                Ok(Some((column, section.part(len)?)))
            };
            entries.push(Entry {
                id,
                floats: part(FLOATS, &mut values)?,
                histograms: part(HISTOGRAMS, &mut histograms)?,
            });
        }
        crate::codec::finish(directory, "a block's directory")?;
        Ok(Self { bytes, columns, entries })
    }

    /// The series of piece `i`.
    pub(super) fn id(&self, i: usize) -> Option<u32> {
        self.entries.get(i).map(|e| e.id)
    }

    /// The numbers of the pieces of series `id`.
    pub(super) fn pieces(&self, id: u32) -> std::ops::Range<usize> {
        let start = self.entries.partition_point(|e| e.id < id);
        let len = self.entries.iter().skip(start).take_while(|e| e.id == id).count();
        start..start + len
    }

    fn bytes(&self, part: Part) -> &[u8] {
        self.bytes.get(part.at..part.at + part.len).unwrap_or_default()
    }

    /// Appends to `out` the samples of piece `i` that are in `range`; on an error `out` is left with no meaning.
    pub(super) fn read(&self, i: usize, range: TimeRange, out: &mut SeriesBuf) -> Result<(), CodecError> {
        let Some(entry) = self.entries.get(i) else { return Ok(()) };
        if let Some((column, part)) = entry.floats {
            let before = out.times.len();
            let samples = self.times(column, &mut out.times)?;
            let inside = window(out.times.get(before..).unwrap_or_default(), range);
            if inside.is_empty() {
                out.times.truncate(before);
            } else {
                floats::decode(self.bytes(part), samples, &mut out.values)?;
                out.times.truncate(before + inside.end);
                out.values.truncate(before + inside.end);
                out.times.drain(before..before + inside.start);
                out.values.drain(before..before + inside.start);
            }
        }
        if let Some((column, part)) = entry.histograms {
            let mut times = Vec::new();
            let samples = self.times(column, &mut times)?;
            let inside = window(&times, range);
            if !inside.is_empty() {
                let mut decoded = Vec::with_capacity(samples.min(part.len));
                histograms::decode(self.bytes(part), samples, MAX_MEMORY, &mut decoded)?;
                let pairs = times.into_iter().zip(decoded).skip(inside.start).take(inside.len());
                out.histograms.extend(pairs.map(|(time, histogram)| (time, Arc::new(histogram))));
            }
        }
        Ok(())
    }

    /// Appends the times of a column to `out`, and says how many there are.
    fn times(&self, column: usize, out: &mut Vec<i64>) -> Result<usize, CodecError> {
        let Some(column) = self.columns.get(column) else { return Ok(0) };
        times::decode(self.bytes(column.part), column.samples, out)?;
        Ok(column.samples)
    }
}

/// Which of the ascending `times` are in `range`.
fn window(times: &[i64], range: TimeRange) -> std::ops::Range<usize> {
    let start = times.partition_point(|t| *t < range.start);
    start..times.partition_point(|t| *t <= range.end)
}
