//! Tables: immutable files of samples, sorted by (series, time).
//!
//! A [`TableWriter`] takes series in ascending order of id and streams blocks to disk; a [`Table`] has read the block
//! index and the bitmap of its series and reads single series through them, or everything in order with a
//! [`TableScan`].
//!
//! Single reads go through a [`BlockCache`] that all tables share; scans, as merging does, go past it.
//!
//! A damaged block doesn't take the table with it: [`Table::read_around`] leaves it out and [`Table::damaged_blocks`] tells,
//! [`Table::audit`] finds them all, and [`salvage()`] makes a new table of what is whole.
//!
//! # Pieces and blocks
//!
//! A series is cut into *pieces* of up to 4096 samples, which don't overlap in time. A *block* holds neighbouring
//! pieces, of many short series or of part of a long one, and is closed once it has about 16 KiB. It is columnar: all
//! times, then all values, then all histograms; a directory in front says where each piece's columns are, so that
//! reading one leaves the others alone. Pieces with equal times, as the series of one scrape have, share one times
//! column.
//!
//! # The file
//!
//! All fixed-width numbers are little-endian; `varint` is LEB128 (see [`crate::codec::varint`]).
//!
//! ```text
//! +---------+---------+-----+-------------+---------------+--------+
//! | block 0 | block 1 | ... | block index | series bitmap | footer |
//! +---------+---------+-----+-------------+---------------+--------+
//! ```
//!
//! The series bitmap is a roaring bitmap in its portable serialization. The footer has 80 bytes:
//!
//! ```text
//! at  width
//!  0    8    offset of the block index, which is the sum of all block lengths
//!  8    8    length of the block index
//! 16    8    length of the series bitmap
//! 24    8    number of series
//! 32    8    number of samples
//! 40    8    time of the first sample, i64 (of an empty table the largest i64)
//! 48    8    time of the last sample, i64 (of an empty table the smallest i64)
//! 56    4    CRC32 of the block index
//! 60    4    CRC32 of the series bitmap
//! 64    4    format version, 4
//! 68    4    CRC32 of the footer up to here
//! 72    8    the magic "VCTSTABL"
//! ```
//!
//! Versions 1 to 3 are still read. 3 has no bounds in the block index; 2 has no columns beside others either; 1 has no start
//! times and lacks more kinds of columns: tags 5 to 7 of integers, 5 and 6 of floats, and frames in groups.
//!
//! The block index has 52 bytes for each block, in versions up to 3 the first 40 of them, in order of the file:
//!
//! ```text
//! at  width
//!  0    8    offset of the block
//!  8    4    length of the block, its checksum included
//! 12    4    id of its first series
//! 16    4    id of its last series, which may also be the next block's first
//! 20    4    number of samples
//! 24    8    time of the first sample, i64
//! 32    8    time of the last sample, i64
//! 40    4    ms from the block's first time to the latest first time of a series
//! 44    4    ms from the earliest last time of a series to the block's last time
//! 48    4    ms that two successive samples of a series are apart at most
//! ```
//!
//! The last three are bounds: they say of most ranges, without a look at the block, that each of its series has a sample
//! there. The largest number says nothing. Where a series goes on in other blocks, they are about what this one has of it.
//!
//! A block:
//!
//! ```text
//! +-----------+-----------+-----------+-----------+---------------+----------------+-------------------+-------+
//! | directory | times     | values    | directory | times columns | values columns | histogram columns | CRC32 |
//! | length: 4 | length: 4 | length: 4 |           |               |                | what remains      |   4   |
//! +-----------+-----------+-----------+-----------+---------------+----------------+-------------------+-------+
//! ```
//!
//! The checksum is over all bytes before it. The directory, all of it varints:
//!
//! ```text
//! number of times columns, and for each   number of samples (1 to 4096), length of the column
//! number of pieces, and for each          head = (id - id of the piece before, at first 0) << 2 | kinds
//!   if kinds & 1, floats                  number of the times column, length of the values column
//!   if kinds & 2, histograms              number of the times column, length of the histogram column
//! and, if a sample has a start time:
//! number of start columns, and for each   length of the column
//! number of kinds of samples that have    key - key before, at first 0, with key = piece << 1 | kind (0 floats,
//!   one, and for each                     1 histograms); number of the start column
//! ```
//!
//! Columns of a section lie one after the other in directory order; those are the columns of
//! [`codec::times`](crate::codec::times), [`codec::floats`](crate::codec::floats) and
//! [`codec::histograms`](crate::codec::histograms). A values column *beside* another is decoded out of that of the piece
//! one or two before, which has the same times column; one that stands alone is reached in 15 such steps. Start columns
//! (`start_column`), which pieces share where they come out alike, lie behind the histogram columns.

mod audit;
mod block;
mod bounds;
mod buffers;
mod builder;
mod cache;
mod chain;
mod damage;
mod error;
mod estimate;
mod footer;
mod index;
mod piece;
mod present;
mod salvage;
mod scan;
mod start_column;
mod table;
#[cfg(test)]
mod tests;
mod writer;

pub use cache::{BlockCache, CacheCounts, Pass};
pub use damage::DamagedBlock;
pub use error::SstError;
pub use footer::VERSION;
pub use salvage::{Salvage, salvage, survey};
pub use scan::TableScan;
pub use table::Table;
pub use writer::TableWriter;

use crate::model::TimeRange;

/// A table in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSummary {
    /// Number of series.
    pub series: u64,
    /// Number of samples.
    pub samples: u64,
    /// Times of the first and the last sample; an empty range (start after end) when there is no sample.
    pub times: TimeRange,
    /// Length of the file.
    pub bytes: u64,
    /// Number of blocks.
    pub blocks: u64,
}
