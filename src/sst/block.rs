//! A block that was read: its directory taken apart, its columns still encoded.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{
    buffers, chain,
    piece::{MAX_MEMORY, MAX_SAMPLES},
    start_column,
};
use crate::{
    codec::{CodecError, histograms, last, take, times, varint},
    model::{SeriesBuf, TimeRange},
};

/// Part of the block's bytes. A block's length fits 32 bits.
#[derive(Debug, Clone, Copy)]
struct Part {
    at: u32,
    len: u32,
}

impl Part {
    fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.at as usize..).and_then(|bytes| bytes.get(..self.len as usize)).unwrap_or_default()
    }
}

/// A times column.
#[derive(Debug, Clone, Copy)]
struct Column {
    samples: u32,
    part: Part,
}

/// Samples of a piece: the number of their times column, and their own column.
#[derive(Debug, Clone, Copy)]
struct Samples {
    times: u32,
    part: Part,
}

/// Flags of a piece's head.
pub(super) const FLOATS: u64 = 1;
pub(super) const HISTOGRAMS: u64 = 2;
/// The `times` of a piece that has no floats.
const NO_FLOATS: u32 = u32::MAX;

/// A piece and its floats. Small, because a block may have ten thousand.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: u32,
    floats: Samples,
}

/// A block whose checksum was right.
#[derive(Debug)]
pub(super) struct Block {
    /// No other block of the process has it; not 0.
    number: u64,
    bytes: Vec<u8>,
    columns: Vec<Column>,
    entries: Vec<Entry>,
    /// By piece: the histograms of those that have some.
    histograms: Vec<(u32, Samples)>,
    start_columns: Vec<Part>,
    /// By piece and kind, as in the directory: the number of the start column of samples that have one.
    starting: Vec<(u64, u32)>,
}

/// Hands out the parts of one section in their order.
struct Section {
    at: u32,
    end: u32,
}

impl Section {
    fn part(&mut self, len: usize) -> Result<Part, CodecError> {
        let limit = self.end - self.at;
        let wrong = CodecError::Range { what: "the length of a column", got: len as u64, limit: u64::from(limit) };
        let len = u32::try_from(len).ok().filter(|len| *len <= limit).ok_or(wrong)?;
        let part = Part { at: self.at, len };
        self.at += len;
        Ok(part)
    }
}

impl Block {
    /// How many bytes the block that `bytes` begin with has, without its checksum, if they can begin with one of at most
    /// `most`. They need to have its directory only.
    pub(super) fn extent(bytes: &[u8], most: usize) -> Option<usize> {
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
            times = times.checked_add(varint::get_at_most(input, most, what).ok()?)?;
        }
        let pieces = varint::get_at_most(input, input.len(), what).ok()?;
        let (mut values, mut histograms) = (0usize, 0usize);
        for _ in 0..pieces {
            let head = varint::get(input, what).ok()?;
            for (flag, section) in [(FLOATS, &mut values), (HISTOGRAMS, &mut histograms)] {
                if head & flag != 0 {
                    varint::get_at_most(input, columns, what).ok()?;
                    *section = section.checked_add(varint::get_at_most(input, most, what).ok()?)?;
                }
            }
        }
        let mut starts = 0usize;
        if !input.is_empty() {
            let columns = varint::get_at_most(input, input.len(), what).ok()?;
            for _ in 0..columns {
                starts = starts.checked_add(varint::get_at_most(input, most, what).ok()?)?;
            }
            for _ in 0..varint::get_at_most(input, input.len() / 2, what).ok()? {
                varint::get(input, what).ok()?;
                varint::get_at_most(input, columns, what).ok()?;
            }
        }
        let whole = pieces > 0 && input.is_empty() && times == times_len && values == values_len;
        [directory_len, times_len, values_len, histograms, starts]
            .into_iter()
            .try_fold(12usize, usize::checked_add)
            .filter(|len| whole && *len <= most)
    }

    /// Takes apart the bytes of a block, without its checksum.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, CodecError> {
        let long =
            CodecError::Range { what: "the length of a block", got: bytes.len() as u64, limit: u64::from(NO_FLOATS) };
        let end = u32::try_from(bytes.len()).map_err(|_| long)?;
        let mut input = &bytes[..];
        let mut lengths = [0usize; 3];
        for length in &mut lengths {
            let word = take(&mut input, 4, "a block's head")?;
            *length = word.iter().rev().fold(0, |n, byte| n << 8 | usize::from(*byte));
        }
        let [directory_len, times_len, values_len] = lengths;
        let mut directory = take(&mut input, directory_len, "a block's directory")?;
        // Each is part of the block, whose length fits.
        let mut section = |len: usize, what| {
            let at = end - input.len() as u32;
            take(&mut input, len, what).map(|section| Section { at, end: at + section.len() as u32 })
        };
        let mut times = section(times_len, "a block's times")?;
        let mut values = section(values_len, "a block's values")?;
        let mut histograms = Section { at: values.end, end };

        let input = &mut directory;
        let count = varint::get_at_most(input, input.len() / 2, "the number of times columns")?;
        let mut columns = Vec::with_capacity(count);
        for _ in 0..count {
            let samples = varint::get_at_most(input, MAX_SAMPLES, "the samples of a times column")?;
            let len = varint::get_at_most(input, times_len, "the length of a times column")?;
            columns.push(Column { samples: samples as u32, part: times.part(len)? });
        }
        let count = varint::get_at_most(input, input.len(), "the number of pieces")?;
        let mut entries = Vec::with_capacity(count);
        let mut with_histograms = Vec::new();
        let mut id = 0u32;
        for piece in 0..count as u32 {
            let head = varint::get(input, "a piece's head")?;
            let limit = u64::from(u32::MAX - id);
            let step = head >> 2;
            id = u32::try_from(step).ok().and_then(|step| id.checked_add(step)).ok_or(CodecError::Range {
                what: "the step to the next series",
                got: step,
                limit,
            })?;
            let mut part = |flag: u64, section: &mut Section| -> Result<Option<Samples>, CodecError> {
                if head & flag == 0 {
                    return Ok(None);
                }
                let last = columns.len().saturating_sub(1);
                let column = varint::get_at_most(input, last, "the number of a times column")?;
                let len = varint::get_at_most(input, bytes.len(), "the length of a column")?;
                Ok(Some(Samples { times: column as u32, part: section.part(len)? }))
            };
            let none = Samples { times: NO_FLOATS, part: Part { at: 0, len: 0 } };
            entries.push(Entry { id, floats: part(FLOATS, &mut values)?.unwrap_or(none) });
            with_histograms.extend(part(HISTOGRAMS, &mut histograms)?.map(|samples| (piece, samples)));
        }
        let input = &mut directory;
        let (mut start_columns, mut starting) = (Vec::new(), Vec::new());
        if !input.is_empty() {
            // They stand behind the last histogram column.
            let mut starts = histograms;
            let columns = varint::get_at_most(input, input.len(), "the number of start columns")?;
            for _ in 0..columns {
                let len = varint::get_at_most(input, bytes.len(), "the length of a start column")?;
                start_columns.push(starts.part(len)?);
            }
            let mut key = 0u64;
            for _ in 0..varint::get_at_most(input, input.len() / 2, "the number of pieces with start times")? {
                let (what, limit) = ("a piece with start times", entries.len() as u64 * 2);
                let step = varint::get(input, what)?;
                let wrong = CodecError::Range { what, got: step, limit };
                key = key.checked_add(step).filter(|key| *key < limit).ok_or(wrong)?;
                let last = columns.saturating_sub(1);
                starting.push((key, varint::get_at_most(input, last, "the number of a start column")? as u32));
            }
        }
        crate::codec::finish(directory, "a block's directory")?;
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Self { number, bytes, columns, entries, histograms: with_histograms, start_columns, starting })
    }

    /// Bytes of memory that it takes.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>()
            + self.bytes.capacity()
            + self.columns.capacity() * size_of::<Column>()
            + self.entries.capacity() * size_of::<Entry>()
            + self.histograms.capacity() * size_of::<(u32, Samples)>()
            + self.start_columns.capacity() * size_of::<Part>()
            + self.starting.capacity() * size_of::<(u64, u32)>()
    }

    /// A number that no other block of the process has; not 0.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The values column of piece `i`; empty if it has no floats.
    pub(super) fn values(&self, i: usize) -> &[u8] {
        self.entries.get(i).map_or(&[], |entry| entry.floats.part.of(&self.bytes))
    }

    /// The number of the times column of piece `i`, if it has floats.
    pub(super) fn times_of(&self, i: usize) -> Option<u32> {
        self.entries.get(i).map(|entry| entry.floats.times).filter(|times| *times != NO_FLOATS)
    }

    /// The series of piece `i`.
    pub(super) fn id(&self, i: usize) -> Option<u32> {
        self.entries.get(i).map(|e| e.id)
    }

    /// The numbers of the pieces of series `id`.
    pub(super) fn pieces(&self, id: u32) -> std::ops::Range<usize> {
        // Mostly each series has one piece and none is missing between two: a guess spares the search, each step of which
        // may wait for memory.
        let guess = self.entries.first().and_then(|first| id.checked_sub(first.id)).map_or(0, |n| n as usize);
        let before = guess.checked_sub(1).and_then(|before| self.entries.get(before));
        let right = self.entries.get(guess).is_some_and(|e| e.id == id) && before.is_none_or(|e| e.id < id);
        let start = if right { guess } else { self.entries.partition_point(|e| e.id < id) };
        let len = self.entries.iter().skip(start).take_while(|e| e.id == id).count();
        start..start + len
    }

    /// Appends to `out` the samples of piece `i` that are in `range`; on an error `out` is left with no meaning.
    pub(super) fn read(&self, i: usize, range: TimeRange, out: &mut SeriesBuf) -> Result<(), CodecError> {
        let Some(entry) = self.entries.get(i) else { return Ok(()) };
        let floats = entry.floats;
        if floats.times != NO_FLOATS {
            let before = out.times.len();
            let samples = self.times(floats.times, &mut out.times)?;
            let times = out.times.get(before..).unwrap_or_default();
            let inside = window(times, range);
            if inside.is_empty() {
                out.times.truncate(before);
            } else {
                if let Some(starts) = self.starts(i, 0, times)? {
                    out.float_starts.append(before, starts.get(inside.clone()).unwrap_or_default());
                }
                chain::values(self, i, samples, &mut out.values)?;
                out.times.truncate(before + inside.end);
                out.values.truncate(before + inside.end);
                out.times.drain(before..before + inside.start);
                out.values.drain(before..before + inside.start);
            }
        }
        let found = self.histograms.binary_search_by_key(&i, |(piece, _)| *piece as usize).ok();
        if let Some((_, Samples { times: column, part })) = found.and_then(|at| self.histograms.get(at)) {
            let mut times = Vec::new();
            let samples = self.times(*column, &mut times)?;
            let bytes = part.of(&self.bytes);
            let inside = window(&times, range);
            if !inside.is_empty() {
                if let Some(starts) = self.starts(i, 1, &times)? {
                    let starts = starts.get(inside.clone()).unwrap_or_default();
                    out.histogram_starts.append(out.histograms.len(), starts);
                }
                let mut decoded = Vec::with_capacity(samples.min(bytes.len()));
                histograms::decode(bytes, samples, MAX_MEMORY, &mut decoded)?;
                let pairs = times.into_iter().zip(decoded).skip(inside.start).take(inside.len());
                out.histograms.extend(pairs.map(|(time, histogram)| (time, Arc::new(histogram))));
            }
        }
        Ok(())
    }

    /// The last sample of piece `i`, without its start time, if that is surely a float.
    pub(super) fn last_float(&self, i: usize) -> Result<Option<(i64, f64)>, CodecError> {
        let Some(times) = self.times_of(i) else { return Ok(None) };
        let Some(column) = self.columns.get(times as usize).filter(|column| column.samples > 0) else {
            return Ok(None);
        };
        if self.histograms.binary_search_by_key(&i, |(piece, _)| *piece as usize).is_ok() {
            return Ok(None);
        }
        let samples = column.samples as usize;
        let time = last::time(column.part.of(&self.bytes), samples)?;
        Ok(Some((time, chain::last_value(self, i, samples)?)))
    }

    /// Those of the ascending `ids` that have samples in `range`. Decodes times only, and those that pieces share once.
    pub(super) fn present(&self, ids: &[u32], range: TimeRange) -> Result<Vec<u32>, CodecError> {
        let mut known: Vec<Option<bool>> = vec![None; self.columns.len()];
        let mut times = Vec::new();
        let mut reaches = |column: u32| -> Result<bool, CodecError> {
            let Some(known) = known.get_mut(column as usize) else { return Ok(false) };
            if let Some(reaches) = *known {
                return Ok(reaches);
            }
            times.clear();
            self.times(column, &mut times)?;
            let reaches = !window(&times, range).is_empty();
            *known = Some(reaches);
            Ok(reaches)
        };
        let mut present = Vec::new();
        for id in ids {
            for piece in self.pieces(*id) {
                let floats = self.times_of(piece);
                let found = self.histograms.binary_search_by_key(&piece, |(piece, _)| *piece as usize).ok();
                let histograms = found.and_then(|at| self.histograms.get(at)).map(|(_, samples)| samples.times);
                if floats.map_or(Ok(false), &mut reaches)? || histograms.map_or(Ok(false), &mut reaches)? {
                    present.push(*id);
                    break;
                }
            }
        }
        Ok(present)
    }

    /// The start times of the floats (0) or histograms (1) of piece `i`, which have these times.
    fn starts(&self, i: usize, kind: u64, times: &[i64]) -> Result<Option<Vec<i64>>, CodecError> {
        let found = self.starting.binary_search_by_key(&((i as u64) << 1 | kind), |(key, _)| *key).ok();
        let column =
            found.and_then(|at| self.starting.get(at)).and_then(|(_, at)| self.start_columns.get(*at as usize));
        column.map(|column| start_column::decode(column.of(&self.bytes), times)).transpose()
    }

    /// Appends the times of a column to `out`, and says how many there are.
    fn times(&self, column: u32, out: &mut Vec<i64>) -> Result<usize, CodecError> {
        let Some(column) = self.columns.get(column as usize) else { return Ok(0) };
        let samples = column.samples as usize;
        times::decode(column.part.of(&self.bytes), samples, out)?;
        Ok(samples)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        buffers::give(std::mem::take(&mut self.bytes));
    }
}

/// Which of the ascending `times` are in `range`.
fn window(times: &[i64], range: TimeRange) -> std::ops::Range<usize> {
    let start = times.partition_point(|t| *t < range.start);
    start..times.partition_point(|t| *t <= range.end)
}
