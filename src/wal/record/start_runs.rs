//! Start times in a record: runs of samples that follow each other and have the same one.
//!
//! ```text
//! run     varint: number of samples << 1 | GIVEN; signed: start - start before, if GIVEN
//! ```
//!
//! "Before" is the last start that was given in the same list, at first the time of the list's first sample. The runs go
//! over all samples of the list in order. Without GIVEN they have none.

use super::RecordError;
use crate::codec::{CodecError, varint};

const GIVEN: u64 = 1;
const WHAT: &str = "a run of start times";

/// Appends the runs of a list; `samples` are the time and start of each sample.
pub(super) fn put(out: &mut Vec<u8>, samples: impl Iterator<Item = (i64, i64)>) {
    let mut samples = samples.peekable();
    let mut before = samples.peek().map_or(0, |first| first.0);
    while let Some((_, start)) = samples.next() {
        let mut run = 1u64;
        while samples.next_if(|sample| sample.1 == start).is_some() {
            run += 1;
        }
        varint::put(out, run << 1 | if start == 0 { 0 } else { GIVEN });
        if start != 0 {
            varint::put_signed(out, start.wrapping_sub(before));
            before = start;
        }
    }
}

/// Gives the samples of a list, whose first is of `time`, theirs.
pub(super) fn take<'a>(
    input: &mut &[u8],
    time: i64,
    mut samples: impl ExactSizeIterator<Item = &'a mut i64>,
) -> Result<(), RecordError> {
    let mut before = time;
    while samples.len() > 0 {
        let head = varint::get(input, WHAT)?;
        let (run, left) = (head >> 1, samples.len() as u64);
        if run == 0 || run > left {
            return Err(CodecError::Range { what: WHAT, got: run, limit: left }.into());
        }
        let mut start = 0;
        if head & GIVEN != 0 {
            start = before.wrapping_add(varint::get_signed(input, "a start time")?);
            before = start;
        }
        samples.by_ref().take(run as usize).for_each(|sample| *sample = start);
    }
    Ok(())
}
