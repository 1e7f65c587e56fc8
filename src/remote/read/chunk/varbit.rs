//! The numbers of variable width in chunks, as bits, most significant first.
//!
//! ```text
//! varbit_uint  0: `0`, else k ones, a zero and n bits for the smallest n of 3, 6, 9, 12, 18, 25, 56 that holds it
//!              (k = 1 to 7), else 8 ones and 64 bits
//! varbit_int   the same, where n bits hold -(2^(n-1) - 1) to 2^(n-1)
//! ```

use crate::codec::bits::BitWriter;

/// Widths of the varbit numbers; position + 1 is the count of leading ones.
pub(super) const WIDTHS: [u32; 7] = [3, 6, 9, 12, 18, 25, 56];

/// The varbit numbers.
pub(super) trait Varbit {
    /// Appends a varbit_uint.
    fn varbit_uint(&mut self, value: u64);
    /// Appends a varbit_int.
    fn varbit_int(&mut self, value: i64);
}

impl Varbit for BitWriter {
    fn varbit_uint(&mut self, value: u64) {
        put(self, value, value == 0, |width| value < 1 << width);
    }

    fn varbit_int(&mut self, value: i64) {
        put(self, value as u64, value == 0, |width| fits(value, width));
    }
}

fn put(out: &mut BitWriter, value: u64, zero: bool, fits: impl Fn(u32) -> bool) {
    if zero {
        return out.put(0, 1);
    }
    match (1..).zip(WIDTHS).find(|&(_, width)| fits(width)) {
        Some((ones, width)) => {
            out.put(((1 << ones) - 1) << 1, ones + 1);
            out.put(value, width);
        }
        None => {
            out.put(0xff, 8);
            out.put(value, 64);
        }
    }
}

/// Whether `value` fits into `width` bits, read as numbers from `-(2^(width-1) - 1)` to `2^(width-1)`.
pub(super) fn fits(value: i64, width: u32) -> bool {
    let end = 1i64 << (width - 1);
    -end < value && value <= end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_widths_reach_one_further_up_than_down() {
        assert!(fits(4, 3) && fits(-3, 3) && !fits(5, 3) && !fits(-4, 3));
        assert!(fits(8192, 14) && fits(-8191, 14) && !fits(8193, 14) && !fits(-8192, 14));
    }
}
