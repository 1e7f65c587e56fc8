//! A row: one series' values over the whole step grid.

use std::sync::Arc;

use crate::{model::Histogram, promql::SAMPLE_BYTES};

/// One bit per step.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    pub(crate) fn new(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    /// Makes it `len` bits, all clear.
    pub(crate) fn reset(&mut self, len: usize) {
        self.words.clear();
        self.words.resize(len.div_ceil(64), 0);
        self.len = len;
    }

    /// Sets every bit.
    pub(crate) fn fill(&mut self) {
        self.words.fill(u64::MAX);
        let spare = self.words.len() * 64 - self.len;
        if let Some(last) = self.words.last_mut() {
            *last >>= spare;
        }
    }

    /// Memory that the bits take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.words.as_slice())
    }

    pub(crate) fn get(&self, i: usize) -> bool {
        self.words.get(i / 64).is_some_and(|w| w >> (i % 64) & 1 == 1)
    }

    pub(crate) fn set(&mut self, i: usize) {
        if let Some(word) = self.words.get_mut(i / 64) {
            *word |= 1 << (i % 64);
        }
    }

    pub(crate) fn clear(&mut self, i: usize) {
        if let Some(word) = self.words.get_mut(i / 64) {
            *word &= !(1 << (i % 64));
        }
    }

    pub(crate) fn any(&self) -> bool {
        self.words.iter().any(|w| *w != 0)
    }

    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// Positions of the bits set, ascending.
    pub(crate) fn ones(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(i, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(i * 64 + bit)
            })
        })
    }

    /// The first and the last bit set.
    pub(crate) fn bounds(&self) -> Option<(usize, usize)> {
        let first = self.words.iter().position(|w| *w != 0)?;
        let last = self.words.iter().rposition(|w| *w != 0)?;
        let low = self.words.get(first)?.trailing_zeros() as usize;
        let high = 63 - self.words.get(last)?.leading_zeros() as usize;
        Some((first * 64 + low, last * 64 + high))
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(a, b)| a & b != 0)
    }

    pub(crate) fn or(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a |= b);
    }

    pub(crate) fn and(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= b);
    }

    pub(crate) fn and_not(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= !b);
    }
}

/// What a step can hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sample {
    Float(f64),
    Histogram(Arc<Histogram>),
}

/// Values over the grid. Where the presence bit is clear, the value is whatever a computation over the whole column
/// left there; where a histogram stands, the float means nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    /// One float per step.
    pub(crate) values: Vec<f64>,
    /// Which steps have a sample.
    pub(crate) present: Bits,
    /// Empty, or one entry per step.
    pub(crate) histograms: Vec<Option<Arc<Histogram>>>,
}

impl Row {
    pub(crate) fn new(steps: usize) -> Self {
        let mut row = Self::default();
        row.reset(steps);
        row
    }

    /// Makes it `steps` long without a sample, keeping its memory.
    pub(crate) fn reset(&mut self, steps: usize) {
        self.values.resize(steps, 0.0);
        self.present.reset(steps);
        self.histograms.clear();
    }

    pub(crate) fn steps(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn set(&mut self, step: usize, value: f64) {
        if let Some(cell) = self.values.get_mut(step) {
            *cell = value;
            self.present.set(step);
        }
    }

    pub(crate) fn set_histogram(&mut self, step: usize, histogram: Arc<Histogram>) {
        if self.histograms.is_empty() {
            self.histograms.resize(self.values.len(), None);
        }
        if let Some(cell) = self.histograms.get_mut(step) {
            *cell = Some(histogram);
            self.present.set(step);
        }
    }

    pub(crate) fn put(&mut self, step: usize, sample: Sample) {
        match sample {
            Sample::Float(value) => self.set(step, value),
            Sample::Histogram(histogram) => self.set_histogram(step, histogram),
        }
    }

    /// The histogram at `step`, if one stands there.
    pub(crate) fn histogram(&self, step: usize) -> Option<&Arc<Histogram>> {
        self.histograms.get(step).and_then(Option::as_ref)
    }

    /// The float at `step`, if one stands there.
    pub(crate) fn float(&self, step: usize) -> Option<f64> {
        if !self.present.get(step) || self.histogram(step).is_some() {
            return None;
        }
        self.values.get(step).copied()
    }

    pub(crate) fn sample(&self, step: usize) -> Option<Sample> {
        match self.histogram(step) {
            Some(histogram) if self.present.get(step) => Some(Sample::Histogram(Arc::clone(histogram))),
            _ => self.float(step).map(Sample::Float),
        }
    }

    /// Clears the steps that hold a histogram; says whether there was one.
    pub(crate) fn drop_histograms(&mut self) -> bool {
        let mut found = false;
        for (step, _) in self.histograms.iter().enumerate().filter(|(_, h)| h.is_some()) {
            found |= self.present.get(step);
            self.present.clear(step);
        }
        self.histograms.clear();
        found
    }

    pub(crate) fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }

    /// Memory that its histograms take, as that of so many samples. Neighbours that are one histogram count once.
    pub(crate) fn histogram_samples(&self) -> usize {
        let mut before: Option<&Arc<Histogram>> = None;
        let mut bytes = self.histograms.len() * size_of::<Option<Arc<Histogram>>>();
        for histogram in self.histograms.iter().flatten() {
            if before.is_none_or(|before| !Arc::ptr_eq(before, histogram)) {
                bytes += histogram.memory();
            }
            before = Some(histogram);
        }
        bytes / SAMPLE_BYTES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filling_leaves_the_bits_beyond_the_end_clear() {
        for len in [0, 1, 63, 64, 65, 130] {
            let mut bits = Bits::new(len);
            bits.fill();
            assert_eq!(bits.count(), len);
            assert_eq!(bits.ones().collect::<Vec<_>>(), (0..len).collect::<Vec<_>>());
        }
    }

    #[test]
    fn bounds_are_the_outermost_bits() {
        let mut bits = Bits::new(200);
        assert_eq!(bits.bounds(), None);
        bits.set(70);
        bits.set(199);
        assert_eq!(bits.bounds(), Some((70, 199)));
        bits.clear(199);
        assert_eq!(bits.bounds(), Some((70, 70)));
    }

    #[test]
    fn a_row_tells_floats_from_histograms() {
        let mut row = Row::new(3);
        row.set(0, 1.5);
        row.set_histogram(2, Arc::new(Histogram::stale()));
        assert_eq!((row.float(0), row.float(1), row.float(2)), (Some(1.5), None, None));
        assert!(row.drop_histograms());
        assert_eq!(row.present.ones().collect::<Vec<_>>(), [0]);
    }
}
