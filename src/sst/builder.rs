//! A block being built.

use std::collections::HashMap;

use super::{index::BlockMeta, piece::Piece};
use crate::{
    codec::{checksum::crc32, floats, histograms, times, varint},
    model::TimeRange,
};

/// A block is closed once its columns have this many bytes. Reading a series reads and checks whole blocks, and a metric's
/// series of many hosts lie in as many: larger ones would slow such questions down without packing better, smaller ones
/// cost more index, which is in memory.
const TARGET: usize = 16 << 10;
/// And once its distinct times have this many samples, which are kept decoded to find equal ones: 512 KiB.
const TARGET_TIMES: usize = 64 << 10;
/// Flags of a piece's head.
pub(super) const FLOATS: u64 = 1;
pub(super) const HISTOGRAMS: u64 = 2;

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
    /// The latest times column of each hash, decoded, with its number.
    known: HashMap<u64, (u64, Vec<i64>)>,
    known_samples: usize,
    first: u32,
    last: u32,
    samples: u32,
    range: Option<TimeRange>,
}

impl BlockBuilder {
    pub(super) fn is_empty(&self) -> bool {
        self.piece_count == 0
    }

    pub(super) fn is_full(&self) -> bool {
        let bytes =
            self.columns.len() + self.pieces.len() + self.times.len() + self.values.len() + self.histograms.len();
        bytes >= TARGET || self.known_samples >= TARGET_TIMES
    }

    /// Adds a piece; ids don't descend.
    pub(super) fn push(&mut self, id: u32, piece: &Piece<'_>) {
        let Some(range) = piece.time_range() else { return };
        if self.is_empty() {
            self.first = id;
        }
        let kinds =
            if piece.times.is_empty() { 0 } else { FLOATS } | if piece.histograms.is_empty() { 0 } else { HISTOGRAMS };
        varint::put(&mut self.pieces, u64::from(id - self.last) << 2 | kinds);
        if !piece.times.is_empty() {
            let column = self.times_column(piece.times);
            let before = self.values.len();
            floats::encode(piece.values, &mut self.values);
            varint::put(&mut self.pieces, column);
            varint::put(&mut self.pieces, (self.values.len() - before) as u64);
        }
        if !piece.histograms.is_empty() {
            let times: Vec<i64> = piece.histograms.iter().map(|h| h.0).collect();
            let column = self.times_column(&times);
            let before = self.histograms.len();
            histograms::encode(piece.histograms.iter().map(|h| &*h.1), &mut self.histograms);
            varint::put(&mut self.pieces, column);
            varint::put(&mut self.pieces, (self.histograms.len() - before) as u64);
        }
        self.piece_count += 1;
        self.last = id;
        self.samples += piece.len() as u32;
        self.range = Some(match self.range {
            Some(all) => TimeRange::new(all.start.min(range.start), all.end.max(range.end)),
            None => range,
        });
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

    /// Writes the block, which will stand at offset `at`, into `out`, and is empty again. A length that doesn't fit
    /// the index comes back as an error.
    pub(super) fn finish(&mut self, at: u64, out: &mut Vec<u8>) -> Result<BlockMeta, usize> {
        let block = std::mem::take(self);
        let mut directory = Vec::with_capacity(block.columns.len() + block.pieces.len() + 2 * varint::MAX_LEN);
        varint::put(&mut directory, block.column_count);
        directory.extend_from_slice(&block.columns);
        varint::put(&mut directory, block.piece_count);
        directory.extend_from_slice(&block.pieces);
        let sections = [&directory, &block.times, &block.values, &block.histograms];
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
        Ok(BlockMeta { at, len, first: block.first, last: block.last, samples: block.samples, times })
    }
}
