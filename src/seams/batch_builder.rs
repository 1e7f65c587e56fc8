//! From what a request or a body holds to one [`Batch`]: what all formats that write do alike.
//!
//! A format turns its text or messages into series, samples and metadata, and decides what to do about those that break a
//! rule. Here is what doesn't depend on that: how much may come at once, what memory it takes before it is there, and what
//! was taken.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{
    append::{Append, AppendError, Batch, Fingerprint, FloatSample, HistogramSample, SeriesId},
    catalog::CatalogEntry,
    memory_budget::MemoryBudget,
};
use crate::model::{Exemplar, Labels, Metadata, limits::MAX_SAMPLES};

/// What a float takes in a batch that grows, and in its record for the log.
pub const FLOAT_BYTES: usize = 2 * size_of::<FloatSample>() + 12;
/// What an exemplar, or a description of a family, takes beside two copies of its texts.
pub const HEAVY_BYTES: usize = 240;
/// At least so many bytes are taken from the budget at once.
const TAKEN_AT_ONCE: usize = 4 << 10;

/// Why no more is taken of a request or body, and nothing of it will be stored.
#[derive(Debug)]
pub enum BatchError {
    /// It holds more samples, or what weighs as much, than one may.
    TooMany,
    /// There is no memory for it.
    NoRoom,
    /// The store can't say which series is meant.
    Store(AppendError),
}

/// What a request or a part of a body may still hold.
pub struct Allowance<'s> {
    budget: &'s dyn MemoryBudget,
    /// Bytes left of what was taken from the budget.
    left: usize,
    paid: usize,
    /// How many more samples there may be.
    samples: usize,
}

impl<'s> Allowance<'s> {
    /// As much as one request may hold; its memory is taken from `budget`.
    #[must_use]
    pub fn new(budget: &'s dyn MemoryBudget) -> Self {
        Self { budget, left: 0, paid: 0, samples: MAX_SAMPLES }
    }

    /// Takes `bytes` that stay taken, before they are needed.
    ///
    /// # Errors
    /// When there are not so many left.
    #[inline]
    pub fn pay(&mut self, bytes: usize) -> Result<(), BatchError> {
        self.paid += bytes;
        if let Some(left) = self.left.checked_sub(bytes) {
            self.left = left;
            return Ok(());
        }
        self.pay_more(bytes)
    }

    #[cold]
    fn pay_more(&mut self, bytes: usize) -> Result<(), BatchError> {
        let taken = (bytes - self.left).max(TAKEN_AT_ONCE);
        if !self.budget.take(taken) {
            return Err(BatchError::NoRoom);
        }
        self.left = self.left + taken - bytes;
        Ok(())
    }

    /// Counts something that takes memory as so many samples.
    ///
    /// # Errors
    /// When that is more than there may be.
    #[inline]
    pub fn spend(&mut self, samples: usize) -> Result<(), BatchError> {
        self.samples = self.samples.checked_sub(samples).ok_or(BatchError::TooMany)?;
        Ok(())
    }

    /// How many more samples there may be.
    #[must_use]
    pub fn samples_left(&self) -> usize {
        self.samples
    }

    /// What was paid for is gone, and its memory with it.
    pub fn forget_paid(&mut self) {
        self.paid = 0;
    }

    /// Bytes paid for.
    #[must_use]
    pub fn paid(&self) -> usize {
        self.paid
    }

    /// Where the memory is taken from.
    #[must_use]
    pub fn budget(&self) -> &'s dyn MemoryBudget {
        self.budget
    }
}

/// How much a batch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Float samples.
    pub floats: u64,
    /// Native histogram samples.
    pub histograms: u64,
    /// Exemplars.
    pub exemplars: u64,
    /// Descriptions of metric families.
    pub metadata: u64,
}

/// Fills a batch. Whoever adds something has paid for it.
pub struct BatchBuilder<'s> {
    append: &'s dyn Append,
    /// No sample may be later than this.
    latest: i64,
    batch: Batch,
    held: Held,
}

impl<'s> BatchBuilder<'s> {
    /// An empty batch for `append`, of samples that are not later than `latest`.
    #[must_use]
    pub fn new(append: &'s dyn Append, latest: i64) -> Self {
        Self { append, latest, batch: Batch::default(), held: Held::default() }
    }

    /// Where the batch goes.
    #[must_use]
    pub fn append(&self) -> &'s dyn Append {
        self.append
    }

    /// The latest time that a sample may have.
    #[must_use]
    pub fn latest(&self) -> i64 {
        self.latest
    }

    /// Makes place for so many more floats.
    pub fn reserve(&mut self, floats: usize) {
        self.batch.floats.reserve(floats);
    }

    /// The series with these labels; whether the batch defines it, tells [`BatchBuilder::defined`]. The inner `Err` says which limit on
    /// series it would pass: the format refuses it as it does what breaks any rule.
    ///
    /// # Errors
    /// When the store can't answer.
    pub fn series(
        &mut self,
        labels: &Labels,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Result<SeriesId, String>, BatchError> {
        match self.append.series(labels, fingerprint, &mut self.batch) {
            Ok(series) => Ok(Ok(series)),
            Err(AppendError::SeriesLimit(why)) => Ok(Err(why)),
            Err(error) => Err(BatchError::Store(error)),
        }
    }

    /// Remembers the series by a fingerprint once the batch is on disk.
    pub fn remember(&mut self, fingerprint: Fingerprint, series: SeriesId) {
        self.batch.fingerprints.push((fingerprint, series));
    }

    /// What the batch brings to the catalog.
    pub fn catalog(&mut self) -> &mut Vec<Arc<CatalogEntry>> {
        &mut self.batch.catalog
    }

    /// How many series the batch defines.
    #[must_use]
    pub fn defined(&self) -> usize {
        self.batch.series.len()
    }

    /// Adds floats.
    #[inline]
    pub fn floats(&mut self, floats: impl ExactSizeIterator<Item = FloatSample>) {
        self.held.floats += floats.len() as u64;
        self.batch.floats.extend(floats);
    }

    /// Adds histograms.
    pub fn histograms(&mut self, histograms: impl ExactSizeIterator<Item = HistogramSample>) {
        self.held.histograms += histograms.len() as u64;
        self.batch.histograms.extend(histograms);
    }

    /// Adds an exemplar.
    pub fn exemplar(&mut self, series: SeriesId, exemplar: Exemplar) {
        self.held.exemplars += 1;
        self.batch.exemplars.push((series, exemplar));
    }

    /// Adds what a metric family is.
    pub fn metadata(&mut self, metadata: Metadata) {
        self.held.metadata += 1;
        self.batch.metadata.push(metadata);
    }

    /// Moves everything at the time `from` to `to`.
    pub fn retime(&mut self, from: i64, to: i64) {
        let Batch { floats, histograms, exemplars, .. } = &mut self.batch;
        let of_histograms = histograms.iter_mut().map(|sample| &mut sample.time);
        let of_exemplars = exemplars.iter_mut().map(|(_, exemplar)| &mut exemplar.time);
        let times = floats.iter_mut().map(|sample| &mut sample.time).chain(of_histograms).chain(of_exemplars);
        times.filter(|time| **time == from).for_each(|time| *time = to);
    }

    /// A series that has several samples.
    #[must_use]
    pub fn repeated(&self) -> Option<SeriesId> {
        let Batch { floats, histograms, .. } = &self.batch;
        let of_histograms = histograms.iter().map(|sample| sample.series);
        let mut seen = RoaringBitmap::new();
        floats.iter().map(|sample| sample.series).chain(of_histograms).find(|series| !seen.insert(series.0))
    }

    /// Takes out the batch and how much it holds; another one begins.
    pub fn take(&mut self) -> (Batch, Held) {
        (std::mem::take(&mut self.batch), std::mem::take(&mut self.held))
    }
}
