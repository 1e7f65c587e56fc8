//! Whole numbers as what they differ by from those of another column: a bucket of a classic histogram counts nearly
//! what its neighbour counts. The column's layout is drawn in [`super::floats`].
//!
//! Where the difference is 0 the value has the bits of the one before, whatever they are: both series end in the same
//! stale marker. Everywhere else both are integers. All arithmetic wraps.

use std::iter::zip;

use super::{CodecError, decimal, ints, take_byte};

/// The tag among those of float columns.
pub(super) const CROSS_SERIES: u8 = 7;
/// Values at the beginning of a column that tell whether its differences are worth writing.
const SAMPLED: usize = 129;
const WHAT: &str = "a column of differences";

/// How many columns before it the column stands that `bytes` are written beside; `None` if they are no such column.
pub fn distance(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [CROSS_SERIES, distance, ..] => Some(usize::from(*distance)),
        _ => None,
    }
}

/// Appends `values` as what they differ by from `others`, which are as many and stand `distance` columns before, if that
/// seems much smaller than without; answers whether it did.
pub fn encode(values: &[f64], others: &[f64], distance: u8, out: &mut Vec<u8>) -> bool {
    let sampled = values.len().min(SAMPLED);
    let Some(sample) = values.get(..sampled).and_then(|values| differences(values, others)) else { return false };
    let own: Vec<i64> = values.iter().take(sampled).map(|value| *value as i64).collect();
    let steps = |values: &[i64]| ints::estimate(&ints::differences(values));
    // Differences that win little aren't worth reading two columns for one.
    if steps(&sample) * 8 >= steps(&own) * 7 {
        return false;
    }
    let Some(all) = differences(values, others) else { return false };
    out.extend_from_slice(&[CROSS_SERIES, distance]);
    ints::encode(&all, out);
    true
}

/// What is to be added to each number of `others`, if that can be said.
fn differences(values: &[f64], others: &[f64]) -> Option<Vec<i64>> {
    let difference = |(value, other): (&f64, &f64)| {
        if value.to_bits() == other.to_bits() {
            return Some(0);
        }
        let step = decimal::to_integer(*value, 1.0)?.wrapping_sub(decimal::to_integer(*other, 1.0)?);
        // 2^63 is a float, but no i64.
        (moved(*other, step).to_bits() == value.to_bits()).then_some(step)
    };
    zip(values, others).map(difference).collect()
}

/// `value`, an integer, moved by `step`.
#[inline]
pub(super) fn moved(value: f64, step: i64) -> f64 {
    let sum = (value as i64).wrapping_add(step) as f64;
    if step == 0 { value } else { sum }
}

/// Makes the values of the other column, in `values`, those of the column in `bytes`.
///
/// # Errors
/// When the bytes are no such column; `values` then have no meaning.
pub fn decode(bytes: &[u8], values: &mut [f64]) -> Result<(), CodecError> {
    let count = values.len();
    let mut input = bytes;
    match take_byte(&mut input, WHAT)? {
        CROSS_SERIES => take_byte(&mut input, WHAT)?,
        tag => return Err(CodecError::Tag { what: WHAT, tag }),
    };
    let mut rest = values.iter_mut();
    ints::decode(input, count, |steps| {
        for (step, value) in zip(steps, &mut rest) {
            *value = moved(*value, *step);
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{codec::last, model::STALE_NAN};

    /// The column's bytes, if there is one.
    fn round_trip(values: &[f64], before: &[f64]) -> Option<Vec<u8>> {
        let mut bytes = vec![9];
        if !encode(values, before, 2, &mut bytes) {
            assert_eq!(bytes, [9]);
            return None;
        }
        assert_eq!(distance(&bytes[1..]), Some(2));
        let mut out = before.to_vec();
        decode(&bytes[1..], &mut out).unwrap();
        assert!(zip(&out, values).all(|(a, b)| a.to_bits() == b.to_bits()));
        if let (Some(end), Some(other)) = (values.last(), before.last()) {
            assert_eq!(last::beside(&bytes[1..], values.len(), *other).unwrap().to_bits(), end.to_bits());
        }
        Some(bytes.split_off(1))
    }

    fn requests(share: f64) -> Vec<f64> {
        let all = (0..480u64).scan(5_000.0, |at, i| {
            *at += (i * 7919 % 401) as f64;
            Some(*at)
        });
        all.map(|all| (all * share).floor()).collect()
    }

    #[test]
    fn a_bucket_beside_its_neighbour_takes_little() {
        let mut alone = Vec::new();
        crate::codec::floats::encode(&requests(0.9), &mut alone);
        let bytes = round_trip(&requests(0.9), &requests(0.88)).unwrap();
        assert!(bytes.len() * 3 < alone.len() * 2, "{} {}", bytes.len(), alone.len());
        assert!(round_trip(&requests(1.0), &requests(1.0)).unwrap().len() <= 6);
    }

    #[test]
    fn columns_that_end_together_keep_their_stale_markers() {
        let ended = |share| {
            let mut values = requests(share);
            values[479] = STALE_NAN;
            values
        };
        assert!(round_trip(&ended(0.9), &ended(0.88)).unwrap().len() < 400);
        assert!(round_trip(&ended(0.9), &requests(0.88)).is_none());
        assert!(round_trip(&requests(0.9), &ended(0.88)).is_none());
    }

    #[test]
    fn what_has_nothing_in_common_stays_alone() {
        let noise: Vec<f64> = (0..480u64).map(|i| (i * 104_729 % 65_537) as f64).collect();
        assert!(round_trip(&requests(1.0), &noise).is_none());
        assert!(round_trip(&[3.0; 480], &[3.0; 480]).is_none());
        assert!(round_trip(&[], &[]).is_none());
        let halves: Vec<f64> = requests(1.0).iter().map(|v| v / 2.0).collect();
        assert!(round_trip(&requests(1.0), &halves).is_none());
    }

    #[test]
    fn other_columns_are_refused() {
        assert_eq!(decode(&[1, 0], &mut [1.0]), Err(CodecError::Tag { what: WHAT, tag: 1 }));
        assert!(matches!(decode(&[], &mut [1.0]), Err(CodecError::Truncated(_))));
        assert!(matches!(decode(&[CROSS_SERIES, 1, 0, 2, 0], &mut [1.0]), Err(CodecError::Trailing { .. })));
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            8 => (-100_000i64..100_000).prop_map(|i| i as f64),
            1 => any::<i64>().prop_map(|i| i as f64),
            1 => any::<u64>().prop_map(f64::from_bits),
            1 => prop::sample::select(vec![STALE_NAN, -0.0, 0.0, 9_223_372_036_854_775_808.0, i64::MIN as f64, 1e300]),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_comes_back(pairs in prop::collection::vec((value(), prop::option::weighted(0.2, value())), 0..300)) {
            let before: Vec<f64> = pairs.iter().map(|p| p.0).collect();
            let values: Vec<f64> = pairs.iter().map(|p| p.1.unwrap_or(p.0)).collect();
            round_trip(&values, &before);
            if let Some(all) = differences(&values, &before) {
                let moved = zip(&before, all).map(|(before, step)| moved(*before, step).to_bits());
                prop_assert!(moved.eq(values.iter().map(|v| v.to_bits())));
            }
        }

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300), before in prop::collection::vec(value(), 0..300)) {
            let bytes: Vec<u8> = std::iter::once(CROSS_SERIES).chain(bytes).collect();
            let _ = decode(&bytes, &mut before.clone());
        }
    }
}
