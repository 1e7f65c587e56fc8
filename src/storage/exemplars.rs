//! Exemplars in memory, a bounded number of them: the oldest leave first. `extras` brings them to disk.

use std::collections::{BTreeMap, HashSet, VecDeque};

use xxhash_rust::xxh3::Xxh3;

use crate::{
    model::{Exemplar, TimeRange},
    seams::append::SeriesId,
};

/// The newest exemplars, in order of arrival.
pub(super) struct Exemplars {
    ring: VecDeque<(SeriesId, Exemplar)>,
    /// A hash of each exemplar in the ring. 128 bits: two different ones never share it in practice, and if they did,
    /// one exemplar would be missing.
    inside: HashSet<u128>,
    capacity: usize,
    /// Grows with every change.
    changes: u64,
    /// What `changes` was when everything was last saved.
    saved: u64,
}

fn identity(series: SeriesId, exemplar: &Exemplar) -> u128 {
    let mut hash = Xxh3::new();
    hash.update(&series.0.to_le_bytes());
    hash.update(&exemplar.time.to_le_bytes());
    hash.update(&exemplar.value.to_bits().to_le_bytes());
    hash.update(exemplar.labels.as_bytes());
    hash.digest128()
}

impl Exemplars {
    pub(super) fn new(capacity: usize) -> Self {
        Self { ring: VecDeque::new(), inside: HashSet::new(), capacity, changes: 0, saved: 0 }
    }

    /// Adds exemplars; one that is there already, because its sender or the log repeats it, changes nothing.
    pub(super) fn add(&mut self, exemplars: impl IntoIterator<Item = (SeriesId, Exemplar)>) {
        if self.capacity == 0 {
            return;
        }
        for (series, exemplar) in exemplars {
            if !self.inside.insert(identity(series, &exemplar)) {
                continue;
            }
            if self.ring.len() >= self.capacity
                && let Some((gone, exemplar)) = self.ring.pop_front()
            {
                self.inside.remove(&identity(gone, &exemplar));
            }
            self.ring.push_back((series, exemplar));
            self.changes += 1;
        }
    }

    /// All exemplars, and the state to pass to [`Exemplars::saved`] once they are on disk; `None` when nothing changed
    /// since the last time.
    pub(super) fn unsaved(&self) -> (Vec<(SeriesId, Exemplar)>, Option<u64>) {
        (self.ring.iter().cloned().collect(), (self.changes != self.saved).then_some(self.changes))
    }

    /// Notes that everything up to `state` is on disk.
    pub(super) fn saved(&mut self, state: Option<u64>) {
        self.saved = state.unwrap_or(self.saved);
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
        ring.add([(SeriesId(1), exemplar(0))]);
        assert_eq!(ring.find(TimeRange::new(0, 0), |_| true).len(), 1, "what has left may come again");
    }

    #[test]
    fn only_changes_need_saving() {
        let mut ring = Exemplars::new(3);
        assert_eq!(ring.unsaved(), (vec![], None));
        ring.add([(SeriesId(1), exemplar(4))]);
        let (all, state) = ring.unsaved();
        assert_eq!(all.len(), 1);
        ring.add([(SeriesId(1), exemplar(5))]);
        ring.saved(state);
        let (all, state) = ring.unsaved();
        assert!(all.len() == 2 && state.is_some(), "what came after the look is not saved");
        ring.saved(state);
        ring.add([(SeriesId(1), exemplar(5))]);
        assert_eq!(ring.unsaved().1, None);
    }
}
