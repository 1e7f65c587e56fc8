//! Samples that are looked at and read, step by step, as Prometheus counts them.
//!
//! A sample is *looked at* in every step whose window or lookback it is in, so overlapping windows count it several times;
//! the points of a subquery count where a window looks at them. It is *read* in the first of the steps that follow each
//! other with it: what a subquery reads counts for the first step of the query that looks at the subquery there.

use std::sync::Arc;

use super::profile::Profile;
use crate::{
    model::{BucketCounts, Histogram},
    promql::data::grid::Grid,
};

/// What one step stands for that no step of the query reads.
const NOWHERE: u32 = u32::MAX;

/// How many samples a histogram counts as: as many as take its memory in Prometheus, struct and slices and time.
pub(super) fn size(histogram: &Histogram) -> usize {
    let buckets = match &histogram.counts {
        BucketCounts::Integer { positive, negative, .. } => positive.len() + negative.len(),
        BucketCounts::Float { positive, negative, .. } => positive.len() + negative.len(),
    };
    let spans = histogram.positive_spans.len() + histogram.negative_spans.len();
    (168 + 8 * (spans + buckets + histogram.custom_values.len()) + 8) / 16
}

/// For each step of a grid the step of the query that reads it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Readers(Vec<u32>);

impl Readers {
    /// Those of the steps of a subquery, on `inner`, that windows of `range` ms, `offset` ms back, on `outer` look at;
    /// without a range, all of them are looked at. `above` are those of `outer`.
    pub(super) fn of_subquery(inner: &Grid, (offset, range): (i64, i64), outer: &Grid, above: Option<&Self>) -> Self {
        let reader = |k: usize| {
            let time = inner.time(k).saturating_add(offset);
            let behind = time.saturating_sub(outer.start).max(0);
            // The first step at or after it.
            let step = behind.saturating_add(outer.step - 1) / outer.step;
            let step = usize::try_from(step).unwrap_or(usize::MAX).min(outer.steps.saturating_sub(1));
            let unseen = outer.steps > 1 && range > 0 && time <= outer.time(step).saturating_sub(range);
            match above {
                _ if unseen => NOWHERE,
                Some(above) => above.0.get(step).copied().unwrap_or(NOWHERE),
                None => u32::try_from(step).unwrap_or(NOWHERE),
            }
        };
        Self((0..inner.steps).map(reader).collect())
    }

    fn get(&self, step: usize) -> Option<usize> {
        self.0.get(step).filter(|reader| **reader != NOWHERE).map(|reader| *reader as usize)
    }
}

/// Counts what one series costs on a grid.
pub(super) struct SampleCount<'a> {
    profile: &'a Profile,
    grid: &'a Grid,
    readers: Option<Arc<Readers>>,
    looked_at: usize,
    read: usize,
}

impl<'a> SampleCount<'a> {
    pub(super) fn new(profile: &'a Profile, grid: &'a Grid) -> Self {
        Self { profile, grid, readers: profile.readers(grid), looked_at: 0, read: 0 }
    }

    /// Whether it is enough to count all steps together.
    pub(super) fn is_plain(&self) -> bool {
        self.readers.is_none() && !self.profile.is_by_step()
    }

    /// Counts what is looked at in all steps together, and what of it is read.
    pub(super) fn all(&mut self, looked_at: usize, read: usize) {
        self.looked_at += looked_at;
        self.read += read;
    }

    /// Counts what is looked at in a step, and what of it is read then.
    pub(super) fn step(&mut self, step: usize, looked_at: usize, read: usize) {
        self.looked_at += looked_at;
        let reader = self.readers.as_ref().map_or(Some(step), |readers| readers.get(step));
        let read = if reader.is_some() { read } else { 0 };
        self.read += read;
        self.profile.at(self.grid, (step, looked_at), (reader.unwrap_or(step), read));
    }
}

impl Drop for SampleCount<'_> {
    fn drop(&mut self) {
        self.profile.total(self.grid, self.looked_at, self.read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subquery_is_read_by_the_first_step_that_looks_at_it() {
        let outer = Grid::range(100, 160, 30);
        let inner = Grid::range(80, 160, 10);
        let readers = |range| Readers::of_subquery(&inner, (0, range), &outer, None);
        let all: Vec<_> = (0..inner.steps).map(|step| readers(50).get(step)).collect();
        assert_eq!(all, [0, 0, 0, 1, 1, 1, 2, 2, 2].map(Some));
        let some: Vec<_> = (0..inner.steps).map(|step| readers(20).get(step)).collect();
        let (a, b, c) = (Some(0), Some(1), Some(2));
        assert_eq!(some, [None, a, a, None, b, b, None, c, c], "between two windows nobody looks");
        let nested = Readers::of_subquery(&Grid::range(70, 80, 5), (0, 0), &inner, Some(&readers(50)));
        assert_eq!(nested, Readers(vec![0, 0, 0]));
    }
}
