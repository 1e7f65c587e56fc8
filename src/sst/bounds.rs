//! What the block index knows of the times of a block's series: enough to tell of most ranges that each of them has a
//! sample there, without reading the block.

use crate::model::{SeriesBuf, TimeRange};

/// Bounds of the times of a block's series, in ms. The largest number stands for itself and everything above, and is of
/// no use; so it also stands for what tables of older versions don't say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// From the block's first time until the last of its series begins.
    pub(super) begun: u32,
    /// From the end of the first of its series to end until the block's last time.
    pub(super) ended: u32,
    /// No two successive samples of a series are farther apart.
    pub(super) pause: u32,
}

impl Bounds {
    /// Of series of which nothing is known.
    pub(super) const UNKNOWN: Self = Self { begun: u32::MAX, ended: u32::MAX, pause: u32::MAX };

    /// Whether these say that each series of a block has a sample in `range`; `block` is from its first to its last time.
    pub(super) fn are_all_in(&self, block: TimeRange, range: TimeRange) -> bool {
        let known = |bound: u32| (bound < u32::MAX).then_some(u64::from(bound));
        // Samples a pause of this length apart can't lie on both sides of the range.
        let length = range.end.abs_diff(range.start).saturating_add(1);
        let reaches_an_end = range.start <= block.start || block.end <= range.end;
        range.start <= range.end
            && known(self.begun).is_some_and(|begun| block.start.saturating_add_unsigned(begun) <= range.end)
            && known(self.ended).is_some_and(|ended| block.end.saturating_sub_unsigned(ended) >= range.start)
            && (reaches_an_end || known(self.pause).is_some_and(|pause| pause <= length))
    }

    /// Whether series with these narrowest bounds go beyond them.
    pub(super) fn contradict(self, narrowest: Self) -> bool {
        self.begun < narrowest.begun || self.ended < narrowest.ended || self.pause < narrowest.pause
    }
}

/// Finds the bounds while pieces of series come in their order.
#[derive(Debug)]
pub(super) struct BoundsBuilder {
    /// When the last series so far begins.
    begun: i64,
    /// When the first to end ends, among those before the newest.
    ended: i64,
    pause: u64,
    /// The end of the newest piece.
    newest: Option<i64>,
}

impl Default for BoundsBuilder {
    fn default() -> Self {
        Self { begun: i64::MIN, ended: i64::MAX, pause: 0, newest: None }
    }
}

impl BoundsBuilder {
    /// Takes the times of a piece; `follows` says that it is of the same series as the one before.
    pub(super) fn piece(&mut self, times: TimeRange, follows: bool) {
        match self.newest.filter(|_| follows) {
            Some(end) => self.pause = self.pause.max(times.start.abs_diff(end)),
            None => {
                self.end_series();
                self.begun = self.begun.max(times.start);
            }
        }
        self.newest = Some(times.end);
    }

    /// Takes the ascending times of a column, which some piece has.
    pub(super) fn column(&mut self, times: &[i64]) {
        let pauses = times.windows(2).map(|pair| if let [a, b] = pair { b.wrapping_sub(*a) as u64 } else { 0 });
        self.pause = pauses.fold(self.pause, u64::max);
    }

    /// Takes the times of the two columns of a piece: where one begins after the other has ended, the samples between which
    /// that is are in neither.
    pub(super) fn columns(&mut self, one: &[i64], other: &[i64]) {
        for (before, behind) in [(one, other), (other, one)] {
            if let (Some(end), Some(start)) = (before.last(), behind.first())
                && end < start
            {
                self.pause = self.pause.max(start.abs_diff(*end));
            }
        }
    }

    /// Takes the samples of a piece.
    pub(super) fn samples(&mut self, samples: &SeriesBuf) {
        if samples.histograms.is_empty() {
            return self.column(&samples.times);
        }
        let histograms = samples.histograms.iter().map(|(time, _)| *time);
        let mut times: Vec<i64> = samples.times.iter().copied().chain(histograms).collect();
        times.sort_unstable();
        self.column(&times);
    }

    fn end_series(&mut self) {
        self.ended = self.ended.min(self.newest.unwrap_or(i64::MAX));
    }

    /// The bounds of the series so far, whose samples are from the start to the end of `block`.
    pub(super) fn finish(mut self, block: TimeRange) -> Bounds {
        self.end_series();
        let bound = |ms: u64| u32::try_from(ms).unwrap_or(u32::MAX);
        Bounds {
            begun: bound(self.begun.abs_diff(block.start)),
            ended: bound(block.end.abs_diff(self.ended)),
            pause: bound(self.pause),
        }
    }
}
