//! The block index; drawn in the module's comment.

use std::path::Path;

use super::{SstError, bounds::Bounds};
use crate::model::TimeRange;

/// Length of an entry.
pub(super) const ENTRY: usize = 52;
/// Its length before version 4, which put the bounds behind.
const OLD_ENTRY: usize = 40;

/// Length of an entry in a table of this version.
pub(super) const fn entry_len(version: u32) -> usize {
    if version < 4 { OLD_ENTRY } else { ENTRY }
}

/// What the index knows about a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockMeta {
    pub(super) at: u64,
    pub(super) len: u32,
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) samples: u32,
    pub(super) times: TimeRange,
    pub(super) bounds: Bounds,
}

impl BlockMeta {
    /// Whether it is known that each of its series has a sample in `range`.
    pub(super) fn is_whole_in(&self, range: TimeRange) -> bool {
        range.covers(self.times) || self.bounds.are_all_in(self.times, range)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.at.to_le_bytes());
        for number in [self.len, self.first, self.last, self.samples] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.times.start.to_le_bytes());
        out.extend_from_slice(&self.times.end.to_le_bytes());
        for bound in [self.bounds.begun, self.bounds.ended, self.bounds.pause] {
            out.extend_from_slice(&bound.to_le_bytes());
        }
    }

    /// Reads an entry, which may be one without bounds.
    fn decode(bytes: &[u8]) -> Self {
        let u32_at = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |b| u32::from_le_bytes(*b));
        let i64_at = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |b| i64::from_le_bytes(*b));
        Self {
            at: i64_at(0) as u64,
            len: u32_at(8),
            first: u32_at(12),
            last: u32_at(16),
            samples: u32_at(20),
            times: TimeRange::new(i64_at(24), i64_at(32)),
            bounds: if bytes.len() < ENTRY {
                Bounds::UNKNOWN
            } else {
                Bounds { begun: u32_at(40), ended: u32_at(44), pause: u32_at(48) }
            },
        }
    }
}

pub(super) fn encode(blocks: &[BlockMeta]) -> Vec<u8> {
    let mut out = Vec::with_capacity(blocks.len() * ENTRY);
    for block in blocks {
        block.encode(&mut out);
    }
    out
}

/// Reads the index of a table of this version that stands at `index_at`, and checks that its blocks fill the file up to there, in order of id.
pub(super) fn decode(bytes: &[u8], version: u32, index_at: u64, path: &Path) -> Result<Vec<BlockMeta>, SstError> {
    let wrong = |why| SstError::inconsistent(path, "the block index", index_at, why);
    let blocks: Vec<BlockMeta> = bytes.chunks_exact(entry_len(version)).map(BlockMeta::decode).collect();
    let mut end = 0u64;
    let mut last = 0;
    for block in &blocks {
        if block.at != end {
            return Err(wrong("a block does not begin where the one before ends"));
        }
        if block.first < last || block.last < block.first {
            return Err(wrong("series ids don't ascend"));
        }
        end = end.saturating_add(u64::from(block.len));
        last = block.last;
    }
    if end == index_at { Ok(blocks) } else { Err(wrong("the last block does not end where the index begins")) }
}
