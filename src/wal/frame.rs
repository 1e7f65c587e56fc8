//! Frames: how one record lies in a segment.
//!
//! Numbers in little endian, no padding:
//!
//! ```text
//!  0  4  length of the payload in bytes
//!  4  1  type: 1, a batch as `record` encodes it
//!  5  4  crc32 of segment number (8 bytes), offset of the frame in the segment (8 bytes), length, type
//!  9  4  crc32 of the four crc bytes before and the payload
//! 13     payload
//! ```
//!
//! A record is whole when both checksums are right; anything else is a torn tail or damage. The first checksum vouches
//! for the length, so that a damaged payload costs exactly its record. As it covers the frame's place, a scan for the
//! next frame behind a damaged length can't take a sender's bytes, or an old frame elsewhere, for one.

use crate::codec::checksum::crc32_of;

/// Bytes before the payload.
pub(super) const HEAD: usize = 13;
/// The largest payload in bytes: more than any request limit, little enough to read into memory.
pub const MAX_PAYLOAD: usize = 256 << 20;

const TYPE_BATCH: u8 = 1;

/// A frame's head, its checksum verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) len: u32,
    own_crc: [u8; 4],
    payload_crc: u32,
}

fn head_crc(segment: u64, offset: u64, len: u32, kind: u8) -> u32 {
    crc32_of(&[&segment.to_le_bytes(), &offset.to_le_bytes(), &len.to_le_bytes(), &[kind]])
}

/// Appends the frame that holds `payload` at `offset` of `segment`; the caller has checked [`MAX_PAYLOAD`].
pub(super) fn put(out: &mut Vec<u8>, segment: u64, offset: u64, payload: &[u8]) {
    let len = payload.len() as u32;
    let crc = head_crc(segment, offset, len, TYPE_BATCH).to_le_bytes();
    out.extend_from_slice(&len.to_le_bytes());
    out.push(TYPE_BATCH);
    out.extend_from_slice(&crc);
    out.extend_from_slice(&crc32_of(&[&crc, payload]).to_le_bytes());
    out.extend_from_slice(payload);
}

impl Head {
    /// The head of the frame at `offset` of `segment`, if `bytes` start with one.
    pub(super) fn decode(bytes: &[u8], segment: u64, offset: u64) -> Option<Self> {
        let (len, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first()?;
        let (own_crc, rest) = rest.split_first_chunk::<4>()?;
        let (payload_crc, _) = rest.split_first_chunk::<4>()?;
        let len = u32::from_le_bytes(*len);
        // The cheap questions first: a scan asks at every byte.
        let whole = *kind == TYPE_BATCH
            && len as usize <= MAX_PAYLOAD
            && head_crc(segment, offset, len, *kind) == u32::from_le_bytes(*own_crc);
        whole.then_some(Self { len, own_crc: *own_crc, payload_crc: u32::from_le_bytes(*payload_crc) })
    }

    /// Bytes of the whole frame.
    pub(super) fn frame_len(&self) -> usize {
        HEAD + self.len as usize
    }

    /// Whether `payload` is the one that was written.
    pub(super) fn vouches_for(&self, payload: &[u8]) -> bool {
        crc32_of(&[&self.own_crc, payload]) == self.payload_crc
    }
}
