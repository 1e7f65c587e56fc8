//! Where a column's values change, for values that mostly or often repeat: quiet counters, gauges that rest.

use super::{
    CodecError,
    pack::{self, FRAME},
    take, varint,
};

const WHAT: &str = "an integer column";

/// The value of each run.
pub(super) fn heads(values: &[i64]) -> Vec<i64> {
    let changed = values.windows(2).filter_map(|w| if let [a, b] = w { (a != b).then_some(*b) } else { None });
    values.first().copied().into_iter().chain(changed).collect()
}

/// How the runs of a column are told from each other.
#[derive(Debug)]
pub(super) enum Positions {
    /// How long all runs but the last are.
    Lengths(Vec<i64>),
    /// A bit for each value but the first: whether it differs from the one before.
    Marks(Vec<u8>),
}

/// Passes over the lengths of the runs of `count` values, and says how many runs there are.
pub(super) fn pass_lengths(input: &mut &[u8], count: usize) -> Result<usize, CodecError> {
    let what = "the number of runs";
    let runs = varint::get_at_most(input, count, what)?;
    let lengths = runs.checked_sub(1).ok_or(CodecError::Range { what, got: 0, limit: count as u64 })?;
    pack::last_of_frames(input, lengths)?;
    Ok(runs)
}

/// Passes over the marks of `count` values, and says how many runs there are.
pub(super) fn pass_marks(input: &mut &[u8], count: usize) -> Result<usize, CodecError> {
    let bits = count.saturating_sub(1);
    let marks = take(input, bits.div_ceil(8), WHAT)?;
    let ones: usize = marks.iter().map(|byte| byte.count_ones() as usize).sum();
    let beyond = marks.last().filter(|_| !bits.is_multiple_of(8)).map_or(0, |last| last >> (bits % 8));
    Ok(1 + ones - beyond.count_ones() as usize)
}

impl Positions {
    /// Those of a column with so many runs, in the smaller way.
    pub(super) fn smaller(values: &[i64], runs: usize) -> Self {
        // Short runs take more than a bit for each value to say how long they are.
        if runs * 5 > values.len() {
            return Self::marks(values);
        }
        let lengths: Vec<i64> = values.chunk_by(|a, b| a == b).map(|run| run.len() as i64).take(runs - 1).collect();
        let bytes: usize = lengths.chunks(FRAME).map(|frame| pack::plan(frame).bytes).sum();
        if bytes * 8 <= values.len() { Self::Lengths(lengths) } else { Self::marks(values) }
    }

    fn marks(values: &[i64]) -> Self {
        let mut marks = vec![0u8; values.len().saturating_sub(1).div_ceil(8)];
        let mut pairs = values.windows(2);
        for byte in &mut marks {
            for (bit, pair) in pairs.by_ref().take(8).enumerate() {
                *byte |= u8::from(matches!(pair, [a, b] if a != b)) << bit;
            }
        }
        Self::Marks(marks)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Lengths(lengths) => {
                varint::put(out, lengths.len() as u64 + 1);
                for frame in lengths.chunks(FRAME) {
                    pack::encode(frame, pack::plan(frame), out);
                }
            }
            Self::Marks(marks) => out.extend_from_slice(marks),
        }
    }

    /// Takes the lengths of the runs of `count` values, and says how many runs there are.
    pub(super) fn take_lengths(input: &mut &[u8], count: usize) -> Result<(Self, usize), CodecError> {
        let what = "the number of runs";
        let runs = varint::get_at_most(input, count, what)?;
        let lengths = runs.checked_sub(1).ok_or(CodecError::Range { what, got: 0, limit: count as u64 })?;
        let mut lengths = vec![0i64; lengths];
        let mut left = count as u64;
        for frame in lengths.chunks_mut(FRAME) {
            pack::decode(input, frame)?;
            for length in frame {
                let got = *length as u64;
                // Each run has a value, and the last has one, too.
                left = left.checked_sub(got).filter(|left| got > 0 && *left > 0).ok_or(CodecError::Range {
                    what: "the length of a run",
                    got,
                    limit: left.saturating_sub(1),
                })?;
            }
        }
        Ok((Self::Lengths(lengths), runs))
    }

    /// Takes the marks of `count` values, and says how many runs there are.
    pub(super) fn take_marks(input: &mut &[u8], count: usize) -> Result<(Self, usize), CodecError> {
        let bits = count.saturating_sub(1);
        let mut marks = take(input, bits.div_ceil(8), WHAT)?.to_vec();
        if let Some(last) = marks.last_mut().filter(|_| !bits.is_multiple_of(8)) {
            *last &= (1 << (bits % 8)) - 1;
        }
        let runs = 1 + marks.iter().map(|byte| byte.count_ones() as usize).sum::<usize>();
        Ok((Self::Marks(marks), runs))
    }

    /// Hands `count` values to `sink` in order, up to [`FRAME`] at a time.
    pub(super) fn spread(&self, heads: &[i64], count: usize, mut sink: impl FnMut(&mut [i64])) {
        let mut frame = [0i64; FRAME];
        match self {
            Self::Lengths(lengths) => {
                let known: usize = lengths.iter().map(|length| *length as usize).sum();
                let lengths = lengths.iter().map(|length| *length as usize).chain([count.saturating_sub(known)]);
                let mut filled = 0;
                for (head, mut length) in heads.iter().zip(lengths) {
                    while length > 0 {
                        let (_, free) = frame.split_at_mut(filled);
                        let now = length.min(free.len());
                        free.iter_mut().take(now).for_each(|slot| *slot = *head);
                        filled += now;
                        length -= now;
                        if filled == FRAME {
                            sink(&mut frame);
                            filled = 0;
                        }
                    }
                }
                let (filled, _) = frame.split_at_mut(filled);
                sink(filled);
            }
            Self::Marks(marks) => {
                let Some(first) = heads.first() else { return };
                sink(&mut [*first]);
                let mut at = 0;
                let mut left = count.saturating_sub(1);
                for marks in marks.chunks(FRAME / 8) {
                    let (slots, _) = frame.split_at_mut(left.min(FRAME));
                    for (slots, mark) in slots.chunks_mut(8).zip(marks) {
                        for (bit, slot) in slots.iter_mut().enumerate() {
                            at += usize::from(mark >> bit & 1);
                            *slot = heads.get(at).copied().unwrap_or_default();
                        }
                    }
                    left -= slots.len();
                    sink(slots);
                }
            }
        }
    }
}
