//! A block being built.

use std::collections::HashMap;

use super::{
    block::{FLOATS, HISTOGRAMS},
    bounds::BoundsBuilder,
    chain,
    index::BlockMeta,
    piece::Piece,
    start_column,
};
use crate::{
    codec::{checksum::crc32, cross_series, floats, histograms, times, varint},
    model::TimeRange,
};

/// A block is closed once its columns have this many bytes. Reading a series reads and checks whole blocks, and a metric's
/// series of many hosts lie in as many: larger ones would slow such questions down without packing better, smaller ones
/// cost more index, which is in memory.
const TARGET: usize = 16 << 10;
/// And once its distinct times have this many samples, which are kept decoded to find equal ones: 512 KiB.
const TARGET_TIMES: usize = 64 << 10;

/// The floats of a piece just written.
#[derive(Debug, Default)]
struct Latest {
    /// Number of its times column; `None` if it has no floats.
    times: Option<u64>,
    values: Vec<f64>,
    /// Columns that decoding it takes, besides its own.
    depth: usize,
}

/// Collects the columns of a block. Between two blocks it is empty.
#[derive(Debug, Default)]
pub(super) struct BlockBuilder {
    /// Directory entries of the times columns, and how many.
    columns: Vec<u8>,
    column_count: u64,
    /// Directory entries of the pieces, and how many.
    pieces: Vec<u8>,
    piece_count: u64,
    times: Vec<u8>,
    values: Vec<u8>,
    histograms: Vec<u8>,
    /// The start columns, each by its bytes with its number, and their directory entries.
    start_columns: Vec<u8>,
    start_numbers: HashMap<Vec<u8>, u64>,
    starts: Vec<u8>,
    /// Directory entries of which piece has which, how many, and the key of the latest.
    starting: Vec<u8>,
    starting_count: u64,
    starting_key: u64,
    /// The latest times column of each hash, decoded, with its number.
    known: HashMap<u64, (u64, Vec<i64>)>,
    known_samples: usize,
    /// The latest piece first.
    latest: [Latest; chain::FARTHEST],
    first: u32,
    last: u32,
    samples: u32,
    range: Option<TimeRange>,
    bounds: BoundsBuilder,
}

impl BlockBuilder {
    pub(super) fn is_empty(&self) -> bool {
        self.piece_count == 0
    }

    pub(super) fn is_full(&self) -> bool {
        let columns = [&self.times, &self.values, &self.histograms, &self.starts];
        let directory = [&self.columns, &self.pieces, &self.start_columns, &self.starting];
        let bytes: usize = columns.into_iter().chain(directory).map(Vec::len).sum();
        bytes >= TARGET || self.known_samples >= TARGET_TIMES
    }

    /// Adds a piece; ids don't descend.
    pub(super) fn push(&mut self, id: u32, piece: &Piece<'_>) {
        let Some(range) = piece.time_range() else { return };
        let follows = !self.is_empty() && self.last == id;
        if self.is_empty() {
            self.first = id;
        }
        self.bounds.piece(range, follows);
        let kinds =
            if piece.times.is_empty() { 0 } else { FLOATS } | if piece.histograms.is_empty() { 0 } else { HISTOGRAMS };
        varint::put(&mut self.pieces, u64::from(id - self.last) << 2 | kinds);
        if !piece.times.is_empty() {
            let column = self.times_column(piece.times);
            let before = self.values.len();
            self.values_column(column, piece.values);
            varint::put(&mut self.pieces, column);
            varint::put(&mut self.pieces, (self.values.len() - before) as u64);
            self.starts_column(0, piece.float_starts, piece.times);
        } else {
            self.remember(None, 0, &[]);
        }
        if !piece.histograms.is_empty() {
            let times: Vec<i64> = piece.histograms.iter().map(|h| h.0).collect();
            self.bounds.columns(piece.times, &times);
            let column = self.times_column(&times);
            let before = self.histograms.len();
            histograms::encode(piece.histograms.iter().map(|h| &*h.1), &mut self.histograms);
            varint::put(&mut self.pieces, column);
            varint::put(&mut self.pieces, (self.histograms.len() - before) as u64);
            self.starts_column(1, piece.histogram_starts, &times);
        }
        self.piece_count += 1;
        self.last = id;
        self.samples += piece.len() as u32;
        self.range = TimeRange::around(self.range, Some(range));
    }

    /// The number of the column with these times, written now unless the block has it.
    fn times_column(&mut self, column: &[i64]) -> u64 {
        let hash = column.iter().fold(column.len() as u64, |hash, time| {
            (hash.rotate_left(5) ^ *time as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        if let Some((number, known)) = self.known.get(&hash)
            && known == column
        {
            return *number;
        }
        self.bounds.column(column);
        let number = self.column_count;
        let before = self.times.len();
        times::encode(column, &mut self.times);
        varint::put(&mut self.columns, column.len() as u64);
        varint::put(&mut self.columns, (self.times.len() - before) as u64);
        self.column_count += 1;
        self.known.insert(hash, (number, column.to_vec()));
        self.known_samples += column.len();
        number
    }

    /// Writes a values column, beside that of a piece before where that is smaller; `times` is the number of its times.
    fn values_column(&mut self, times: u64, values: &[f64]) {
        let out = &mut self.values;
        let mut near = (1u8..).zip(&self.latest).filter(|(_, l)| l.times == Some(times) && l.depth < chain::DEEPEST);
        let beside = near.find(|(distance, latest)| cross_series::encode(values, &latest.values, *distance, out));
        let depth = beside.map_or(0, |(_, latest)| latest.depth + 1);
        if depth == 0 {
            floats::encode(values, out);
        }
        self.remember(Some(times), depth, values);
    }

    /// Makes a piece the latest one.
    fn remember(&mut self, times: Option<u64>, depth: usize, values: &[f64]) {
        self.latest.rotate_right(1);
        let [latest, ..] = &mut self.latest;
        (latest.times, latest.depth) = (times, depth);
        latest.values.clear();
        latest.values.extend_from_slice(values);
    }

    /// Writes down the start times of one kind of samples of the current piece, if there are any; columns that come out
    /// alike are written once.
    fn starts_column(&mut self, kind: u64, starts: &[i64], times: &[i64]) {
        if starts.iter().all(|start| *start == 0) {
            return;
        }
        let next = self.start_numbers.len() as u64;
        let number = *self.start_numbers.entry(start_column::encode(starts, times)).or_insert_with_key(|column| {
            varint::put(&mut self.start_columns, column.len() as u64);
            self.starts.extend_from_slice(column);
            next
        });
        let key = self.piece_count << 1 | kind;
        varint::put(&mut self.starting, key - self.starting_key);
        varint::put(&mut self.starting, number);
        self.starting_key = key;
        self.starting_count += 1;
    }

    /// Writes the block, which will stand at offset `at`, into `out`, and is empty again. A length that doesn't fit
    /// the index comes back as an error.
    pub(super) fn finish(&mut self, at: u64, out: &mut Vec<u8>) -> Result<BlockMeta, usize> {
        let block = std::mem::take(self);
        let lists = [&block.columns, &block.pieces, &block.start_columns, &block.starting];
        let room = lists.iter().map(|list| list.len() + varint::MAX_LEN).sum();
        let mut directory = Vec::with_capacity(room);
        varint::put(&mut directory, block.column_count);
        directory.extend_from_slice(&block.columns);
        varint::put(&mut directory, block.piece_count);
        directory.extend_from_slice(&block.pieces);
        if block.starting_count > 0 {
            varint::put(&mut directory, block.start_numbers.len() as u64);
            directory.extend_from_slice(&block.start_columns);
            varint::put(&mut directory, block.starting_count);
            directory.extend_from_slice(&block.starting);
        }
        let sections = [&directory, &block.times, &block.values, &block.histograms, &block.starts];
        let bytes = 12 + sections.iter().map(|s| s.len()).sum::<usize>() + 4;
        let len = u32::try_from(bytes).map_err(|_| bytes)?;
        out.clear();
        out.reserve(bytes);
        for section in sections.iter().take(3) {
            // Shorter than the block, whose length fits.
            out.extend_from_slice(&(section.len() as u32).to_le_bytes());
        }
        for section in sections {
            out.extend_from_slice(section);
        }
        let crc = crc32(out);
        out.extend_from_slice(&crc.to_le_bytes());
        let times = block.range.unwrap_or(TimeRange::new(i64::MAX, i64::MIN));
        let bounds = block.bounds.finish(times);
        Ok(BlockMeta { at, len, first: block.first, last: block.last, samples: block.samples, times, bounds })
    }
}
