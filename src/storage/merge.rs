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
        older.times.extend_from_slice(&newer.times);
        older.values.extend_from_slice(&newer.values);
        older.histograms.extend_from_slice(&newer.histograms);
        return;
    }
    scratch.clear();
    merge_floats(older, newer, scratch);
    merge_histograms(older, newer, scratch);
    std::mem::swap(older, scratch);
}

/// Floats of both, without the older ones that a newer sample of either kind replaces.
fn merge_floats(older: &SeriesBuf, newer: &SeriesBuf, out: &mut SeriesBuf) {
    let mut new = newer.times.iter().zip(&newer.values).peekable();
    let mut replacing = newer.histograms.iter().map(|h| h.0).peekable();
    for (&t, &v) in older.times.iter().zip(&older.values) {
        while let Some((&nt, &nv)) = new.next_if(|(nt, _)| **nt < t) {
            out.push_float(nt, nv);
        }
        while replacing.next_if(|r| *r < t).is_some() {}
        let replaced = new.peek().is_some_and(|(nt, _)| **nt == t) || replacing.peek() == Some(&t);
        if !replaced {
            out.push_float(t, v);
        }
    }
    for (&nt, &nv) in new {
        out.push_float(nt, nv);
    }
}

/// Histograms of both, likewise.
fn merge_histograms(older: &SeriesBuf, newer: &SeriesBuf, out: &mut SeriesBuf) {
    let mut new = newer.histograms.iter().peekable();
    let mut replacing = newer.times.iter().copied().peekable();
    for old in &older.histograms {
        while let Some(n) = new.next_if(|n| n.0 < old.0) {
            out.histograms.push(n.clone());
        }
        while replacing.next_if(|r| *r < old.0).is_some() {}
        let replaced = new.peek().is_some_and(|n| n.0 == old.0) || replacing.peek() == Some(&old.0);
        if !replaced {
            out.histograms.push(old.clone());
        }
    }
    out.histograms.extend(new.cloned());
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use proptest::prelude::*;

    use super::*;
    use crate::model::Histogram;

    type Model = BTreeMap<i64, Option<u32>>;

    fn buf(model: &Model) -> SeriesBuf {
        let mut buf = SeriesBuf::default();
        for (t, v) in model {
            match v {
                Some(v) => buf.push_float(*t, f64::from(*v)),
                None => buf.histograms.push((*t, Arc::new(Histogram { schema: 1, sum: 1.0, ..Histogram::stale() }))),
            }
        }
        buf
    }

    proptest! {
        #[test]
        fn the_newer_source_wins_at_equal_times(
            older in proptest::collection::btree_map(-20i64..20, proptest::option::of(0u32..5), 0..15),
            newer in proptest::collection::btree_map(-20i64..40, proptest::option::of(5u32..9), 0..15),
        ) {
            let mut merged = buf(&older);
            merge_over(&mut merged, &buf(&newer), &mut SeriesBuf::default());
            let mut want = older;
            want.extend(newer);
            prop_assert_eq!(merged, buf(&want));
        }
    }
}
