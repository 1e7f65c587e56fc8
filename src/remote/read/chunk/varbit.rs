//! Bits, most significant first, and the numbers made of them.
//!
//! ```text
//! varbit_uint  0: `0`, else k ones, a zero and n bits for the smallest n of 3, 6, 9, 12, 18, 25, 56 that holds it
//!              (k = 1 to 7), else 8 ones and 64 bits
//! varbit_int   the same, where n bits hold -(2^(n-1) - 1) to 2^(n-1)
//! ```

/// Widths of the varbit numbers; position + 1 is the count of leading ones.
pub(super) const WIDTHS: [u32; 7] = [3, 6, 9, 12, 18, 25, 56];

/// Appends bits to bytes.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits still free in the last byte.
    free: u32,
}

impl BitWriter {
    /// Continues after whole bytes.
    pub(super) fn after(bytes: Vec<u8>) -> Self {
        Self { bytes, free: 0 }
    }

    /// The bytes, the last one filled up with zeros.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// Appends the low `count` bits of `value`.
    pub(super) fn bits(&mut self, value: u64, count: u32) {
        let mut left = count;
        while left > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let take = left.min(self.free);
            let part = (value >> (left - take)) as u8 & (0xff >> (8 - take));
            self.free -= take;
            left -= take;
            if let Some(last) = self.bytes.last_mut() {
                *last |= part << self.free;
            }
        }
    }

    pub(super) fn varbit_uint(&mut self, value: u64) {
        self.varbit(value, value == 0, |width| value < 1 << width);
    }

    pub(super) fn varbit_int(&mut self, value: i64) {
        self.varbit(value as u64, value == 0, |width| fits(value, width));
    }

    fn varbit(&mut self, value: u64, zero: bool, fits: impl Fn(u32) -> bool) {
        if zero {
            return self.bits(0, 1);
        }
        match (1..).zip(WIDTHS).find(|&(_, width)| fits(width)) {
            Some((ones, width)) => {
                self.bits(((1 << ones) - 1) << 1, ones + 1);
                self.bits(value, width);
            }
            None => {
                self.bits(0xff, 8);
                self.bits(value, 64);
            }
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
    fn bits_fill_bytes_from_the_top() {
        let mut bits = BitWriter::after(vec![0xaa]);
        bits.bits(0b1, 1);
        bits.bits(0b0110, 4);
        bits.bits(0xffff_0f0f, 16);
        assert_eq!(bits.finish(), [0xaa, 0b1011_0000, 0b0111_1000, 0b0111_1000]);
    }

    #[test]
    fn signed_widths_reach_one_further_up_than_down() {
        assert!(fits(4, 3) && fits(-3, 3) && !fits(5, 3) && !fits(-4, 3));
        assert!(fits(8192, 14) && fits(-8191, 14) && !fits(8193, 14) && !fits(-8192, 14));
    }
}
