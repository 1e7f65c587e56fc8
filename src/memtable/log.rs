//! Samples that could not join the run, last write wins.

use std::sync::Arc;

use crate::model::{Histogram, TimeRange};

/// The unsorted tail may have this many entries, or a quarter of the sorted part if that is more: every entry then
/// takes part in a bounded number of merges, and a read has little to sort.
const TAIL: usize = 32;

/// A float's bits or a histogram, or either with its start time: most have none, and entries stay small.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Float(u64),
    Histogram(Arc<Histogram>),
    From(Box<(i64, Value)>),
}

impl Value {
    /// The value with a start time, unless that is 0.
    pub(super) fn with_start(self, start: i64) -> Self {
        if start == 0 { self } else { Self::From(Box::new((start, self))) }
    }

    /// The float or histogram, and its start time.
    pub(super) fn apart(self) -> (Self, i64) {
        match self {
            Self::From(both) => (both.1, both.0),
            value => (value, 0),
        }
    }

    fn same_bits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Histogram(a), Self::Histogram(b)) => a.same_bits(b),
            (Self::From(a), Self::From(b)) => a.0 == b.0 && a.1.same_bits(&b.1),
            _ => false,
        }
    }

    /// Bytes beside the entry itself; the two are an `Arc`'s counters.
    fn heap(&self) -> usize {
        match self {
            Self::Float(_) => 0,
            Self::Histogram(histogram) => histogram.memory() + 2 * size_of::<usize>(),
            Self::From(both) => size_of::<(i64, Self)>() + both.1.heap(),
        }
    }
}

/// One entry.
pub(super) type Entry = (i64, Value);

/// Entries by time, the last ones in order of arrival.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// The first `sorted` entries ascend strictly in time.
    entries: Vec<Entry>,
    sorted: usize,
    /// First and last time of all entries.
    times: Option<TimeRange>,
    /// Memory of the values beside their entries.
    values: usize,
}

impl Log {
    pub(super) fn times(&self) -> Option<TimeRange> {
        self.times
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn heap(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.values
    }

    /// Adds an entry, unless the last one says the same.
    pub(super) fn push(&mut self, time: i64, value: Value) {
        if self.entries.last().is_some_and(|(t, v)| *t == time && v.same_bits(&value)) {
            return;
        }
        let in_order = self.sorted == self.entries.len() && self.times.is_none_or(|times| times.end < time);
        self.times = TimeRange::around(self.times, Some(TimeRange::new(time, time)));
        self.values += value.heap();
        self.entries.push((time, value));
        if in_order {
            self.sorted += 1;
        } else if self.entries.len() - self.sorted > TAIL.max(self.sorted / 4) {
            sort(&mut self.entries);
            self.sorted = self.entries.len();
            self.values = self.entries.iter().map(|e| e.1.heap()).sum();
        }
    }

    /// Appends the entries in `range` to `out`, of the sorted part first.
    pub(super) fn copy(&self, range: TimeRange, out: &mut Vec<Entry>) {
        let (sorted, tail) = self.entries.split_at_checked(self.sorted).unwrap_or_default();
        let start = sorted.partition_point(|e| e.0 < range.start);
        let inside = sorted.iter().skip(start).take_while(|e| e.0 <= range.end);
        out.extend(inside.chain(tail.iter().filter(|e| range.contains(e.0))).cloned());
    }
}

/// Sorts entries by time and keeps the last to arrive of each.
///
/// The sort is stable and finds the long ascending part by itself, so this is nearly a merge.
pub(super) fn sort(entries: &mut Vec<Entry>) {
    entries.sort_by_key(|e| e.0);
    // `dedup_by` hands over the later one first and drops it; so the winner moves forward.
    entries.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            std::mem::swap(later, earlier);
        }
        same
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(log: &Log, range: TimeRange) -> Vec<(i64, u64)> {
        let mut entries = Vec::new();
        log.copy(range, &mut entries);
        sort(&mut entries);
        let bits = |e: Entry| if let Value::Float(bits) = e.1 { Some((e.0, bits)) } else { None };
        entries.into_iter().filter_map(bits).collect()
    }

    #[test]
    fn an_entry_is_24_bytes() {
        assert_eq!(size_of::<Entry>(), 24);
    }

    #[test]
    fn of_three_values_for_one_time_the_last_is_kept() {
        let mut log = Log::default();
        for value in [1, 2, 3, 3] {
            log.push(10, Value::Float(value));
        }
        assert_eq!((floats(&log, TimeRange::ALL), log.len()), (vec![(10, 3)], 3));
    }

    #[test]
    fn a_backfill_sent_again_and_again_takes_no_more_room() {
        let mut log = Log::default();
        for round in 0..50 {
            for t in (0..100).rev() {
                log.push(t, Value::Float(round));
            }
        }
        assert!(log.len() <= 100 + TAIL, "{}", log.len());
        assert_eq!(floats(&log, TimeRange::new(20, 22)), [(20, 49), (21, 49), (22, 49)]);
        assert_eq!(log.times(), Some(TimeRange::new(0, 99)));
    }
}
