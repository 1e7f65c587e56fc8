//! What to merge next.

use std::collections::BTreeSet;

use crate::{
    model::TimeRange,
    storage::{
        rewrite::{Calendar, fits, window},
        tiers::pick,
    },
};

/// Settled windows up to this level are made one table without waiting for like-sized neighbours: 18 days.
const EAGER: u32 = 3;
/// The most tables merged at once: each has a block in memory.
const MOST: usize = 32;

/// A table as planning sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) times: TimeRange,
    pub(super) bytes: u64,
    pub(super) windowed: bool,
    /// Damaged: can't be read through.
    pub(super) stuck: bool,
}

/// What to do, in positions of the list of tables.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// These become windowed as they are.
    Move(Vec<usize>),
    /// These become one table for each place that they have samples in.
    Merge(Vec<usize>),
}

/// The rules of planning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planner {
    pub(super) calendar: Calendar,
    /// Like-sized neighbours are merged from this number on.
    pub(super) fan_in: usize,
    /// The largest table to make.
    pub(super) limit: u64,
}

impl Planner {
    /// The next thing to do with `tables`, lowest precedence first; windowed ones come before all others.
    pub(super) fn plan(&self, tables: &[Facts]) -> Option<Plan> {
        self.settle_flushed(tables).or_else(|| self.merge_windowed(tables).map(Plan::Merge))
    }

    /// The oldest flushed tables: those that lie in one place stay as they are, the others wait to be split together.
    fn settle_flushed(&self, tables: &[Facts]) -> Option<Plan> {
        let flushed = || tables.iter().enumerate().filter(|(_, t)| !t.windowed);
        let stays = |t: &Facts| t.stuck || self.calendar.place(t.times.start).contains(t.times.end);
        let moving: Vec<usize> = flushed().take_while(|(_, t)| stays(t)).map(|(i, _)| i).collect();
        if !moving.is_empty() {
            return Some(Plan::Move(moving));
        }
        let mut total = 0u64;
        let oldest = flushed().take_while(|(_, t)| !t.stuck).take(MOST).take_while(|(i, t)| {
            total = total.saturating_add(t.bytes);
            total <= self.limit || tables.get(..*i).is_some_and(|before| before.iter().all(|t| t.windowed))
        });
        let oldest: Vec<usize> = oldest.map(|(i, _)| i).collect();
        let waiting = flushed().count();
        (waiting >= self.fan_in.max(2) && !oldest.is_empty()).then_some(Plan::Merge(oldest))
    }

    fn merge_windowed(&self, tables: &[Facts]) -> Option<Vec<usize>> {
        let windowed = || tables.iter().enumerate().filter(|(_, t)| t.windowed);
        for level in 0..=self.calendar.top {
            let starts = windowed().filter(|(_, t)| fits(level, t.times)).map(|(_, t)| t.times.start);
            let windows: BTreeSet<i64> = starts.map(|start| window(level, start).start).collect();
            for start in windows {
                let here = window(level, start);
                if !self.calendar.settled(level, here) {
                    continue;
                }
                // Tables that reach beyond the window must not change places with those inside.
                let overlapping: Vec<(usize, &Facts)> = windowed().filter(|(_, t)| t.times.overlaps(here)).collect();
                let inside = |t: &Facts| !t.stuck && here.start <= t.times.start && t.times.end <= here.end;
                for run in overlapping.split(|(_, t)| !inside(t)).filter(|run| run.len() > 1) {
                    let sizes: Vec<u64> = run.iter().map(|(_, t)| t.bytes).collect();
                    let found = pick(&sizes, self.fan_in, self.limit).or_else(|| self.eager(level, run));
                    if let Some(found) = found {
                        return Some(run.get(found)?.iter().take(MOST).map(|(i, _)| *i).collect());
                    }
                }
            }
        }
        None
    }

    /// Tables of narrower windows, unless they are little beside one of them or beside what has been merged here before:
    /// a late sample isn't worth rewriting weeks for.
    fn eager(&self, level: u32, run: &[(usize, &Facts)]) -> Option<std::ops::Range<usize>> {
        if !(1..=EAGER).contains(&level) {
            return None;
        }
        let narrow = |t: &Facts| fits(level - 1, t.times);
        let merged: u64 = run.iter().filter(|(_, t)| !narrow(t)).map(|(_, t)| t.bytes).sum();
        let worthwhile = |total: u64, largest: u64| {
            let fan_in = self.fan_in as u64;
            total.saturating_mul(fan_in) >= merged && (total - largest).saturating_mul(fan_in) >= largest
        };
        let (mut start, mut total, mut largest) = (0, 0u64, 0);
        for (i, (_, t)) in run.iter().enumerate() {
            if !narrow(t) || total.saturating_add(t.bytes) > self.limit {
                (start, total, largest) = if narrow(t) { (i, t.bytes, t.bytes) } else { (i + 1, 0, 0) };
                continue;
            }
            total += t.bytes;
            largest = largest.max(t.bytes);
            let next = run.get(i + 1).map(|(_, t)| t);
            let ends = next.is_none_or(|t| !narrow(t) || total.saturating_add(t.bytes) > self.limit);
            if ends && i > start && worthwhile(total, largest) {
                return Some(start..i + 1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const HOUR: i64 = 3_600_000;

    fn planner(now: i64) -> Planner {
        Planner { calendar: Calendar::new(now, None), fan_in: 4, limit: 1 << 30 }
    }

    fn table(windowed: bool, from: i64, to: i64, bytes: u64) -> Facts {
        Facts { times: TimeRange::new(from * HOUR, to * HOUR - 1), bytes, windowed, stuck: false }
    }

    #[test]
    fn flushed_tables_in_one_window_are_moved_and_others_wait_for_company() {
        let now = 1_000 * 24 * HOUR;
        let base = now / HOUR;
        let crossing = table(false, base - 3, base - 1, 9);
        let recent = table(false, base - 1, base, 9);
        assert_eq!(planner(now).plan(&[recent, recent, crossing]), Some(Plan::Move(vec![0, 1])));
        assert_eq!(planner(now).plan(&[crossing, recent, recent]), None);
        assert_eq!(planner(now).plan(&[crossing, recent, recent, recent]), Some(Plan::Merge(vec![0, 1, 2, 3])));
    }

    #[test]
    fn a_window_that_has_ended_becomes_one_table() {
        let day = 24;
        let parts: Vec<Facts> = (0..6).map(|i| table(true, i * 2, i * 2 + 2, MIB << i)).collect();
        assert_eq!(planner(13 * HOUR).plan(&parts), None, "late samples may still come");
        assert_eq!(planner(15 * HOUR).plan(&parts), Some(Plan::Merge((0..6).collect())));
        let merged = [table(true, 0, 12, 100 * MIB), table(true, 2, 4, MIB)];
        assert_eq!(planner(30 * day * HOUR).plan(&merged), None, "not worth rewriting");
    }

    #[test]
    fn a_table_across_the_border_keeps_its_place_among_those_it_overlaps() {
        let inside = table(true, 0, 2, 9);
        let across = table(true, 0, 4, 9);
        let tables = [inside, inside, across, inside, inside];
        assert_eq!(planner(3 * HOUR).plan(&tables), None, "the window at hand is present, and the run is cut in two");
        let apart = table(true, 4, 6, 9);
        let tables = [inside, inside, apart, inside, inside];
        assert_eq!(planner(3 * HOUR).plan(&tables), Some(Plan::Merge(vec![0, 1, 3, 4])));
    }

    #[test]
    fn a_damaged_table_holds_nothing_up() {
        let now = 1_000 * 24 * HOUR;
        let base = now / HOUR;
        let crossing = table(false, base - 3, base - 1, 9);
        let stuck = Facts { stuck: true, ..crossing };
        assert_eq!(planner(now).plan(&[stuck, crossing, crossing]), Some(Plan::Move(vec![0])));
        assert_eq!(planner(now).plan(&[crossing, stuck, crossing, crossing]), Some(Plan::Merge(vec![0])));
    }
}
