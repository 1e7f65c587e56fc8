//! The ids of the series that have one label pair, wherever they are kept.

use roaring::RoaringBitmap;

use super::{IndexError, Segment};

/// Postings that need not have been read yet.
#[derive(Clone, Copy)]
pub(super) enum Postings<'a> {
    /// A single series: the most frequent case by far.
    One(u32),
    /// A few, ascending.
    Few(&'a [u32]),
    /// Many, in memory.
    Many(&'a RoaringBitmap),
    /// Stored in a segment, at this offset of its postings.
    Stored(&'a Segment, u64),
}

impl Postings<'_> {
    /// Adds the ids to `gather`.
    pub(super) fn add_to(self, gather: &mut Gather) -> Result<(), IndexError> {
        match self {
            Self::One(id) => gather.ids.push(id),
            Self::Few(ids) => gather.ids.extend_from_slice(ids),
            Self::Many(bitmap) => gather.bitmap |= bitmap,
            Self::Stored(segment, at) => match &gather.within {
                Some(within) => segment.postings_within(at, within, &mut gather.ids)?,
                None => gather.unite(segment.read_postings(at)?),
            },
        }
        Ok(())
    }

    /// Whether one of the ids is in `filter`, and what it took to tell, in units of [`super::names`].
    pub(super) fn intersects(self, filter: &RoaringBitmap) -> Result<(bool, u64), IndexError> {
        Ok(match self {
            Self::One(id) => (filter.contains(id), 1),
            Self::Few(ids) => (ids.iter().any(|id| filter.contains(*id)), 1),
            Self::Many(bitmap) => (meet(bitmap, filter), 2),
            Self::Stored(segment, at) => {
                let (found, bytes) = segment.postings_intersect(at, filter)?;
                (found, 10 + bytes / 10)
            }
        })
    }

    /// The last id, where it is in memory.
    pub(super) fn newest(self) -> Option<u32> {
        match self {
            Self::One(id) => Some(id),
            Self::Few(ids) => ids.last().copied(),
            Self::Many(bitmap) => bitmap.max(),
            Self::Stored(..) => None,
        }
    }

    /// Appends the first and the last ids to `out`, at most `most` of each, in ascending order; answers what that took, in units of
    /// [`super::names`].
    pub(super) fn ends(self, most: usize, out: &mut Vec<u32>) -> Result<u64, IndexError> {
        match self {
            Self::One(id) => out.push(id),
            Self::Few(ids) if ids.len() <= 2 * most => out.extend_from_slice(ids),
            Self::Few(ids) => {
                out.extend_from_slice(ids.get(..most).unwrap_or_default());
                out.extend_from_slice(ids.get(ids.len() - most..).unwrap_or_default());
            }
            Self::Many(bitmap) => push_ends(bitmap, most, out),
            Self::Stored(segment, at) => return Ok(10 + segment.postings_ends(at, most, out)? / 10),
        }
        Ok(1)
    }

    /// How many ids there are.
    pub(super) fn count(self) -> Result<u64, IndexError> {
        match self {
            Self::One(_) => Ok(1),
            Self::Few(ids) => Ok(ids.len() as u64),
            Self::Many(bitmap) => Ok(bitmap.len()),
            Self::Stored(segment, at) => segment.count_postings(at),
        }
    }
}

/// Whether two bitmaps have an id in common: where they do, one of the first few mostly tells. `is_disjoint` would ask a
/// bitmap of runs for each id of the other.
pub(super) fn meet(a: &RoaringBitmap, b: &RoaringBitmap) -> bool {
    a.iter().take(8).any(|id| b.contains(id)) || a.intersection_len(b) > 0
}

/// Appends the first and the last ids of a bitmap to `out`, at most `most` of each, in ascending order.
pub(super) fn push_ends(bitmap: &RoaringBitmap, most: usize, out: &mut Vec<u32>) {
    let mut ids = bitmap.iter();
    out.extend(ids.by_ref().take(most));
    let first = out.len();
    out.extend(ids.rev().take(most));
    out.get_mut(first..).unwrap_or_default().reverse();
}

/// A union being made. Single ids wait in a list: sorting them once is cheaper than placing each.
#[derive(Debug, Default)]
pub(super) struct Gather {
    ids: Vec<u32>,
    bitmap: RoaringBitmap,
    /// The ids that are asked for, ascending, if they are few; others may be missing from the union.
    within: Option<Vec<u32>>,
}

/// Up to this many ids are picked out of stored lists one by one; for more, making whole bitmaps is cheaper.
const MOST_WITHIN: u64 = 1 << 16;

impl Gather {
    /// A union of which only those of `ids` are of use.
    pub(super) fn within(ids: Option<&RoaringBitmap>) -> Self {
        let few = ids.filter(|ids| ids.len() <= MOST_WITHIN);
        Self { within: few.map(|ids| ids.iter().collect()), ..Self::default() }
    }

    /// Adds a bitmap. Containers of runs are made plain ones first: uniting two of them moves what lies behind each run.
    fn unite(&mut self, mut more: RoaringBitmap) {
        if self.bitmap.is_empty() {
            self.bitmap = more;
            return;
        }
        self.bitmap.remove_run_compression();
        more.remove_run_compression();
        self.bitmap |= more;
    }

    /// The union.
    pub(super) fn finish(mut self) -> RoaringBitmap {
        self.ids.sort_unstable();
        self.bitmap.extend(self.ids);
        self.bitmap
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bitmaps_of_any_kind_meet_where_they_have_an_id_in_common(
            runs in prop::collection::vec((0u32..200_000, 0u32..3_000), 0..9),
            single in prop::collection::btree_set(0u32..200_000, 0..300),
            step in 1u32..4,
            optimize: bool,
        ) {
            let mut a = RoaringBitmap::new();
            for (first, len) in runs {
                a.insert_range(first..first + len);
            }
            if optimize {
                a.optimize();
            }
            let few: RoaringBitmap = single.iter().copied().collect();
            let many: RoaringBitmap = (0..60_000).map(|i| i * step + 1).collect();
            for b in [few, many] {
                prop_assert_eq!(meet(&a, &b), !a.is_disjoint(&b));
                prop_assert_eq!(meet(&b, &a), !a.is_disjoint(&b));
            }
        }
    }
}
