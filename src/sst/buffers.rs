//! The memory of blocks that have left, for those that come next.
//!
//! A question that reads more than the cache holds has blocks come and go by the hundred, on many threads. The allocator
//! gives what one of them freed back to the system after a while only, and has new memory for the next meanwhile: four
//! such questions at once took as much memory again as the cache.

use parking_lot::Mutex;

/// Buffers kept at most.
const MOST: usize = 16;
/// A larger one is of no use to most blocks.
const LARGEST: usize = 128 << 10;
/// Capacities are multiples of this, so that they suit other blocks.
const GRAIN: usize = 2 << 10;

static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// A buffer of `len` zeros.
pub(super) fn take(len: usize) -> Vec<u8> {
    let suits = |buffer: &Vec<u8>| buffer.capacity() >= len && buffer.capacity() / 2 <= len;
    let mut spare = SPARE.lock();
    let found = spare.iter().position(suits).map(|at| spare.swap_remove(at));
    drop(spare);
    let mut buffer = found.unwrap_or_else(|| Vec::with_capacity(len.next_multiple_of(GRAIN)));
    buffer.clear();
    buffer.resize(len, 0);
    buffer
}

/// Takes a buffer that is not needed any more.
pub(super) fn give(buffer: Vec<u8>) {
    if (GRAIN..=LARGEST).contains(&buffer.capacity()) {
        let mut spare = SPARE.lock();
        if spare.len() < MOST {
            spare.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_can_be_taken_again_and_is_zeros() {
        for len in [0, 1, GRAIN - 1, 70_000, 100_000, LARGEST, LARGEST + 1, 1 << 20] {
            let mut buffer = take(len);
            assert!(buffer.len() == len && buffer.iter().all(|byte| *byte == 0));
            assert!(buffer.capacity() < len + 2 * GRAIN || buffer.capacity() / 2 <= len);
            buffer.fill(7);
            give(buffer);
            assert!(take(len).iter().all(|byte| *byte == 0));
        }
        (0..3 * MOST).for_each(|_| give(Vec::with_capacity(GRAIN)));
        assert!(SPARE.lock().len() <= MOST);
    }
}
