//! Snappy blocks, inflated within a limit.
//!
//! A block says first how long it gets (a varint). That number comes from a stranger, so it is held against the limit
//! and against what the body could inflate to at best before any memory is taken.

use std::cell::Cell;

/// A snappy block never inflates to more than this many times its size: its densest element is a copy of 64 bytes in 3.
const MAX_EXPANSION: usize = 22;
/// A thread keeps a buffer up to this size (bytes) for the next block.
const KEPT: usize = 1 << 20;
/// What the framed format starts with; as a block it would be corrupt.
const FRAMED: &[u8] = b"\xff\x06\x00\x00sNaPpY";

thread_local! {
    /// What the last block inflated to lies in it still, so that the next one costs neither zeros nor new pages.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Why a body can't be inflated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnappyError {
    /// The framed format was used.
    #[error("the body is in snappy's framed format (it starts with \"sNaPpY\"); the block format is needed")]
    Framed,
    /// The block says that it inflates to more than allowed.
    #[error("the body says it inflates to {announced} bytes, more than the limit of {limit}")]
    TooLong {
        /// Bytes it announces.
        announced: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// It is no snappy block.
    #[error("the body is not a valid snappy block: {0}")]
    Corrupt(String),
}

/// Inflates a snappy block of at most `limit` bytes (inflated).
pub(crate) fn inflate(body: &[u8], limit: usize) -> Result<Vec<u8>, SnappyError> {
    let mut bytes = vec![0; inflated_len(body, limit)?];
    inflate_into(body, &mut bytes)?;
    Ok(bytes)
}

/// What `read` makes of a snappy block of at most `limit` bytes (inflated), in memory that is used again.
pub(crate) fn with_inflated<T>(body: &[u8], limit: usize, read: impl FnOnce(&[u8]) -> T) -> Result<T, SnappyError> {
    let len = inflated_len(body, limit)?;
    let mut buffer = BUFFER.take();
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
    let (bytes, _) = buffer.split_at_mut(len);
    let found = inflate_into(body, bytes).map(|()| read(bytes));
    if buffer.capacity() <= KEPT {
        BUFFER.set(buffer);
    }
    found
}

/// How long `body` says it gets, if that is allowed and can be.
pub(crate) fn inflated_len(body: &[u8], limit: usize) -> Result<usize, SnappyError> {
    if body.starts_with(FRAMED) {
        return Err(SnappyError::Framed);
    }
    let announced = snap::raw::decompress_len(body).map_err(corrupt)?;
    if announced > limit {
        return Err(SnappyError::TooLong { announced, limit });
    }
    if announced / MAX_EXPANSION > body.len() {
        return Err(SnappyError::Corrupt(format!("{} bytes can't inflate to {announced}", body.len())));
    }
    Ok(announced)
}

/// Fills `bytes`, which are as many as `body` announces.
fn inflate_into(body: &[u8], bytes: &mut [u8]) -> Result<(), SnappyError> {
    snap::raw::Decoder::new().decompress(body, bytes).map_err(corrupt)?;
    Ok(())
}

fn corrupt(error: snap::Error) -> SnappyError {
    SnappyError::Corrupt(error.to_string())
}

/// Deflates `bytes` into a snappy block; fails beyond 4 GiB, which a block can't hold.
pub(crate) fn deflate(bytes: &[u8]) -> Result<Vec<u8>, SnappyError> {
    snap::raw::Encoder::new().compress_vec(bytes).map_err(|error| SnappyError::Corrupt(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_block_is_inflated_up_to_the_limit_and_refused_beyond() {
        let block = deflate(&[7; 1000]).unwrap();
        assert_eq!(inflate(&block, 1000).unwrap(), [7; 1000]);
        assert_eq!(inflate(&block, 999), Err(SnappyError::TooLong { announced: 1000, limit: 999 }));
    }

    #[test]
    fn the_framed_format_is_refused_by_name() {
        assert_eq!(inflate(b"\xff\x06\x00\x00sNaPpY\x00\x00", 1 << 20), Err(SnappyError::Framed));
    }

    #[test]
    fn a_length_that_the_body_cannot_reach_takes_no_memory() {
        // 32 MiB announced by five bytes.
        let error = inflate(&[0x80, 0x80, 0x80, 0x10, 0x00], 32 << 20).unwrap_err();
        assert!(matches!(&error, SnappyError::Corrupt(why) if why.contains("5 bytes")), "{error}");
    }

    #[test]
    fn an_empty_body_is_corrupt_but_an_empty_block_is_not() {
        assert!(matches!(inflate(b"", 10), Err(SnappyError::Corrupt(_))));
        assert_eq!(inflate(&[0], 10), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn the_densest_block_stays_below_the_expansion_bound(byte: u8, len in 0usize..200_000) {
            let bytes = vec![byte; len];
            prop_assert_eq!(inflate(&deflate(&bytes).unwrap(), len).unwrap(), bytes);
        }

        #[test]
        fn arbitrary_bytes_never_inflate_beyond_the_limit(body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let inflated = inflate(&body, 100);
            if let Ok(bytes) = &inflated {
                prop_assert!(bytes.len() <= 100);
            }
            prop_assert_eq!(with_inflated(&body, 100, <[u8]>::to_vec), inflated);
        }

        #[test]
        fn a_block_after_another_has_only_its_own_bytes(lengths in proptest::collection::vec(0usize..2_000_000, 1..4)) {
            for (byte, len) in (1..).zip(lengths) {
                let bytes = vec![byte; len];
                prop_assert_eq!(with_inflated(&deflate(&bytes).unwrap(), len, <[u8]>::to_vec).unwrap(), bytes);
                let kept = BUFFER.take();
                prop_assert!(kept.capacity() <= KEPT);
                BUFFER.set(kept);
            }
        }
    }
}
