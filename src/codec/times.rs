//! A column of sample times: an integer column ([`super::ints`]), which knows regular scrapes, jitter around a line,
//! and gaps.

use super::{CodecError, ints};

/// Appends the column of `times`.
pub fn encode(times: &[i64], out: &mut Vec<u8>) {
    ints::encode(times, out);
}

/// Appends the `count` times of a column to `out`.
///
/// # Errors
/// When the bytes are not such a column; `out` may then hold some values more than before.
pub fn decode(bytes: &[u8], count: usize, out: &mut Vec<i64>) -> Result<(), CodecError> {
    ints::decode(bytes, count, |times| out.extend_from_slice(times))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(times: &[i64]) -> usize {
        let mut bytes = Vec::new();
        encode(times, &mut bytes);
        let mut out = vec![1];
        decode(&bytes, times.len(), &mut out).unwrap();
        assert_eq!(out[1..], *times);
        bytes.len()
    }

    #[test]
    fn a_regular_scrape_costs_a_dozen_bytes_whatever_its_length() {
        let times: Vec<i64> = (0..4096).map(|i| 1_700_000_000_000 + i * 15_000).collect();
        assert!(size(&times) < 12);
    }

    #[test]
    fn jitter_costs_its_own_bits_and_a_missed_scrape_a_few_bytes() {
        let mut times: Vec<i64> = (0..1280).map(|i| 1_700_000_000_000 + i * 15_000 + i * 7919 % 16).collect();
        assert!(size(&times) < 1280 * 5 / 8);
        times.drain(300..304);
        assert!(size(&times) < 1280 * 6 / 8);
    }
}
