//! The journal of changed times, for caches of answers.
//!
//! Writes are noted by slots of ten seconds, each with the number of its last change; deletes as the ranges they are.
//! Both lists are bounded: the oldest slots are folded into one number for everything up to there, and many ranges into
//! their hull. Folding names more than has changed, never less.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::{model::TimeRange, seams::append::Batch};

/// Length of a slot in ms. Live samples spread over the last seconds, so finer slots would only be more of them.
const SLOT: i64 = 10_000;
/// Slots kept: more than eleven hours in a row.
const MOST_SLOTS: usize = 4_096;
/// Ranges kept.
const MOST_RANGES: usize = 64;

/// What changed when.
#[derive(Default)]
pub(super) struct Journal {
    changes: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    version: u64,
    /// Number of a slot to the version of its last change.
    slots: BTreeMap<i64, u64>,
    /// The last folded slot, and the newest version among those folded.
    folded: Option<(i64, u64)>,
    ranges: Vec<(TimeRange, u64)>,
}

impl Journal {
    /// Samples of `batch` have been written.
    pub(super) fn wrote(&self, batch: &Batch) {
        let floats = batch.floats.iter().map(|sample| sample.time);
        let histograms = batch.histograms.iter().map(|sample| sample.time);
        // Neighbours in a batch mostly share their slot.
        let mut slots: Vec<i64> = Vec::new();
        for time in floats.chain(histograms) {
            let slot = time.div_euclid(SLOT);
            if slots.last() != Some(&slot) {
                slots.push(slot);
            }
        }
        if slots.is_empty() {
            return;
        }
        let mut changes = self.changes.lock();
        changes.version += 1;
        let version = changes.version;
        changes.slots.extend(slots.into_iter().map(|slot| (slot, version)));
        changes.fold();
    }

    /// Anything in `range` may have changed.
    pub(super) fn changed(&self, range: TimeRange) {
        let mut changes = self.changes.lock();
        changes.version += 1;
        let version = changes.version;
        changes.ranges.push((range, version));
        if changes.ranges.len() > MOST_RANGES {
            let start = changes.ranges.iter().map(|(range, _)| range.start).min().unwrap_or(i64::MIN);
            let end = changes.ranges.iter().map(|(range, _)| range.end).max().unwrap_or(i64::MAX);
            changes.ranges = vec![(TimeRange::new(start, end), version)];
        }
    }

    /// The number of the newest change; 0 before the first.
    pub(super) fn version(&self) -> u64 {
        self.changes.lock().version
    }

    /// Times in `range` that have changed since `version`.
    pub(super) fn since(&self, version: u64, range: TimeRange) -> Vec<TimeRange> {
        let changes = self.changes.lock();
        let mut found: Vec<TimeRange> = Vec::new();
        if let Some((slot, newest)) = changes.folded
            && newest > version
        {
            found.push(TimeRange::new(i64::MIN, slot_times(slot).end));
        }
        let within = range.start.div_euclid(SLOT)..=range.end.div_euclid(SLOT);
        if range.start <= range.end {
            for (slot, _) in changes.slots.range(within).filter(|(_, newest)| **newest > version) {
                let times = slot_times(*slot);
                match found.last_mut() {
                    Some(last) if last.end.checked_add(1) == Some(times.start) => last.end = times.end,
                    _ => found.push(times),
                }
            }
        }
        found.extend(changes.ranges.iter().filter(|(_, newest)| *newest > version).map(|(range, _)| *range));
        drop(changes);
        found.retain(|changed| changed.overlaps(range));
        found
    }
}

impl Noted {
    /// Forgets the oldest slots when there are too many; half of them, so that it is seldom done.
    fn fold(&mut self) {
        if self.slots.len() <= MOST_SLOTS {
            return;
        }
        let Some(split) = self.slots.keys().nth(MOST_SLOTS / 2).copied() else { return };
        let kept = self.slots.split_off(&split);
        let gone = std::mem::replace(&mut self.slots, kept);
        let newest = gone.values().copied().max().unwrap_or(0);
        let last = gone.keys().next_back().copied().unwrap_or(i64::MIN);
        let (old_last, old_newest) = self.folded.unwrap_or((i64::MIN, 0));
        self.folded = Some((last.max(old_last), newest.max(old_newest)));
    }
}

fn slot_times(slot: i64) -> TimeRange {
    let start = slot.saturating_mul(SLOT);
    TimeRange::new(start, start.saturating_add(SLOT - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::append::{FloatSample, SeriesId};

    fn batch(times: &[i64]) -> Batch {
        let floats =
            times.iter().map(|t| FloatSample { series: SeriesId(1), time: *t, value: 0.0, start: 0 }).collect();
        Batch { floats, ..Batch::default() }
    }

    fn covers(ranges: &[TimeRange], t: i64) -> bool {
        ranges.iter().any(|range| range.contains(t))
    }

    #[test]
    fn a_change_is_named_to_those_who_looked_before_it_and_to_nobody_after() {
        let journal = Journal::default();
        journal.wrote(&batch(&[1_000, 25_000, -5]));
        let before = journal.version();
        journal.wrote(&batch(&[26_000]));
        let all = journal.since(0, TimeRange::ALL);
        assert!(covers(&all, 1_000) && covers(&all, -5) && covers(&all, 25_000) && !covers(&all, 10_000));
        let later = journal.since(before, TimeRange::ALL);
        assert_eq!(later, [TimeRange::new(20_000, 29_999)]);
        assert_eq!(journal.since(journal.version(), TimeRange::ALL), []);
        assert_eq!(journal.since(before, TimeRange::new(30_000, 40_000)), []);
    }

    #[test]
    fn neighbouring_slots_are_named_as_one_range() {
        let journal = Journal::default();
        journal.wrote(&batch(&[5_000, 15_000, 25_000]));
        assert_eq!(journal.since(0, TimeRange::ALL), [TimeRange::new(0, 29_999)]);
    }

    #[test]
    fn what_was_folded_is_still_named() {
        let journal = Journal::default();
        for slot in 0..3 * MOST_SLOTS as i64 {
            journal.wrote(&batch(&[slot * SLOT]));
        }
        assert!(journal.changes.lock().slots.len() <= MOST_SLOTS);
        let all = journal.since(0, TimeRange::ALL);
        assert!((0..3 * MOST_SLOTS as i64).all(|slot| covers(&all, slot * SLOT)));
        let now = journal.version();
        assert_eq!(journal.since(now, TimeRange::ALL), []);
        // A late write among the folded.
        journal.wrote(&batch(&[70_000]));
        let later = journal.since(now, TimeRange::ALL);
        assert!(covers(&later, 70_000) && !covers(&later, (3 * MOST_SLOTS as i64 - 1) * SLOT));
    }

    #[test]
    fn many_ranges_become_their_hull_and_times_at_the_ends_of_time_are_fine() {
        let journal = Journal::default();
        for i in 0..=MOST_RANGES as i64 {
            journal.changed(TimeRange::new(i * 100, i * 100 + 1));
        }
        assert!(covers(&journal.since(0, TimeRange::ALL), 150), "between two of them");
        journal.wrote(&batch(&[i64::MIN, i64::MAX]));
        let all = journal.since(0, TimeRange::ALL);
        assert!(covers(&all, i64::MIN) && covers(&all, i64::MAX));
    }
}
