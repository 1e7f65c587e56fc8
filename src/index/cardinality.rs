//! Which names and pairs have most series.
//!
//! One walk over the union of all dictionaries, with the pairs of the heads mixed in: no pair is counted twice, and
//! memory holds one entry per label name and the current best few.

use std::{cmp::Reverse, collections::BTreeMap, collections::BinaryHeap, sync::Arc};

use super::{IndexError, Segment, head::Head, pair};
use crate::{
    model::METRIC_NAME,
    seams::{interrupt::Ticks, status::Cardinality},
};

/// Series per dictionary key.
pub(super) type Counts = BTreeMap<Vec<u8>, u64>;

/// Adds the pairs of a head to `out`, in any order: this runs under the head's lock, sorting doesn't.
pub(super) fn list(head: &Head, out: &mut Vec<(Vec<u8>, u64)>) -> Result<(), IndexError> {
    out.reserve(head.pair_count());
    for (pair, postings) in head.each_pair() {
        let mut key = Vec::with_capacity(pair.bytes.len());
        pair.key(&mut key);
        out.push((key, postings.count()?));
    }
    Ok(())
}

/// Sums up what [`list`] gave.
pub(super) fn sum(listed: Vec<(Vec<u8>, u64)>) -> Counts {
    let mut counts = Counts::new();
    for (key, count) in listed {
        *counts.entry(key).or_default() += count;
    }
    counts
}

/// The heaviest entries of segments and heads together.
pub(super) fn summarize(
    segments: &[Arc<Segment>],
    mut heads: Counts,
    limit: usize,
    ticks: &Ticks<'_>,
) -> Result<Cardinality, IndexError> {
    let mut summary = Summary { limit, ..Summary::default() };
    let mut union = Segment::all_keys(segments)?;
    while let Some((key, places)) = union.next()? {
        ticks.tick()?;
        let mut count = heads.remove(key).unwrap_or(0);
        for (number, value) in places {
            if let Some(segment) = segments.get(*number) {
                count += segment.stored(*value).count()?;
            }
        }
        summary.take(key, count);
    }
    heads.iter().for_each(|(key, count)| summary.take(key, *count));
    Ok(summary.finish())
}

#[derive(Default)]
struct Summary {
    limit: usize,
    /// Distinct values and their bytes, per label name.
    names: BTreeMap<String, (u64, u64)>,
    metrics: Best,
    pairs: Best,
}

impl Summary {
    fn take(&mut self, key: &[u8], count: u64) {
        let Some((name, value)) = pair::split_key(key) else { return };
        match self.names.get_mut(name) {
            Some((values, bytes)) => {
                *values += 1;
                *bytes += value.len() as u64;
            }
            None => drop(self.names.insert(name.to_owned(), (1, value.len() as u64))),
        }
        if name == METRIC_NAME {
            self.metrics.offer(self.limit, count, || value.to_owned());
        }
        self.pairs.offer(self.limit, count, || format!("{name}={value}"));
    }

    fn finish(self) -> Cardinality {
        let (mut values, mut bytes) = (Best::default(), Best::default());
        for (name, (count, size)) in &self.names {
            values.offer(self.limit, *count, || name.clone());
            bytes.offer(self.limit, *size, || name.clone());
        }
        Cardinality {
            series_by_metric: self.metrics.finish(),
            values_by_label: values.finish(),
            bytes_by_label: bytes.finish(),
            series_by_pair: self.pairs.finish(),
        }
    }
}

/// The entries with the largest counts; among equals the first by name.
#[derive(Default)]
struct Best(BinaryHeap<(Reverse<u64>, String)>);

impl Best {
    fn offer(&mut self, limit: usize, count: u64, name: impl FnOnce() -> String) {
        if limit == 0 || (self.0.len() >= limit && self.0.peek().is_some_and(|(Reverse(worst), _)| *worst > count)) {
            return;
        }
        self.0.push((Reverse(count), name()));
        if self.0.len() > limit {
            self.0.pop();
        }
    }

    fn finish(self) -> Vec<(String, u64)> {
        self.0.into_sorted_vec().into_iter().map(|(Reverse(count), name)| (name, count)).collect()
    }
}
