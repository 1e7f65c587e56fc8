//! The steps an expression is evaluated at, and the times a shifted selector looks at.

use crate::model::TimeRange;

/// Evenly spaced evaluation times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Grid {
    /// First time in ms.
    pub(crate) start: i64,
    /// Distance in ms, at least 1.
    pub(crate) step: i64,
    /// How many.
    pub(crate) steps: usize,
    /// Whether it is the one step of an instant query: only there does order matter.
    pub(crate) instant: bool,
    /// How many steps of the query see what is read for one step here: several where a step is repeated, none in a
    /// subquery, whose points are counted when they are looked at. For statistics only.
    pub(crate) weight: usize,
    /// Which steps of the query the steps here are read for: a number that the query's profile has given out, 0 for each
    /// its own. For statistics only.
    pub(crate) reads: u32,
}

impl Grid {
    pub(crate) fn instant(time: i64) -> Self {
        Self { start: time, step: 1, steps: 1, instant: true, weight: 1, reads: 0 }
    }

    /// The times from `start` up to at most `end`.
    pub(crate) fn range(start: i64, end: i64, step: i64) -> Self {
        let step = step.max(1);
        let steps = if end < start { 0 } else { (end.abs_diff(start) / step.unsigned_abs()).saturating_add(1) };
        let steps = usize::try_from(steps).unwrap_or(usize::MAX);
        Self { start, step, steps, instant: start == end, weight: 1, reads: 0 }
    }

    /// Its steps in `times`, whose ends are two of them. One step alone is no instant query if there are others.
    pub(crate) fn piece(self, times: TimeRange) -> Self {
        Self { instant: self.instant, ..Self::range(times.start, times.end, self.step) }
    }

    /// The time of step `k`.
    pub(crate) fn time(&self, k: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(i64::try_from(k).unwrap_or(i64::MAX)))
    }

    pub(crate) fn last(&self) -> i64 {
        self.time(self.steps.saturating_sub(1))
    }

    /// Its first step alone.
    pub(crate) fn first(&self) -> Self {
        Self { steps: self.steps.min(1), instant: true, weight: self.weight.saturating_mul(self.steps), ..*self }
    }
}

/// `offset` and `@`, resolved to ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Shift {
    /// How far to look back; negative looks ahead.
    pub(crate) offset: i64,
    /// A fixed time instead of the step's.
    pub(crate) at: Option<i64>,
    /// The fixed time holds for the first step only, and moves along with the others: Prometheus' reading of `@` in the
    /// parameter of an aggregation.
    pub(crate) drifts: bool,
}

impl Shift {
    /// What it comes to on this grid: a drifting `@` is an offset.
    pub(crate) fn on(self, grid: Grid) -> Self {
        match self.at {
            Some(at) if self.drifts => {
                let offset = self.offset.saturating_add(grid.start.saturating_sub(at));
                Self { offset, ..Self::default() }
            }
            _ => self,
        }
    }

    /// The time looked at when evaluating at `time`.
    pub(crate) fn apply(self, time: i64) -> i64 {
        self.at.unwrap_or(time).saturating_sub(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_at_its_last_whole_step() {
        let grid = Grid::range(10, 35, 10);
        assert_eq!((grid.steps, grid.last()), (3, 30));
        assert_eq!(Grid::range(10, 9, 10).steps, 0);
        assert_eq!(Grid::range(i64::MIN, i64::MAX, 1).steps, usize::MAX);
    }

    #[test]
    fn a_fixed_time_replaces_the_step_and_is_offset_too() {
        assert_eq!(Shift { offset: 5, ..Shift::default() }.apply(100), 95);
        let fixed = Shift { offset: -5, at: Some(50), drifts: false };
        let grid = Grid::range(100, 130, 10);
        assert_eq!(fixed.apply(100), 55);
        assert_eq!(fixed.on(grid), fixed);
        let drifting = Shift { drifts: true, ..fixed }.on(grid);
        assert_eq!([drifting.apply(100), drifting.apply(110)], [55, 65]);
    }
}
