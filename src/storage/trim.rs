//! Taking samples out of columns by time.

use crate::model::{SeriesBuf, TimeRange};

/// Takes the samples in `range` away.
pub(super) fn cut(samples: &mut SeriesBuf, range: TimeRange) {
    if range.start > range.end {
        return;
    }
    let inside = |times: &[i64]| {
        let from = times.partition_point(|t| *t < range.start);
        from..times.partition_point(|t| *t <= range.end).max(from)
    };
    samples.remove_floats(inside(&samples.times));
    let from = samples.histograms.partition_point(|h| h.0 < range.start);
    let to = samples.histograms.partition_point(|h| h.0 <= range.end).max(from);
    samples.remove_histograms(from..to);
}

/// Takes the samples before `cutoff` away.
pub(super) fn cut_before(samples: &mut SeriesBuf, cutoff: i64) {
    if let Some(last) = cutoff.checked_sub(1) {
        cut(samples, TimeRange::new(i64::MIN, last));
    }
}

/// Moves the samples up to `end` (inclusive) from `samples` to `out`, replacing what that held.
pub(super) fn take_until(samples: &mut SeriesBuf, end: i64, out: &mut SeriesBuf) {
    out.clear();
    if samples.time_range().is_none_or(|times| times.end <= end) {
        std::mem::swap(samples, out);
        return;
    }
    let floats = samples.times.partition_point(|t| *t <= end);
    let histograms = samples.histograms.partition_point(|h| h.0 <= end);
    out.append_parts(samples, 0..floats, 0..histograms);
    samples.remove_floats(0..floats);
    samples.remove_histograms(0..histograms);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(times: &[i64]) -> SeriesBuf {
        let mut buf = SeriesBuf::default();
        times.iter().for_each(|t| buf.push_float_from(*t, *t as f64, *t / 2));
        buf
    }

    #[test]
    fn both_ends_of_a_range_are_cut() {
        let mut buf = floats(&[1, 2, 3, 4]);
        cut(&mut buf, TimeRange::new(2, 3));
        assert_eq!(buf, floats(&[1, 4]));
        cut(&mut buf, TimeRange::new(3, 2));
        assert_eq!(buf, floats(&[1, 4]), "a reversed range is empty");
        cut_before(&mut buf, 4);
        assert_eq!(buf, floats(&[4]), "the cutoff itself stays");
        cut_before(&mut buf, i64::MIN);
        assert_eq!(buf, floats(&[4]));
    }

    #[test]
    fn what_is_taken_and_what_is_left_make_the_whole() {
        for end in -1..6 {
            let (mut rest, mut taken) = (floats(&[0, 2, 4]), floats(&[9]));
            take_until(&mut rest, end, &mut taken);
            assert!(taken.times.iter().all(|t| *t <= end) && rest.times.iter().all(|t| *t > end));
            taken.append(&rest);
            assert_eq!(taken, floats(&[0, 2, 4]));
        }
    }
}
