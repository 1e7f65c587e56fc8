//! Numbers of equal width one after the other: bit `i * width` of the little-endian bit string is the lowest of number
//! `i`, and the string is filled up to whole bytes.

/// Most numbers of one string.
pub(super) const MOST: usize = 128;
/// A full string of 64-bit numbers, and what a load of 16 bytes may touch behind it.
const PADDED: usize = MOST * 8 + 16;

/// Appends numbers of at most `width` bits.
pub(super) fn put(numbers: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let (mut pending, mut have) = (0u128, 0u32);
    for number in numbers {
        pending |= u128::from(number) << have;
        have += width;
        if have >= 64 {
            out.extend_from_slice(&(pending as u64).to_le_bytes());
            pending >>= 64;
            have -= 64;
        }
    }
    out.extend(pending.to_le_bytes().iter().take(have.div_ceil(8) as usize));
}

/// Number `at` of those of `width` bits in `packed`. Bytes that `packed` lacks are zeros.
pub(super) fn one(packed: &[u8], width: u32, at: usize) -> u64 {
    if width == 0 {
        return 0;
    }
    let bit = at * width as usize;
    let mut padded = [0u8; 16];
    for (to, from) in padded.iter_mut().zip(packed.get(bit / 8..).unwrap_or_default()) {
        *to = *from;
    }
    (u128::from_le_bytes(padded) >> (bit % 8)) as u64 & (u64::MAX >> (64 - width))
}

/// Fills `out`, at most [`MOST`] long, with the numbers of `width` bits in `packed`, each added to `base`. Bytes that
/// `packed` lacks are zeros.
#[inline]
pub(super) fn get(packed: &[u8], width: u32, base: i64, out: &mut [i64]) {
    if width == 0 {
        out.fill(base);
        return;
    }
    // Every load is of a whole word, so the bytes get some to spare behind them.
    let mut padded = [0u8; PADDED];
    for (to, from) in padded.iter_mut().zip(packed) {
        *to = *from;
    }
    let width = width as usize;
    // A value of up to 57 bits that starts inside a byte lies in the 8 bytes from there; a wider one in 16.
    if width <= 57 {
        let mask = u64::MAX >> (64 - width);
        for (i, slot) in out.iter_mut().enumerate() {
            let at = i * width;
            let word = padded.get(at / 8..).and_then(<[u8]>::first_chunk).map_or(0, |b| u64::from_le_bytes(*b));
            *slot = base.wrapping_add(((word >> (at % 8)) & mask) as i64);
        }
    } else {
        let mask = u128::from(u64::MAX >> (64 - width));
        for (i, slot) in out.iter_mut().enumerate() {
            let at = i * width;
            let word = padded.get(at / 8..).and_then(<[u8]>::first_chunk).map_or(0, |b| u128::from_le_bytes(*b));
            *slot = base.wrapping_add(((word >> (at % 8)) & mask) as i64);
        }
    }
}
