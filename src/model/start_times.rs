//! When what a sample counts began to be counted.

use std::ops::Range;

/// The start times, in ms, of a column of samples: entry `i` is that of sample `i`.
///
/// 0 stands for none, and so does what lies behind the last entry. So a column whose samples have none costs nothing,
/// and whoever knows nothing of start times may append to it.
#[derive(Debug, Clone, Default)]
pub struct StartTimes(Vec<i64>);

impl StartTimes {
    /// Those of every sample, in order.
    #[must_use]
    pub fn new(starts: Vec<i64>) -> Self {
        Self(starts)
    }

    /// How many are kept: samples from there on have none.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no sample can have one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// That of sample `i`.
    #[must_use]
    pub fn get(&self, i: usize) -> i64 {
        self.0.get(i).copied().unwrap_or(0)
    }

    /// Those of the samples in `range`, cut short where the rest have none.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> &[i64] {
        let end = range.end.min(self.0.len());
        self.0.get(range.start.min(end)..end).unwrap_or_default()
    }

    /// Gives sample `i`, the newest, its start time.
    pub fn push(&mut self, i: usize, start: i64) {
        if start != 0 {
            self.0.resize(i, 0);
            self.0.push(start);
        }
    }

    /// Gives the samples from `i` on, the newest, their start times.
    pub fn append(&mut self, i: usize, starts: &[i64]) {
        if !starts.is_empty() {
            self.0.resize(i, 0);
            self.0.extend_from_slice(starts);
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Follows the column when it is cut to `len` samples.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Follows the column when the samples in `range` leave it.
    pub fn remove(&mut self, range: Range<usize>) {
        let end = range.end.min(self.0.len());
        if range.start < end {
            self.0.drain(range.start..end);
        }
    }

    /// Follows the column when only the samples stay that `keep` names.
    pub fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let mut i = 0..;
        self.0.retain(|_| i.next().is_some_and(&mut keep));
    }

    fn without_tail(&self) -> &[i64] {
        let len = self.0.iter().rposition(|start| *start != 0).map_or(0, |last| last + 1);
        self.0.get(..len).unwrap_or_default()
    }
}

impl PartialEq for StartTimes {
    /// Whether every sample has the same.
    fn eq(&self, other: &Self) -> bool {
        self.without_tail() == other.without_tail()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A change of a column.
    #[derive(Debug, Clone)]
    enum Change {
        Push(i64),
        PushUnaware,
        Append(Vec<i64>),
        Truncate(usize),
        Remove(usize, usize),
        Retain(usize),
    }

    fn start() -> impl Strategy<Value = i64> {
        prop_oneof![Just(0), 1i64..4]
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            3 => start().prop_map(Change::Push),
            2 => Just(Change::PushUnaware),
            1 => prop::collection::vec(start(), 0..5).prop_map(Change::Append),
            1 => (0usize..20).prop_map(Change::Truncate),
            1 => (0usize..20, 0usize..9).prop_map(|(from, len)| Change::Remove(from, from + len)),
            1 => (1usize..5).prop_map(Change::Retain),
        ]
    }

    proptest! {
        #[test]
        fn they_are_those_of_a_column_with_one_for_each_sample(changes in prop::collection::vec(change(), 0..40)) {
            let (mut model, mut starts) = (Vec::new(), StartTimes::default());
            for change in changes {
                match change {
                    Change::Push(start) => {
                        starts.push(model.len(), start);
                        model.push(start);
                    }
                    Change::PushUnaware => model.push(0),
                    Change::Append(more) => {
                        starts.append(model.len(), &more);
                        model.extend(more);
                    }
                    Change::Truncate(len) => {
                        starts.truncate(len);
                        model.truncate(len);
                    }
                    Change::Remove(from, to) => {
                        let (from, to) = (from.min(model.len()), to.min(model.len()));
                        starts.remove(from..to);
                        model.drain(from..to);
                    }
                    Change::Retain(every) => {
                        starts.retain(|i| i % every != 0);
                        let mut i = 0..;
                        model.retain(|_| i.next().is_some_and(|i| i % every != 0));
                    }
                }
                prop_assert!((0..model.len() + 3).all(|i| starts.get(i) == model.get(i).copied().unwrap_or(0)));
                prop_assert_eq!(&starts, &StartTimes::new(model.clone()));
            }
        }
    }

    #[test]
    fn a_slice_ends_where_no_sample_has_one() {
        let mut starts = StartTimes::default();
        starts.push(2, 7);
        assert_eq!((starts.slice(1..9), starts.slice(5..9), starts.slice(0..2)), (&[0, 7][..], &[][..], &[0, 0][..]));
    }
}
