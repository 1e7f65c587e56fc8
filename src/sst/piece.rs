//! Cutting a series into pieces.

use std::sync::Arc;

use crate::model::{Histogram, SeriesBuf, TimeRange};

/// The most samples in a piece: decoded it is at most 64 KiB, and a short read in a long series decodes no more.
pub(super) const MAX_SAMPLES: usize = 4096;
/// The most memory that the histograms of a piece take when decoded; a single larger one is a piece of its own.
pub(super) const MAX_MEMORY: usize = 1 << 20;

/// Consecutive samples of a series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) times: &'a [i64],
    pub(super) values: &'a [f64],
    pub(super) histograms: &'a [(i64, Arc<Histogram>)],
    /// Start times of the floats; those beyond have none.
    pub(super) float_starts: &'a [i64],
    /// Start times of the histograms; those beyond have none.
    pub(super) histogram_starts: &'a [i64],
}

impl<'a> Piece<'a> {
    /// All of `samples`, however many.
    pub(super) fn whole(samples: &'a SeriesBuf) -> Self {
        Self {
            times: &samples.times,
            values: &samples.values,
            histograms: &samples.histograms,
            float_starts: samples.float_starts.slice(0..samples.times.len()),
            histogram_starts: samples.histogram_starts.slice(0..samples.histograms.len()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.times.len() + self.histograms.len()
    }

    /// Times of the first and the last sample.
    pub(super) fn time_range(&self) -> Option<TimeRange> {
        TimeRange::of_samples(self.times, self.histograms)
    }

    /// The first time that breaks the rules of [`SeriesBuf`], if any.
    pub(super) fn disorder(&self) -> Option<i64> {
        fn backward(mut pairs: impl Iterator<Item = (i64, i64)>) -> Option<i64> {
            pairs.find(|(a, b)| a >= b).map(|(_, b)| b)
        }
        let floats = self.times.iter().copied();
        let histograms = self.histograms.iter().map(|h| h.0);
        if self.times.len() != self.values.len() {
            return self.times.last().copied().or(Some(i64::MAX));
        }
        backward(floats.clone().zip(floats.skip(1)))
            .or_else(|| backward(histograms.clone().zip(histograms.clone().skip(1))))
            .or_else(|| histograms.into_iter().find(|t| self.times.binary_search(t).is_ok()))
    }

    /// How many floats and histograms the first piece of this has: in order of time, until one limit is reached.
    fn first_piece(&self) -> (usize, usize) {
        if self.histograms.is_empty() {
            return (self.times.len().min(MAX_SAMPLES), 0);
        }
        let (mut floats, mut histograms, mut memory) = (0, 0, 0usize);
        while floats + histograms < MAX_SAMPLES {
            match (self.times.get(floats), self.histograms.get(histograms)) {
                (Some(float), next) if next.is_none_or(|h| *float < h.0) => floats += 1,
                (_, Some((_, histogram))) => {
                    memory = memory.saturating_add(histogram.memory());
                    if memory > MAX_MEMORY && floats + histograms > 0 {
                        break;
                    }
                    histograms += 1;
                }
                _ => break,
            }
        }
        (floats, histograms)
    }
}

/// Hands out piece after piece.
impl<'a> Iterator for Piece<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.len() == 0 {
            return None;
        }
        let (floats, histograms) = self.first_piece();
        let (times, later_times) = self.times.split_at_checked(floats)?;
        let (values, later_values) = self.values.split_at_checked(floats)?;
        let split = |starts: &'a [i64], at: usize| starts.split_at(at.min(starts.len()));
        let (float_starts, later_float_starts) = split(self.float_starts, floats);
        let (histogram_starts, later_histogram_starts) = split(self.histogram_starts, histograms);
        let (histograms, later_histograms) = self.histograms.split_at_checked(histograms)?;
        *self = Piece {
            times: later_times,
            values: later_values,
            histograms: later_histograms,
            float_starts: later_float_starts,
            histogram_starts: later_histogram_starts,
        };
        Some(Piece { times, values, histograms, float_starts, histogram_starts })
    }
}
