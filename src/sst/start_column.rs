//! A column of start times, of samples whose times are known.
//!
//! ```text
//! base: 1   integer column (`ints`)
//!
//! base 0    number i is start i
//! base 1    number i is time i - start i
//! base 2    number i is start i - time i-1; the first is start 0 - time 0
//! ```
//!
//! So a counter that was never reset, deltas that begin with the sample before, and deltas of a fixed length each make a
//! column of equal numbers. All arithmetic wraps. A sample without a start time has start 0.

use crate::codec::{CodecError, ints, take_byte};

const BASES: [u8; 3] = [0, 1, 2];

/// What the numbers of a base are reckoned from, and whether they go backwards from there.
fn from(base: u8, times: &[i64], i: usize) -> i64 {
    let time = |i: usize| times.get(i).copied().unwrap_or_default();
    match base {
        0 => 0,
        1 => time(i),
        _ => time(i.saturating_sub(1)),
    }
}

fn backwards(base: u8) -> bool {
    base == 1
}

/// The column of `start_column`, written in the way that turns out smallest; samples beyond them have none.
pub(super) fn encode(starts: &[i64], times: &[i64]) -> Vec<u8> {
    let column = |base: u8| {
        let all = starts.iter().copied().chain(std::iter::repeat(0)).take(times.len()).enumerate();
        let numbers: Vec<i64> = all
            .map(|(i, start)| {
                let from = from(base, times, i);
                if backwards(base) { from.wrapping_sub(start) } else { start.wrapping_sub(from) }
            })
            .collect();
        let mut out = vec![base];
        ints::encode(&numbers, &mut out);
        out
    };
    BASES.into_iter().map(column).min_by_key(Vec::len).unwrap_or_default()
}

/// The start times of the samples with these times.
///
/// # Errors
/// When the bytes are not such a column.
pub(super) fn decode(mut bytes: &[u8], times: &[i64]) -> Result<Vec<i64>, CodecError> {
    let what = "a column of start times";
    let base = take_byte(&mut bytes, what)?;
    if !BASES.contains(&base) {
        return Err(CodecError::Tag { what, tag: base });
    }
    let mut starts = Vec::with_capacity(times.len());
    ints::decode(bytes, times.len(), |numbers| starts.extend_from_slice(numbers))?;
    if base != 0 {
        for (i, number) in starts.iter_mut().enumerate() {
            let from = from(base, times, i);
            *number = if backwards(base) { from.wrapping_sub(*number) } else { from.wrapping_add(*number) };
        }
    }
    Ok(starts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_follows_a_rule_takes_a_few_bytes() {
        let times: Vec<i64> = (0..4096).map(|i| 1_700_000_000_000 + i * 15_000 + i * i % 7).collect();
        let size = |start: fn(&[i64], usize) -> i64| {
            let starts: Vec<i64> = (0..times.len()).map(|i| start(&times, i)).collect();
            let bytes = encode(&starts, &times);
            assert_eq!(decode(&bytes, &times).unwrap(), starts);
            bytes.len()
        };
        assert!(size(|_, _| 1_699_999_000_123) < 12, "a counter");
        assert!(size(|times, i| times[i.saturating_sub(1)]) < 12, "deltas");
        assert!(size(|times, i| times[i] - 1) < 12, "deltas of a ms");
        assert!(size(|times, i| times[i / 1000 * 1000] - 5) < 400, "a counter that was reset now and then");
    }

    proptest! {
        #[test]
        fn any_start_times_come_back(samples in prop::collection::vec((any::<i64>(), prop_oneof![Just(0i64), any::<i64>()]), 1..300)) {
            let (times, starts): (Vec<i64>, Vec<i64>) = samples.into_iter().unzip();
            prop_assert_eq!(decode(&encode(&starts, &times), &times).unwrap(), starts);
        }

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..5], 0..60), samples in 0usize..300) {
            let times = vec![7; samples];
            if let Ok(starts) = decode(&bytes, &times) {
                prop_assert_eq!(starts.len(), samples);
            }
        }
    }
}
