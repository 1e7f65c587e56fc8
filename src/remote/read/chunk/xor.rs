//! Float chunks, encoding 1, and the code for floats that all encodings share.
//!
//! ```text
//! chunk     count (2 bytes, big endian), first sample, second sample, others; zero bits fill the last byte
//! first     zigzag varint(t0), v0 (64 bits)
//! second    varint(t1 - t0), XOR code of v1
//! others    delta of delta of the time, XOR code of the value
//!
//! delta of delta D     0: `0`   14 bits: `10` D   17 bits: `110` D   20 bits: `1110` D   else: `1111` D (64 bits)
//! XOR X with the value before it
//!           0: `0`
//!           within the window: `10`, the window's bits of X
//!           else: `11`, leading zeros of X (5 bits, at most 31), length (6 bits, 64 is written as 0), bits of X
//! ```
//!
//! The window is the part that was written last with `11`. Times and differences wrap.

use prost::encoding::encode_varint;

use super::varbit::fits;
use crate::codec::bits::BitWriter;

/// Bytes that the first two samples of a chunk, and each further one, mostly take.
const USUAL_HEAD: usize = 32;
const USUAL_SAMPLE: usize = 2;

/// Leading zeros have 5 bits of room.
const MAX_LEADING: u32 = 31;

/// What the XOR code of a column of floats remembers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    previous: u64,
    /// Leading and trailing zeros around the window.
    zeros: Option<(u32, u32)>,
}

impl Window {
    /// Starts after a value that was written whole.
    pub(super) fn after(value: f64) -> Self {
        Self { previous: value.to_bits(), zeros: None }
    }

    /// Appends the code of `value`.
    pub(super) fn put(&mut self, value: f64, out: &mut BitWriter) {
        let bits = value.to_bits();
        let xor = bits ^ self.previous;
        self.previous = bits;
        if xor == 0 {
            return out.put(0, 1);
        }
        let leading = xor.leading_zeros().min(MAX_LEADING);
        let trailing = xor.trailing_zeros();
        match self.zeros {
            Some((before, after)) if leading >= before && trailing >= after => {
                out.put(0b10, 2);
                out.put(xor >> after, 64 - before - after);
            }
            _ => {
                self.zeros = Some((leading, trailing));
                let length = 64 - leading - trailing;
                out.put(0b11, 2);
                out.put(u64::from(leading), 5);
                out.put(u64::from(length), 6);
                out.put(xor >> trailing, length);
            }
        }
    }
}

/// Encodes samples, at most 65535.
pub(super) fn encode(times: &[i64], values: &[f64]) -> Vec<u8> {
    let count = times.len().min(values.len()) as u16;
    let mut samples = times.iter().copied().zip(values.iter().copied());
    let mut bytes = Vec::with_capacity(USUAL_HEAD + USUAL_SAMPLE * usize::from(count));
    bytes.extend_from_slice(&count.to_be_bytes());
    let Some((t0, v0)) = samples.next() else { return bytes };
    encode_varint(((t0 << 1) ^ (t0 >> 63)) as u64, &mut bytes);
    bytes.extend_from_slice(&v0.to_bits().to_be_bytes());
    let Some((t1, v1)) = samples.next() else { return bytes };
    let mut delta = t1.wrapping_sub(t0);
    encode_varint(delta as u64, &mut bytes);
    let mut out = BitWriter::after(bytes);
    let mut window = Window::after(v0);
    window.put(v1, &mut out);
    let mut before = t1;
    for (t, v) in samples {
        let next = t.wrapping_sub(before);
        put_delta_of_delta(next.wrapping_sub(delta), &mut out);
        (before, delta) = (t, next);
        window.put(v, &mut out);
    }
    out.into_bytes()
}

fn put_delta_of_delta(value: i64, out: &mut BitWriter) {
    let (prefix, length, width) = match value {
        0 => return out.put(0, 1),
        _ if fits(value, 14) => (0b10, 2, 14),
        _ if fits(value, 17) => (0b110, 3, 17),
        _ if fits(value, 20) => (0b1110, 4, 20),
        _ => (0b1111, 4, 64),
    };
    out.put(prefix, length);
    out.put(value as u64, width);
}

#[cfg(test)]
mod tests {
    use super::super::hex;
    use super::*;
    use crate::model::STALE_NAN;

    #[test]
    fn the_known_chunk_is_written_bit_for_bit() {
        let times = [1000, 16000, 31000, 46001, 61001, 200_000, 2_000_000];
        let values = [1.0, 1.0, 2.5, 2.5, -3.0, f64::INFINITY, STALE_NAN];
        let want = "0007d00f3ff00000000000009875309bffd80015fffe03a003e1e45faffef0000000000195849ff00000000080";
        assert_eq!(encode(&times, &values), hex(want));
    }

    #[test]
    fn no_samples_are_a_count_of_zero() {
        assert_eq!(encode(&[], &[]), [0, 0]);
    }
}
