//! Which id a new series gets.
//!
//! Label pages, postings and tables lie in the order of ids, and what is read together should lie together. A scrape
//! brings series of all metrics, a question asks for one metric of all targets. So each metric name has a run of ids of its
//! own, and gets another when that is used up, as long as all before: few series leave few ids unused, and many lie in few
//! places.
//!
//! That is for targets that stay. Those that come and go have little in common but for the series of one target, which have
//! most labels and all times in common and take half of the bytes as neighbours. Targets that stay show all their metrics at
//! once: series that come long after the first of their name get ids in the order they come.

use std::{hash::BuildHasher, ops::Range};

use hashbrown::{DefaultHashBuilder, HashMap};

use crate::model::Labels;

/// Ids in a name's first run.
const FIRST: u64 = 8;
/// Ids in a run at most: a label page of them.
const LONGEST: u64 = 1024;
/// How long after the first series of a name those come that have neighbouring ids (ms): within Prometheus' scrape interval,
/// if nobody says otherwise, all targets show that are there.
const TOGETHER: i64 = 60_000;
/// Names whose runs are remembered. When there are more all runs are given up, with the ids left in them.
const NAMES: usize = 1 << 16;

/// Gives out ids.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// The end of the last run: the ids behind it are free.
    end: u64,
    /// By the hash of a name. Two names of the same hash share their runs.
    runs: HashMap<u64, Run>,
    /// For series that come late.
    late: Run,
    /// When the latest series came whose time was known (ms).
    time: Option<i64>,
    hasher: DefaultHashBuilder,
}

#[derive(Debug, Default)]
struct Run {
    left: Range<u64>,
    /// Ids that were taken, of the runs before too.
    had: u64,
    /// When its first series came (ms), as far as is known.
    begun: Option<i64>,
}

impl Run {
    /// The next id. A run that is used up begins anew at `end`.
    fn take(&mut self, end: &mut u64) -> Option<u32> {
        if self.left.is_empty() {
            // The last ids are worth more than their order.
            let len = self.had.clamp(FIRST, LONGEST).min((u64::from(u32::MAX) + 1).saturating_sub(*end));
            self.left = *end..*end + len;
            *end += len;
        }
        let id = u32::try_from(self.left.next()?).ok()?;
        self.had += 1;
        Some(id)
    }
}

impl Ids {
    /// Gives out ids from `end` on.
    pub(super) fn from(end: u64) -> Self {
        Self { end, ..Self::default() }
    }

    /// No id from here on was given out.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Gives out an id for a series that comes at `time` (ms); one whose time isn't known comes with the one before. `None`
    /// when there is none left.
    pub(super) fn take(&mut self, labels: &Labels, time: Option<i64>) -> Option<u32> {
        if self.runs.len() >= NAMES {
            self.runs.clear();
        }
        self.time = time.or(self.time);
        let Self { end, runs, late, time, hasher } = self;
        let name = hasher.hash_one(labels.metric_name());
        let run = runs.entry(name).or_default();
        let is_late = time.is_some_and(|time| time.saturating_sub(*run.begun.get_or_insert(time)) > TOGETHER);
        if is_late {
            // From now on, whatever their times: the ids of a name ascend as its series come.
            run.begun = Some(i64::MIN);
            if late.left.start < run.left.start {
                *late = Run::default();
            }
            return late.take(end);
        }
        run.take(end)
    }

    /// Gives out an id no more that somebody else has used.
    pub(super) fn pass(&mut self, id: u32) {
        self.end = self.end.max(u64::from(id) + 1);
        self.runs.retain(|_, run| !run.left.contains(&u64::from(id)));
        if self.late.left.contains(&u64::from(id)) {
            self.late = Run::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn named(name: usize) -> Labels {
        Labels::from_pairs([("__name__", format!("m{name}"))]).unwrap()
    }

    proptest! {
        #[test]
        fn no_id_is_given_out_twice_or_after_somebody_used_it(
            from in 0u64..100,
            steps in prop::collection::vec(prop_oneof![4 => (0usize..20, 0i64..20).prop_map(Ok), 1 => (0u32..3000).prop_map(Err)], 0..600),
        ) {
            let mut ids = Ids::from(from);
            let mut used = BTreeSet::new();
            let mut latest = [None; 20];
            for step in steps {
                match step {
                    Ok((name, step)) => {
                        let id = ids.take(&named(name), Some(step * 10_000)).unwrap();
                        prop_assert!(u64::from(id) >= from && used.insert(id));
                        prop_assert!(latest[name].replace(id) < Some(id), "those of a name ascend");
                    }
                    Err(other) => {
                        ids.pass(other);
                        used.insert(other);
                    }
                }
                prop_assert!(used.last().is_none_or(|id| u64::from(*id) < ids.end()));
            }
        }
    }

    #[test]
    fn the_series_of_a_name_lie_together_whatever_comes_between() {
        let mut ids = Ids::default();
        let mut of_one = Vec::new();
        for _ in 0..500 {
            (0..90).for_each(|name| assert!(ids.take(&named(name), None).is_some()));
            of_one.push(ids.take(&named(90), None).unwrap());
        }
        assert!(of_one.is_sorted());
        let pieces = of_one.chunk_by(|a, b| a + 1 == *b).count();
        assert!(pieces <= 7, "{pieces} pieces");
        // Runs that were begun are all that is unused.
        assert!(ids.end() <= 500 * 91 * 2, "{} ids", ids.end());
    }

    #[test]
    fn series_of_targets_that_come_late_lie_as_they_come() {
        let mut ids = Ids::default();
        (0..50).for_each(|name| assert!(ids.take(&named(name), Some(1000)).is_some()));
        let mut late = |at: i64| (0..50).map(|name| ids.take(&named(name), Some(at)).unwrap()).collect::<Vec<_>>();
        let within = late(1000 + TOGETHER);
        assert!(within.windows(2).all(|pair| pair[1] - pair[0] == FIRST as u32));
        (0..100).for_each(|_| drop(late(1001 + TOGETHER)));
        let after = late(i64::MAX);
        assert!(after.chunk_by(|a, b| a + 1 == *b).count() <= 2, "{after:?}");
    }

    #[test]
    fn the_last_ids_are_given_out_too() {
        let last = u64::from(u32::MAX);
        let mut ids = Ids::from(last - 10);
        let taken: Vec<u32> =
            (0..3).flat_map(|_| (0..8).filter_map(|name| ids.take(&named(name), None)).collect::<Vec<_>>()).collect();
        assert_eq!(taken.len(), 6);
        assert_eq!(taken.last(), Some(&u32::MAX));
    }
}
