//! Exemplars in memory, a bounded number of them: the oldest leave first.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::{
    model::{Exemplar, TimeRange},
    seams::append::SeriesId,
};

/// The newest exemplars, in order of arrival.
pub(super) struct Exemplars {
    ring: VecDeque<(SeriesId, Exemplar)>,
    /// How many of each series are in the ring.
    counts: HashMap<SeriesId, usize>,
    capacity: usize,
}

impl Exemplars {
    pub(super) fn new(capacity: usize) -> Self {
        Self { ring: VecDeque::new(), counts: HashMap::new(), capacity }
    }

    /// Adds exemplars; one that repeats its series' newest is dropped.
    pub(super) fn add(&mut self, exemplars: impl IntoIterator<Item = (SeriesId, Exemplar)>) {
        for (series, exemplar) in exemplars {
            // A retry repeats whole requests: looking back a request's length finds it.
            let repeated = self.counts.contains_key(&series)
                && self.ring.iter().rev().take(4_096).any(|(s, e)| {
                    *s == series
                        && e.time == exemplar.time
                        && e.value.to_bits() == exemplar.value.to_bits()
                        && e.labels == exemplar.labels
                });
            if repeated || self.capacity == 0 {
                continue;
            }
            if self.ring.len() >= self.capacity
                && let Some((gone, _)) = self.ring.pop_front()
                && let Some(count) = self.counts.get_mut(&gone)
            {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&gone);
                }
            }
            *self.counts.entry(series).or_default() += 1;
            self.ring.push_back((series, exemplar));
        }
    }

    /// Exemplars in `range` of the series that `wanted` accepts, by time.
    pub(super) fn find(
        &self,
        range: TimeRange,
        wanted: impl Fn(SeriesId) -> bool,
    ) -> BTreeMap<SeriesId, Vec<Exemplar>> {
        let mut found: BTreeMap<SeriesId, Vec<Exemplar>> = BTreeMap::new();
        for (series, exemplar) in self.ring.iter().filter(|(s, e)| range.contains(e.time) && wanted(*s)) {
            found.entry(*series).or_default().push(exemplar.clone());
        }
        for exemplars in found.values_mut() {
            exemplars.sort_by_key(|e| e.time);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Labels;

    fn exemplar(time: i64) -> Exemplar {
        Exemplar { labels: Labels::empty(), value: 1.0, time }
    }

    #[test]
    fn the_oldest_leave_first_and_repeats_change_nothing() {
        let mut ring = Exemplars::new(3);
        ring.add((0..5).map(|t| (SeriesId(1), exemplar(t))));
        ring.add([(SeriesId(1), exemplar(4))]);
        let found = ring.find(TimeRange::ALL, |_| true);
        assert_eq!(found[&SeriesId(1)].iter().map(|e| e.time).collect::<Vec<_>>(), [2, 3, 4]);
        assert!(ring.find(TimeRange::new(3, 3), |s| s == SeriesId(2)).is_empty());
    }
}
