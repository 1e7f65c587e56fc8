//! A column of integers: times, and floats that are decimals in disguise.
//!
//! ```text
//! tag 0  regular   first, step                     value i = first + i * step
//! tag 1  plain     frames of the n values
//! tag 2  delta     first, frames of n - 1 differences
//! tag 3  delta2    first, first difference, frames of n - 2 differences of differences
//! tag 4  line      first, step, frames of n - 1 distances from first + i * step
//! tag 5  runs      number of runs: varint, frames of the lengths of all runs but the last, column of one value each
//! tag 6  marked    n - 1 bits, LSB first: value i + 1 is not value i; column of one value for each run
//! tag 7  multiple  first, divisor: varint, column of the integers (value - first) / divisor
//! ```
//!
//! `first`, `step` and the first difference are zigzag varints, frames are those of [`super::pack`], all arithmetic
//! wraps. A column of no values has no bytes; one of a single value is regular and has no step. The column inside of
//! `runs` and `marked` has one of the tags 0 to 4, that inside of `multiple` one of 0 to 6.

use super::{
    CodecError, finish,
    pack::{self, FRAME, Plan},
    runs::{self, Positions},
    take_byte, varint,
};

pub(super) const REGULAR: u8 = 0;
pub(super) const PLAIN: u8 = 1;
pub(super) const DELTA: u8 = 2;
pub(super) const DELTA2: u8 = 3;
pub(super) const LINE: u8 = 4;
pub(super) const RUNS: u8 = 5;
pub(super) const MARKED: u8 = 6;
pub(super) const MULTIPLE: u8 = 7;
const WHAT: &str = "an integer column";

/// Appends the column of `values`, written in the way that turns out smallest.
pub fn encode(values: &[i64], out: &mut Vec<u8>) {
    let [first, second, ..] = values else { return encode_straight(values, out) };
    // Two values always have a divisor, a regular column needs none.
    match divisor(values) {
        divisor @ 2.. if !is_regular(values, second.wrapping_sub(*first)) => {
            let quotients: Vec<i64> = values.iter().map(|v| v.wrapping_sub(*first) / divisor).collect();
            out.push(MULTIPLE);
            varint::put_signed(out, *first);
            varint::put(out, divisor as u64);
            encode_runs(&quotients, out);
        }
        _ => encode_runs(values, out),
    }
}

/// The greatest common divisor of the distances to the first value; 1 also where it isn't worth its varint.
fn divisor(values: &[i64]) -> i64 {
    let Some(first) = values.first() else { return 1 };
    let mut divisor = 0u64;
    for value in values {
        let (mut a, mut b) = (value.wrapping_sub(*first).unsigned_abs(), divisor);
        while a != 0 {
            (a, b) = (b % a, a);
        }
        divisor = b;
        if divisor == 1 {
            break;
        }
    }
    // The distance 2^63 is its own negative.
    i64::try_from(divisor).unwrap_or(1)
}

/// Appends a column that may have the tags 0 to 6.
fn encode_runs(values: &[i64], out: &mut Vec<u8>) {
    let repeated = values.windows(2).filter(|w| matches!(w, [a, b] if a == b)).count();
    // Where less than an eighth repeats, saying which costs more than leaving them out wins.
    if repeated * 8 <= values.len() {
        return encode_straight(values, out);
    }
    let heads = runs::heads(values);
    let positions = Positions::smaller(values, heads.len());
    let mut with_runs = Vec::with_capacity(values.len());
    with_runs.push(match positions {
        Positions::Lengths(_) => RUNS,
        Positions::Marks(_) => MARKED,
    });
    positions.encode(&mut with_runs);
    encode_straight(&heads, &mut with_runs);
    // Where most repeats nothing else can be smaller.
    let at = out.len();
    if repeated * 4 <= values.len() * 3 {
        encode_straight(values, out);
        if out.len() - at <= with_runs.len() {
            return;
        }
        out.truncate(at);
    }
    out.extend_from_slice(&with_runs);
}

fn is_regular(values: &[i64], step: i64) -> bool {
    values.windows(2).all(|w| matches!(w, [a, b] if b.wrapping_sub(*a) == step))
}

/// Appends a column that may have the tags 0 to 4.
fn encode_straight(values: &[i64], out: &mut Vec<u8>) {
    let [first, rest @ ..] = values else { return };
    let [second, ..] = rest else {
        out.push(REGULAR);
        varint::put_signed(out, *first);
        return;
    };
    let step = second.wrapping_sub(*first);
    if is_regular(values, step) {
        out.push(REGULAR);
        varint::put_signed(out, *first);
        varint::put_signed(out, step);
        return;
    }
    let deltas = differences(values);
    let deltas2 = differences(&deltas);
    let mean = mean_step(values);
    let distances: Vec<i64> = line(*first, mean).zip(values).skip(1).map(|(l, v)| v.wrapping_sub(l)).collect();
    let candidates: [(u8, &[i64]); 4] = [(DELTA, &deltas), (PLAIN, values), (DELTA2, &deltas2), (LINE, &distances)];
    // Planning sorts every frame; so only those that look nearly as good as the best are planned.
    let estimated = candidates.map(|(tag, values)| (tag, values, estimate(values)));
    let least = estimated.iter().map(|e| e.2).min().unwrap_or(0);
    let planned = estimated.into_iter().filter(|(_, _, bits)| *bits <= least + least / 8).map(|(tag, values, _)| {
        let plans: Vec<Plan> = values.chunks(FRAME).map(pack::plan).collect();
        (plans.iter().map(|p| p.bytes).sum::<usize>(), tag, values, plans)
    });
    let Some((_, tag, values, plans)) = planned.min_by_key(|p| p.0) else { return };
    out.push(tag);
    if tag != PLAIN {
        varint::put_signed(out, *first);
    }
    match tag {
        DELTA2 => varint::put_signed(out, step),
        LINE => varint::put_signed(out, mean),
        _ => {}
    }
    for (frame, plan) in values.chunks(FRAME).zip(plans) {
        pack::encode(frame, plan, out);
    }
}

/// Roughly how many bits the frames of `values` need: those of each value's distance to a middle one.
pub(super) fn estimate(values: &[i64]) -> u64 {
    let frame_bits = |frame: &[i64]| -> u64 {
        let at = |i: usize| frame.get(i).copied().unwrap_or(0);
        let [a, b, c] = [at(0), at(frame.len() / 2), at(frame.len().saturating_sub(1))];
        let middle = a.max(b).min(a.min(b).max(c));
        frame.iter().map(|v| u64::from(64 - v.wrapping_sub(middle).unsigned_abs().leading_zeros())).sum()
    };
    values.chunks(FRAME).map(frame_bits).sum()
}

pub(super) fn differences(values: &[i64]) -> Vec<i64> {
    values.windows(2).map(|w| if let [a, b] = w { b.wrapping_sub(*a) } else { 0 }).collect()
}

/// `first`, `first + step`, and so on.
fn line(first: i64, step: i64) -> impl Iterator<Item = i64> {
    std::iter::successors(Some(first), move |at| Some(at.wrapping_add(step)))
}

/// The step that leads from the first value to the last, rounded.
fn mean_step(values: &[i64]) -> i64 {
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return 0 };
    let steps = values.len().saturating_sub(1).max(1) as i128;
    let way = i128::from(*last) - i128::from(*first);
    // The quotient of a 65-bit number by at least 2 fits; by 1 it may wrap, as the line does.
    ((way + (steps / 2) * way.signum()) / steps) as i64
}

/// Takes `count` values out of `bytes` and hands them to `sink` in order, up to [`FRAME`] at a time.
///
/// # Errors
/// When the bytes are not such a column. `sink` may have seen some values by then.
pub fn decode(bytes: &[u8], count: usize, mut sink: impl FnMut(&[i64])) -> Result<(), CodecError> {
    let mut input = bytes;
    if count == 0 {
        return finish(input, WHAT);
    }
    if bytes.first() != Some(&MULTIPLE) {
        return decode_runs(bytes, count, |values| sink(values));
    }
    take_byte(&mut input, WHAT)?;
    let first = varint::get_signed(&mut input, WHAT)?;
    let divisor = varint::get(&mut input, WHAT)? as i64;
    decode_runs(input, count, |values| {
        for value in values.iter_mut() {
            *value = first.wrapping_add(value.wrapping_mul(divisor));
        }
        sink(values);
    })
}

/// The same for a column with one of the tags 0 to 6.
fn decode_runs(bytes: &[u8], count: usize, sink: impl FnMut(&mut [i64])) -> Result<(), CodecError> {
    let mut input = bytes;
    let take_positions = match bytes.first() {
        Some(&RUNS) => Positions::take_lengths,
        Some(&MARKED) => Positions::take_marks,
        _ => return decode_straight(bytes, count, sink),
    };
    take_byte(&mut input, WHAT)?;
    let (positions, runs) = take_positions(&mut input, count)?;
    let mut heads = Vec::with_capacity(runs);
    decode_straight(input, runs, |values| heads.extend_from_slice(values))?;
    positions.spread(&heads, count, sink);
    Ok(())
}

/// The same for a column with one of the tags 0 to 4.
fn decode_straight(bytes: &[u8], count: usize, mut sink: impl FnMut(&mut [i64])) -> Result<(), CodecError> {
    let mut input = bytes;
    let mut frame = [0i64; FRAME];
    let tag = take_byte(&mut input, WHAT)?;
    let first = if tag == PLAIN { 0 } else { varint::get_signed(&mut input, WHAT)? };
    match tag {
        REGULAR => {
            let step = if count > 1 { varint::get_signed(&mut input, WHAT)? } else { 0 };
            finish(input, WHAT)?;
            let mut at = first;
            fill(&mut frame, count, |values| {
                for value in values.iter_mut() {
                    *value = at;
                    at = at.wrapping_add(step);
                }
                sink(values);
                Ok(())
            })?;
        }
        PLAIN => fill(&mut frame, count, |values| {
            pack::decode(&mut input, values)?;
            sink(values);
            Ok(())
        })?,
        DELTA => {
            let mut at = first;
            sink(&mut [at]);
            fill(&mut frame, count - 1, |values| {
                pack::decode(&mut input, values)?;
                for value in values.iter_mut() {
                    at = at.wrapping_add(*value);
                    *value = at;
                }
                sink(values);
                Ok(())
            })?;
        }
        DELTA2 => {
            let mut step = varint::get_signed(&mut input, WHAT)?;
            let mut at = first;
            sink(&mut [at]);
            if count > 1 {
                at = at.wrapping_add(step);
                sink(&mut [at]);
            }
            fill(&mut frame, count.saturating_sub(2), |values| {
                pack::decode(&mut input, values)?;
                for value in values.iter_mut() {
                    step = step.wrapping_add(*value);
                    at = at.wrapping_add(step);
                    *value = at;
                }
                sink(values);
                Ok(())
            })?;
        }
        LINE => {
            let step = varint::get_signed(&mut input, WHAT)?;
            let mut at = first;
            sink(&mut [at]);
            fill(&mut frame, count - 1, |values| {
                pack::decode(&mut input, values)?;
                for value in values.iter_mut() {
                    at = at.wrapping_add(step);
                    *value = value.wrapping_add(at);
                }
                sink(values);
                Ok(())
            })?;
        }
        tag => return Err(CodecError::Tag { what: WHAT, tag }),
    }
    finish(input, WHAT)
}

/// Calls `each` with as many slots of `frame` as the next frame of a column of `count` values has.
pub(super) fn fill(
    frame: &mut [i64; FRAME],
    count: usize,
    mut each: impl FnMut(&mut [i64]) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    let mut left = count;
    while left > 0 {
        let n = left.min(FRAME);
        let (values, _) = frame.split_at_mut(n);
        each(values)?;
        left -= n;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::last;

    fn round_trip(values: &[i64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(values, &mut bytes);
        let mut out = Vec::new();
        decode(&bytes, values.len(), |v| out.extend_from_slice(v)).unwrap();
        assert_eq!(out, values);
        if let Some(end) = values.last() {
            assert_eq!(last::integer(&bytes, values.len()), Ok(*end));
        }
        bytes
    }

    #[test]
    fn each_kind_of_column_is_written_in_its_own_way() {
        let noise = |i: i64| (i * 7919 % 13) * (i * 104_729 % 7) % 16;
        let tag = |values: Vec<i64>| round_trip(&values)[0];
        assert_eq!(tag((0..300).map(|i| i * 15_000).collect()), REGULAR);
        assert_eq!(tag((0..300).map(noise).collect()), PLAIN);
        assert_eq!(
            tag((0..300)
                .scan(0, |at, i| {
                    *at += 51 + noise(i) * noise(i + 3);
                    Some(*at)
                })
                .collect()),
            DELTA
        );
        assert_eq!(tag((0..300).map(|i| i * i * 50 + noise(i) % 2).collect()), DELTA2);
        assert_eq!(tag((0..300).map(|i| i * 15_000 + noise(i)).collect()), LINE);
        assert!(round_trip(&[]).is_empty());
        assert_eq!(round_trip(&[-1]), [REGULAR, 1]);
    }

    #[test]
    fn what_repeats_is_written_once() {
        let quiet: Vec<i64> = (0..600).map(|i| i / 40 * 17 + i / 100 * 9).collect();
        let bytes = round_trip(&quiet);
        assert!(bytes[0] == RUNS && bytes.len() < 50, "{}", bytes.len());
        let resting: Vec<i64> = (0..600).map(|i| (i / 2 + i % 2 * (i % 5 / 3)) * 7919 % 100_000).collect();
        let bytes = round_trip(&resting);
        assert!(bytes[0] == MARKED && bytes.len() < 600 * 17 * 2 / 3 / 8, "{}", bytes.len());
        // One run.
        let mut out = Vec::new();
        decode(&[RUNS, 1, REGULAR, 6], 300, |v| out.extend_from_slice(v)).unwrap();
        assert_eq!(out, [3; 300]);
        for lengths in [[0, 4], [4, 0], [0, 0], [2, 2]] {
            let [a, b] = lengths;
            let bytes = [RUNS, 3, 3, 0, a | b << 3, PLAIN, 0, 0];
            assert!(matches!(decode(&bytes, 4, |_| {}), Err(CodecError::Range { .. })), "{lengths:?}");
        }
        assert!(matches!(decode(&[RUNS, 0], 4, |_| {}), Err(CodecError::Range { got: 0, .. })));
        assert_eq!(decode(&[RUNS, 1, RUNS, 1], 4, |_| {}), Err(CodecError::Tag { what: WHAT, tag: RUNS }));
        assert_eq!(
            decode(&[MULTIPLE, 0, 2, MULTIPLE, 0], 4, |_| {}),
            Err(CodecError::Tag { what: WHAT, tag: MULTIPLE })
        );
    }

    #[test]
    fn a_common_divisor_is_written_once() {
        let pages: Vec<i64> = (0..600).map(|i| 12_345 + i * 7919 % 1000 * 4096).collect();
        let bytes = round_trip(&pages);
        assert!(bytes[0] == MULTIPLE && bytes.len() < 600 * 10 / 8 + 30, "{}", bytes.len());
        round_trip(&[i64::MIN, 0, i64::MIN]);
        round_trip(&[i64::MIN, 0, i64::MAX - 1, 2]);
        round_trip(&[0, i64::MIN, 6, i64::MIN + 12]);
    }

    #[test]
    fn the_ends_of_the_range_wrap() {
        round_trip(&[i64::MIN, i64::MAX]);
        round_trip(&[i64::MAX, i64::MIN, i64::MAX]);
        round_trip(&[i64::MIN, 0, i64::MAX, 5, i64::MIN, i64::MIN]);
    }

    #[test]
    fn left_over_bytes_and_unknown_tags_are_refused() {
        let mut bytes = round_trip(&[1, 2, 3]);
        bytes.push(0);
        assert_eq!(decode(&bytes, 3, |_| {}), Err(CodecError::Trailing { what: WHAT, extra: 1 }));
        assert_eq!(decode(&[9, 0], 3, |_| {}), Err(CodecError::Tag { what: WHAT, tag: 9 }));
        assert_eq!(decode(&[0], 0, |_| {}), Err(CodecError::Trailing { what: WHAT, extra: 1 }));
    }

    proptest! {
        #[test]
        fn any_integers_come_back(values in prop::collection::vec(any::<i64>(), 0..400)) {
            let bytes = round_trip(&values);
            prop_assert!(bytes.len() <= values.len() * 8 + values.len() / 8 + 32);
        }

        #[test]
        fn walks_come_back(first: i64, step in -100_000i64..100_000, noise in prop::collection::vec(-50i64..50, 0..400), gap: Option<(prop::sample::Index, i64)>) {
            let mut at = first;
            let mut values: Vec<i64> = noise.iter().map(|n| { at = at.wrapping_add(step + n); at }).collect();
            if let Some((i, gap)) = gap && !values.is_empty() {
                let i = i.index(values.len());
                values[i..].iter_mut().for_each(|v| *v = v.wrapping_add(gap));
            }
            round_trip(&values);
        }

        #[test]
        fn repeated_multiples_come_back(divisor in 1i64..10_000, first: i64, runs in prop::collection::vec((-1000i64..1000, 1usize..30), 0..100)) {
            let run = |(value, length): &(i64, usize)| vec![first.wrapping_add(value.wrapping_mul(divisor)); *length];
            let values: Vec<i64> = runs.iter().flat_map(run).collect();
            round_trip(&values);
        }

        #[test]
        fn any_bytes_are_answered(tag in 0u8..9, bytes in prop::collection::vec(any::<u8>(), 0..400), count in 0usize..500) {
            let bytes: Vec<u8> = std::iter::once(tag).chain(bytes).collect();
            let (mut seen, mut end) = (0, None);
            let decoded = decode(&bytes, count, |v| {
                seen += v.len();
                end = v.last().copied().or(end);
            });
            let last = last::integer(&bytes, count);
            if decoded.is_ok() {
                prop_assert_eq!(seen, count);
                prop_assert!(count == 0 || last.ok() == end);
            }
            prop_assert!(seen <= count);
        }
    }
}
