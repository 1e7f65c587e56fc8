//! Several sources of one series' samples become one column set: at equal times the newer source wins.

use crate::model::SeriesBuf;

/// Merges `newer` over `older` into `older`. Both keep [`SeriesBuf`]'s order, and so does the result.
///
/// Sources mostly follow each other in time (each flush holds what came after the last), which costs a plain copy.
pub(super) fn merge_over(older: &mut SeriesBuf, newer: &SeriesBuf, scratch: &mut SeriesBuf) {
    let (Some(new), Some(old)) = (newer.time_range(), older.time_range()) else {
        if older.is_empty() {
            older.clone_from(newer);
        }
        return;
    };
    if new.start > old.end {
        older.append(newer);
        return;
    }
    scratch.clear();
    merge_floats(older, newer, scratch);
    merge_histograms(older, newer, scratch);
    std::mem::swap(older, scratch);
}

/// Floats of both, without the older ones that a newer sample of either kind replaces.
fn merge_floats(older: &SeriesBuf, newer: &SeriesBuf, out: &mut SeriesBuf) {
    let mut new = newer.floats().peekable();
    let mut replacing = newer.histograms.iter().map(|h| h.0).peekable();
    for (t, v, start) in older.floats() {
        while let Some((t, v, start)) = new.next_if(|n| n.0 < t) {
            out.push_float_from(t, v, start);
        }
        while replacing.next_if(|r| *r < t).is_some() {}
        let replaced = new.peek().is_some_and(|n| n.0 == t) || replacing.peek() == Some(&t);
        if !replaced {
            out.push_float_from(t, v, start);
        }
    }
    for (t, v, start) in new {
        out.push_float_from(t, v, start);
    }
}

/// Histograms of both, without the older ones that a newer sample of either kind replaces.
fn merge_histograms(older: &SeriesBuf, newer: &SeriesBuf, out: &mut SeriesBuf) {
    let mut new = newer.histograms_from().peekable();
    let mut replacing = newer.times.iter().copied().peekable();
    for (t, h, start) in older.histograms_from() {
        while let Some((t, h, start)) = new.next_if(|n| n.0 < t) {
            out.push_histogram(t, h.clone(), start);
        }
        while replacing.next_if(|r| *r < t).is_some() {}
        let replaced = new.peek().is_some_and(|n| n.0 == t) || replacing.peek() == Some(&t);
        if !replaced {
            out.push_histogram(t, h.clone(), start);
        }
    }
    for (t, h, start) in new {
        out.push_histogram(t, h.clone(), start);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use proptest::prelude::*;

    use super::*;
    use crate::model::Histogram;

    /// By time: a float or a histogram, and its start.
    type Model = BTreeMap<i64, (Option<u32>, i64)>;

    fn buf(model: &Model) -> SeriesBuf {
        let mut buf = SeriesBuf::default();
        for (t, (v, start)) in model {
            match v {
                Some(v) => buf.push_float_from(*t, f64::from(*v), *start),
                None => {
                    let histogram = Histogram { schema: 1, sum: 1.0, ..Histogram::stale() };
                    buf.push_histogram(*t, Arc::new(histogram), *start);
                }
            }
        }
        buf
    }

    proptest! {
        #[test]
        fn the_newer_source_wins_at_equal_times_with_its_start(
            older in proptest::collection::btree_map(-20i64..20, (proptest::option::of(0u32..5), 0i64..3), 0..15),
            newer in proptest::collection::btree_map(-20i64..40, (proptest::option::of(5u32..9), 0i64..3), 0..15),
        ) {
            let mut merged = buf(&older);
            merge_over(&mut merged, &buf(&newer), &mut SeriesBuf::default());
            let mut want = older;
            want.extend(newer);
            prop_assert_eq!(merged, buf(&want));
        }
    }
}
