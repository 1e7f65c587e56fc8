//! The full chunks of a series, one after the other in one piece of memory.
//!
//! ```text,memory
//! for each chunk, oldest first: its bytes; 8 bytes time of its last sample; 2 bytes length of its bytes
//! ```
//!
//! So a chunk costs ten bytes beside its samples, and reads, most of which want the newest samples, find it from the end.

use crate::codec::gorilla;

/// Bytes behind a chunk that say its end and length.
const TRAILER: usize = 10;

/// Chunks, oldest first.
#[derive(Debug, Default)]
pub(super) struct Closed {
    bytes: Box<[u8]>,
    count: u32,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    pub(super) bytes: &'a [u8],
    /// The time of its last sample.
    pub(super) end: i64,
}

impl Closed {
    /// Adds a chunk whose samples are later than those here.
    pub(super) fn push(&mut self, chunk: Chunk<'_>) {
        let Ok(len) = u16::try_from(chunk.bytes.len()) else {
            debug_assert!(false, "a chunk of {} bytes", chunk.bytes.len());
            return;
        };
        let mut bytes = std::mem::take(&mut self.bytes).into_vec();
        bytes.reserve_exact(chunk.bytes.len() + TRAILER);
        bytes.extend_from_slice(chunk.bytes);
        bytes.extend_from_slice(&chunk.end.to_le_bytes());
        bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes = bytes.into_boxed_slice();
        self.count += 1;
    }

    /// How many chunks there are.
    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    /// The chunks, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = Chunk<'_>> {
        let mut rest = &*self.bytes;
        std::iter::from_fn(move || {
            let (before, len) = rest.split_last_chunk()?;
            let (before, end) = before.split_last_chunk()?;
            let at = before.len().checked_sub(usize::from(u16::from_le_bytes(*len)))?;
            let (older, bytes) = before.split_at_checked(at)?;
            rest = older;
            Some(Chunk { bytes, end: i64::from_le_bytes(*end) })
        })
    }

    /// The time of the first sample.
    pub(super) fn first_time(&self) -> Option<i64> {
        gorilla::first_time(&self.bytes)
    }

    /// Bytes on the heap.
    pub(super) fn heap(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_come_back_newest_first_and_cost_ten_bytes_each() {
        let mut closed = Closed::default();
        assert_eq!((closed.newest_first().count(), closed.first_time()), (0, None));
        let chunks = [(&[1u8; 20][..], -7), (&[2; 300], 0), (&[3; 16], i64::MAX)];
        for (bytes, end) in chunks {
            closed.push(Chunk { bytes, end });
        }
        let found: Vec<_> = closed.newest_first().map(|chunk| (chunk.bytes, chunk.end)).collect();
        assert_eq!(found, chunks.into_iter().rev().collect::<Vec<_>>());
        assert_eq!((closed.len(), closed.heap()), (3, 20 + 300 + 16 + 3 * 10));
        assert_eq!(closed.first_time(), Some(i64::from_be_bytes([1; 8])));
    }
}
