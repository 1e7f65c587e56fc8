//! Samples of one series, and the time ranges they are asked for in.

use std::sync::Arc;

use super::Histogram;

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

    /// Whether the two ranges share a millisecond.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }
}

/// The samples of one series, decoded into plain columns.
///
/// Within each column times ascend strictly, and no time stands in both columns: a series has one sample, float or
/// histogram, in a millisecond. `times` and `values` have the same length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesBuf {
    /// Times of the float samples.
    pub times: Vec<i64>,
    /// Values of the float samples, staleness markers included.
    pub values: Vec<f64>,
    /// Native histogram samples with their times.
    pub histograms: Vec<(i64, Arc<Histogram>)>,
}

impl SeriesBuf {
    /// Empties the columns, keeping their memory.
    pub fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
        self.histograms.clear();
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

    /// Appends a float; the caller keeps times ascending.
    pub fn push_float(&mut self, t: i64, v: f64) {
        self.times.push(t);
        self.values.push(v);
    }

    /// Times of the first and the last sample.
    #[must_use]
    pub fn time_range(&self) -> Option<TimeRange> {
        let firsts = [self.times.first().copied(), self.histograms.first().map(|h| h.0)];
        let lasts = [self.times.last().copied(), self.histograms.last().map(|h| h.0)];
        Some(TimeRange::new(firsts.into_iter().flatten().min()?, lasts.into_iter().flatten().max()?))
    }
}
