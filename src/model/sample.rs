//! Samples of one series, and the time ranges they are asked for in.

use std::{ops::Range, sync::Arc};

use super::{Histogram, StartTimes};

/// The bit pattern of the staleness marker: "this series has ended here".
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;
/// The staleness marker. Compare bits, never with `is_nan`: see [`is_stale`].
pub const STALE_NAN: f64 = f64::from_bits(STALE_NAN_BITS);

/// Whether `value` is the staleness marker.
#[must_use]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// A time range in milliseconds, inclusive at both ends. It is empty when `start > end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// First millisecond inside.
    pub start: i64,
    /// Last millisecond inside.
    pub end: i64,
}

impl TimeRange {
    /// Every time there is.
    pub const ALL: Self = Self { start: i64::MIN, end: i64::MAX };

    /// The range from `start` to `end`, both inclusive.
    #[must_use]
    pub const fn new(start: i64, end: i64) -> Self {
        Self { start, end }
    }

    /// Whether `t` is inside.
    #[must_use]
    pub const fn contains(self, t: i64) -> bool {
        self.start <= t && t <= self.end
    }

    /// The smallest range around both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// Which share of this time lies in `range`; both ends count.
    #[must_use]
    pub fn share_in(&self, range: Self) -> f64 {
        let (start, end) = (self.start.max(range.start), self.end.min(range.end));
        if start > end {
            return 0.0;
        }
        (end.abs_diff(start) as f64 + 1.0) / (self.end.abs_diff(self.start) as f64 + 1.0)
    }

    /// The smallest range around those of the two that are there.
    #[must_use]
    pub fn around(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) => Some(a.join(b)),
            (a, b) => a.or(b),
        }
    }

    /// From the first to the last time of a series' samples, whose columns each ascend.
    #[must_use]
    pub(crate) fn of_samples(floats: &[i64], histograms: &[(i64, Arc<Histogram>)]) -> Option<Self> {
        let floats = floats.first().zip(floats.last()).map(|(first, last)| Self::new(*first, *last));
        let histograms = histograms.first().zip(histograms.last()).map(|(first, last)| Self::new(first.0, last.0));
        Self::around(floats, histograms)
    }

    /// Whether the two ranges share a millisecond.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    /// Whether every millisecond of `other` is in this one.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// The samples of one series, decoded into plain columns.
///
/// Within each column times ascend strictly, and no time stands in both columns: a series has one sample, float or
/// histogram, in a millisecond. `times` and `values` have the same length. Whoever changes a column by position has its
/// start times follow; the methods here do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesBuf {
    /// Times of the float samples.
    pub times: Vec<i64>,
    /// Values of the float samples, staleness markers included.
    pub values: Vec<f64>,
    /// Native histogram samples with their times.
    pub histograms: Vec<(i64, Arc<Histogram>)>,
    /// Start times of the float samples.
    pub float_starts: StartTimes,
    /// Start times of the histogram samples.
    pub histogram_starts: StartTimes,
}

impl SeriesBuf {
    /// Empties the columns, keeping their memory.
    pub fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
        self.histograms.clear();
        self.forget_starts();
    }

    /// Whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.is_empty() && self.histograms.is_empty()
    }

    /// How many samples there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.times.len() + self.histograms.len()
    }

    /// Appends a float without a start time; the caller keeps times ascending.
    pub fn push_float(&mut self, t: i64, v: f64) {
        self.times.push(t);
        self.values.push(v);
    }

    /// Appends a float that counts from `start` on (0: not known); the caller keeps times ascending.
    pub fn push_float_from(&mut self, t: i64, v: f64, start: i64) {
        self.float_starts.push(self.times.len(), start);
        self.push_float(t, v);
    }

    /// Appends a histogram that counts from `start` on (0: not known); the caller keeps times ascending.
    pub fn push_histogram(&mut self, t: i64, histogram: Arc<Histogram>, start: i64) {
        self.histogram_starts.push(self.histograms.len(), start);
        self.histograms.push((t, histogram));
    }

    /// The floats: time, value and start time.
    pub fn floats(&self) -> impl Iterator<Item = (i64, f64, i64)> + Clone {
        let samples = self.times.iter().zip(&self.values).enumerate();
        samples.map(|(i, (t, v))| (*t, *v, self.float_starts.get(i)))
    }

    /// The histograms: time, value and start time.
    pub fn histograms_from(&self) -> impl Iterator<Item = (i64, &Arc<Histogram>, i64)> + Clone {
        self.histograms.iter().enumerate().map(|(i, (t, h))| (*t, h, self.histogram_starts.get(i)))
    }

    /// Appends all of `later`, whose samples are later than those here.
    pub fn append(&mut self, later: &Self) {
        self.append_parts(later, 0..later.times.len(), 0..later.histograms.len());
    }

    /// Appends the floats and histograms of `other` at these positions.
    pub fn append_parts(&mut self, other: &Self, floats: Range<usize>, histograms: Range<usize>) {
        self.float_starts.append(self.times.len(), other.float_starts.slice(floats.clone()));
        self.times.extend_from_slice(other.times.get(floats.clone()).unwrap_or_default());
        self.values.extend_from_slice(other.values.get(floats).unwrap_or_default());
        self.histogram_starts.append(self.histograms.len(), other.histogram_starts.slice(histograms.clone()));
        self.histograms.extend_from_slice(other.histograms.get(histograms).unwrap_or_default());
    }

    /// Forgets all start times.
    pub fn forget_starts(&mut self) {
        self.float_starts.clear();
        self.histogram_starts.clear();
    }

    /// Takes the floats at these positions away.
    pub fn remove_floats(&mut self, range: Range<usize>) {
        self.times.drain(range.clone());
        self.values.drain(range.clone());
        self.float_starts.remove(range);
    }

    /// Takes the histograms at these positions away.
    pub fn remove_histograms(&mut self, range: Range<usize>) {
        self.histograms.drain(range.clone());
        self.histogram_starts.remove(range);
    }

    /// Keeps so many floats and histograms, the first ones.
    pub fn truncate(&mut self, floats: usize, histograms: usize) {
        self.times.truncate(floats);
        self.values.truncate(floats);
        self.float_starts.truncate(floats);
        self.histograms.truncate(histograms);
        self.histogram_starts.truncate(histograms);
    }

    /// Times of the first and the last sample.
    #[must_use]
    pub fn time_range(&self) -> Option<TimeRange> {
        TimeRange::of_samples(&self.times, &self.histograms)
    }
}
