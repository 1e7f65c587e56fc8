//! The last 80 bytes of a table; drawn in the module's comment.

use std::path::Path;

use super::{SstError, TableSummary, index::entry_len};
use crate::{codec::checksum::crc32, model::TimeRange};

/// The format version that this program writes.
pub const VERSION: u32 = 4;
/// The oldest that it reads. Before 4 the block index has no bounds; 1 and 2 have fewer kinds of columns, and 1 has no start times.
const OLDEST: u32 = 1;
/// Length of the footer.
pub(super) const LEN: usize = 80;
const MAGIC: [u8; 8] = *b"VCTSTABL";
/// Where the footer's checksum stands: over everything before it.
const CRC_AT: usize = 68;

/// Where the parts of a table are, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) index_at: u64,
    pub(super) index_len: u64,
    pub(super) bitmap_len: u64,
    pub(super) series: u64,
    pub(super) samples: u64,
    pub(super) times: TimeRange,
    pub(super) index_crc: u32,
    pub(super) bitmap_crc: u32,
    pub(super) version: u32,
}

impl Footer {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(LEN);
        for number in [self.index_at, self.index_len, self.bitmap_len, self.series, self.samples] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.times.start.to_le_bytes());
        out.extend_from_slice(&self.times.end.to_le_bytes());
        for number in [self.index_crc, self.bitmap_crc, self.version] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let crc = crc32(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&MAGIC);
        out
    }

    /// Reads the footer of a file of `file_len` bytes and checks that its parts make up the whole file.
    ///
    /// Magic first, then checksum, then version: a flipped bit in the version must not pass for a newer program's table, so
    /// every version keeps version, checksum and magic where they are.
    pub(super) fn decode(bytes: &[u8; LEN], file_len: u64, path: &Path) -> Result<Self, SstError> {
        let at = file_len.saturating_sub(LEN as u64);
        let u32_at = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |b| u32::from_le_bytes(*b));
        let u64_at = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |b| u64::from_le_bytes(*b));
        let magic = u64_at(72).to_le_bytes();
        if magic != MAGIC {
            return Err(SstError::Magic { path: path.to_owned(), got: magic, want: MAGIC });
        }
        let (got, want) = (crc32(bytes.get(..CRC_AT).unwrap_or_default()), u32_at(CRC_AT));
        if got != want {
            return Err(SstError::Crc { path: path.to_owned(), what: "the footer", at, got, want });
        }
        let version = u32_at(64);
        if !(OLDEST..=VERSION).contains(&version) {
            return Err(SstError::Version { path: path.to_owned(), got: version, want: VERSION });
        }
        let footer = Self {
            index_at: u64_at(0),
            index_len: u64_at(8),
            bitmap_len: u64_at(16),
            series: u64_at(24),
            samples: u64_at(32),
            times: TimeRange::new(u64_at(40) as i64, u64_at(48) as i64),
            index_crc: u32_at(56),
            bitmap_crc: u32_at(60),
            version,
        };
        let parts = [footer.index_len, footer.bitmap_len, LEN as u64];
        let whole = parts.into_iter().try_fold(footer.index_at, u64::checked_add);
        if whole != Some(file_len) {
            return Err(SstError::inconsistent(path, "the footer", at, "its parts don't add up to the file's length"));
        }
        if !footer.index_len.is_multiple_of(entry_len(version) as u64) {
            return Err(SstError::inconsistent(path, "the footer", at, "the index is not a number of whole entries"));
        }
        Ok(footer)
    }

    pub(super) fn summary(&self) -> TableSummary {
        TableSummary {
            series: self.series,
            samples: self.samples,
            times: self.times,
            bytes: self.index_at + self.index_len + self.bitmap_len + LEN as u64,
            blocks: self.index_len / entry_len(self.version) as u64,
        }
    }
}
