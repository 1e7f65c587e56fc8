//! Limits on new series, which a mistake in a label would else make without end.
//!
//! Both count in the one place in which a series gets its id, whatever way it comes in; series that are there are never asked about.
//! [`SeriesLimits::admit`] is called under the index' lock, once for each new series, so that neither limit is passed however many
//! requests come at once. What stands in the error, [`SeriesLimits::refuse`], is gathered outside of that lock.
//!
//! - [`StorageOptions::max_series`] is compared with the series that the index has: those with stored samples, and those that left
//!   the store and that no merge of the index has dropped yet. A start finds as many as there were.
//! - [`StorageOptions::max_new_series_per_minute`] counts in minutes of the clock, from :00 on. A start begins at 0.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;

use super::{counters::COUNTERS, options::StorageOptions};
use crate::model::Labels;

/// A minute, in ms.
const MINUTE: i64 = 60_000;
/// Labels whose values are counted, and values of all of them.
const LABELS_COUNTED: usize = 64;
const VALUES_COUNTED: usize = 1 << 16;
/// A longer name of a label is cut in an error.
const NAME_BYTES: usize = 100;

/// Which limit stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// The limit on series in all, which are so many.
    All(u64),
    /// The limit on new series, of which so many came in this minute.
    New(u64),
}

/// The limits, and what counts against them.
pub(super) struct SeriesLimits {
    /// 0: none.
    most: u64,
    per_minute: u64,
    /// The minute in the high half, how many series came in it in the low one.
    minute: AtomicU64,
    values: Mutex<Values>,
    hash: RandomState,
}

/// The values that the labels of a minute's new series have, of those that came and those that were refused.
#[derive(Debug, Default)]
struct Values {
    minute: i64,
    /// Hashes of values by label name.
    labels: HashMap<String, HashSet<u64>>,
    counted: usize,
    /// Whether there are more than were counted.
    more: bool,
}

impl SeriesLimits {
    pub(super) fn new(options: &StorageOptions) -> Self {
        Self {
            most: options.max_series,
            per_minute: options.max_new_series_per_minute,
            minute: AtomicU64::new(0),
            values: Mutex::default(),
            hash: RandomState::new(),
        }
    }

    /// Whether there are any.
    pub(super) fn are_set(&self) -> bool {
        self.most > 0 || self.per_minute > 0
    }

    /// Whether one more series may come at `now` (ms), where there are so many.
    pub(super) fn admit(&self, now: i64, series: impl FnOnce() -> u64) -> Result<(), Limit> {
        if self.most > 0 && series() >= self.most {
            return Err(Limit::All(self.most));
        }
        if self.per_minute == 0 {
            return Ok(());
        }
        let this = (minute_of(now) as u64) << 32;
        let count = |state: u64| if state & !0xffff_ffff == this { state & 0xffff_ffff } else { 0 };
        let next = |state: u64| {
            let count = count(state);
            (count < self.per_minute.min(u64::from(u32::MAX))).then_some(this | (count + 1))
        };
        let taken = self.minute.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        taken.map(|_| ()).map_err(|_| Limit::New(self.per_minute))
    }

    /// Notes a series that came.
    pub(super) fn note(&self, labels: &Labels, now: i64) {
        self.values.lock().note(labels, now, &self.hash);
    }

    /// Notes a series that was refused, and says why.
    pub(super) fn refuse(&self, limit: Limit, labels: &Labels, now: i64) -> String {
        let (label, why) = match limit {
            Limit::All(most) => ("all", format!("there are {most} series, as many as --ingest.max-series allows")),
            Limit::New(most) => {
                ("new", format!("{most} came in this minute, as many as --ingest.max-new-series-per-minute allows"))
            }
        };
        COUNTERS.refused_series.with_label_values(&[label]).inc();
        let mut values = self.values.lock();
        values.note(labels, now, &self.hash);
        format!("new series are refused: {why}; {}", values.most())
    }
}

fn minute_of(now: i64) -> u32 {
    now.div_euclid(MINUTE) as u32
}

impl Values {
    fn note(&mut self, labels: &Labels, now: i64, hash: &RandomState) {
        let minute = i64::from(minute_of(now));
        if self.minute != minute {
            *self = Self { minute, ..Self::default() };
        }
        for (name, value) in labels.iter() {
            if self.counted >= VALUES_COUNTED {
                self.more = true;
                return;
            }
            let there = self.labels.len();
            let values = match self.labels.get_mut(name) {
                Some(values) => values,
                None if there < LABELS_COUNTED => self.labels.entry(name.to_owned()).or_default(),
                None => continue,
            };
            self.counted += usize::from(values.insert(hash.hash_one(value)));
        }
    }

    /// Which label has the most values, in words.
    fn most(&self) -> String {
        let most = self.labels.iter().max_by_key(|(name, values)| (values.len(), std::cmp::Reverse(*name)));
        let Some((name, values)) = most else { return "they have no labels".to_owned() };
        let name: String = name.chars().take(NAME_BYTES).collect();
        let at_least = if self.more { "at least " } else { "" };
        format!("of this minute's new series label {name:?} has the most values, {at_least}{}", values.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(max_series: u64, max_new_series_per_minute: u64) -> SeriesLimits {
        SeriesLimits::new(&StorageOptions { max_series, max_new_series_per_minute, ..StorageOptions::default() })
    }

    fn labels(pod: usize) -> Labels {
        Labels::from_pairs([("__name__", "a".to_owned()), ("job", format!("j{}", pod % 3)), ("pod", format!("p{pod}"))])
            .unwrap()
    }

    #[test]
    fn a_minute_of_the_clock_has_so_many_new_series_and_the_next_one_as_many_again() {
        let limits = limits(0, 3);
        for minute in [7, 8, 1_000] {
            let (begin, end) = (minute * MINUTE, (minute + 1) * MINUTE - 1);
            let taken = [begin, begin + 1, end, end].map(|now| limits.admit(now, || 9).is_ok());
            assert_eq!(taken, [true, true, true, false], "{minute}");
        }
    }

    #[test]
    fn as_many_threads_as_like_never_pass_the_limit() {
        let limits = limits(0, 1_000);
        let taken: usize = std::thread::scope(|scope| {
            let take = || (0..500).filter(|_| limits.admit(5, || 0).is_ok()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 1_000);
    }

    #[test]
    fn a_refusal_names_the_limit_and_the_label_that_explodes() {
        let limits = limits(50, 0);
        assert!(limits.are_set() && limits.admit(0, || 49).is_ok());
        (0..49).for_each(|i| limits.note(&labels(i), 0));
        let limit = limits.admit(0, || 50).unwrap_err();
        let why = limits.refuse(limit, &labels(49), 0);
        let want = "new series are refused: there are 50 series, as many as --ingest.max-series allows; of this minute's new \
                    series label \"pod\" has the most values, 50";
        assert_eq!(why, want);
        assert!(limits.refuse(limit, &labels(50), MINUTE).ends_with("has the most values, 1"), "a minute later");
    }

    #[test]
    fn what_is_counted_for_the_error_is_bounded() {
        let mut values = Values::default();
        let hash = RandomState::new();
        (0..VALUES_COUNTED + 100).for_each(|i| values.note(&labels(i), 0, &hash));
        assert!(values.counted <= VALUES_COUNTED && values.most().contains("at least 65"), "{}", values.most());
        let wide = |i: usize| Labels::from_pairs((0..100).map(|n| (format!("n{}", i * 100 + n), "v"))).unwrap();
        let mut values = Values::default();
        (0..100).for_each(|i| values.note(&wide(i), 0, &hash));
        assert_eq!(values.labels.len(), LABELS_COUNTED);
    }
}
