//! Writing: a format fills a [`Batch`] and hands it to [`Append::append`], which answers once it is on disk.
//!
//! Series are named by [`SeriesId`]. A sender repeats the same label bytes in each request, so a format first asks
//! [`Append::known`] with a fingerprint of those raw bytes; only when that misses are labels parsed, checked, and given
//! an id by [`Append::series`].

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use super::{
    catalog::{Catalog, CatalogEntry},
    cause::Cause,
};
use crate::model::{Exemplar, Histogram, Labels, Metadata};

/// Names a series. Given out once, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u32);

/// A hash of a sender's raw label bytes, keyed so that no sender can aim for a collision, and what else tells senders' formats
/// apart: whoever computes it says how its 128 bits are shared. The low half is all hash but for a bit.
pub type Fingerprint = u128;

/// One float sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FloatSample {
    /// Its series.
    pub series: SeriesId,
    /// Time in ms.
    pub time: i64,
    /// Value, bit for bit.
    pub value: f64,
    /// Since when it counts, in ms; 0: not known.
    pub start: i64,
}

/// One native histogram sample.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSample {
    /// Its series.
    pub series: SeriesId,
    /// Time in ms.
    pub time: i64,
    /// The histogram, already validated.
    pub value: Histogram,
    /// Since when it counts, in ms; 0: not known.
    pub start: i64,
}

/// Where a request is in the order in which its series were first sent. Senders repeat that order, so the series behind the
/// last one found is likely to be the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeriesCursor {
    /// The place of the series that is likely to be next; whoever uses it compares fingerprints.
    pub next: usize,
}

/// What one request wants stored: all of it or, across a crash, none of it.
///
/// Within each list later entries win over earlier ones with the same series and time; histograms win over floats.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Definitions of series that may not be on disk yet.
    pub series: Vec<(SeriesId, Labels)>,
    /// Fingerprints to remember once those definitions are on disk.
    pub fingerprints: Vec<(Fingerprint, SeriesId)>,
    /// Float samples.
    pub floats: Vec<FloatSample>,
    /// Native histogram samples.
    pub histograms: Vec<HistogramSample>,
    /// Exemplars with their series.
    pub exemplars: Vec<(SeriesId, Exemplar)>,
    /// Metadata of metric families.
    pub metadata: Vec<Metadata>,
    /// What the catalog has to remember about its series, and databases.
    pub catalog: Vec<Arc<CatalogEntry>>,
    /// Whether its times come from other machines' clocks, and so speak for or against ours.
    pub witnessed: bool,
}

impl Batch {
    /// Whether there is nothing to store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.floats.is_empty()
            && self.histograms.is_empty()
            && self.exemplars.is_empty()
            && self.metadata.is_empty()
            && self.catalog.is_empty()
    }

    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let labels: usize = self.series.iter().map(|(_, labels)| labels.as_bytes().len()).sum();
        let histograms: usize = self.histograms.iter().map(|sample| sample.value.memory()).sum();
        let texts = |metadata: &Metadata| metadata.family.len() + metadata.help.len() + metadata.unit.len();
        let metadata: usize = self.metadata.iter().map(texts).sum();
        let catalog: usize = self.catalog.iter().map(|entry| entry.memory()).sum();
        labels
            + metadata
            + catalog
            + self.metadata.capacity() * size_of::<Metadata>()
            + histograms
            + self.series.capacity() * size_of::<(SeriesId, Labels)>()
            + self.fingerprints.capacity() * size_of::<(Fingerprint, SeriesId)>()
            + self.floats.capacity() * size_of::<FloatSample>()
            + self.histograms.capacity() * size_of::<HistogramSample>()
            + self.exemplars.len() * EXEMPLAR_BYTES
    }
}

/// About what an exemplar with its labels takes.
const EXEMPLAR_BYTES: usize = 128;

/// Why a batch was not stored. Nothing of it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The store can't take writes now, but will again: disk full, overload, shutting down.
    #[error("writes are not possible right now: {reason}")]
    Unavailable {
        /// What stands in the way.
        reason: String,
        /// When a retry makes sense.
        retry_after: Duration,
    },
    /// All 2^32 series ids are given out.
    #[error("no series id is left: 4294967295 series have been written to this data directory")]
    SeriesExhausted,
    /// A limit on series stands in the way of a new one; samples of others are taken.
    #[error("{0}")]
    SeriesLimit(String),
    /// The index can't be read.
    #[error("reading the series index failed: {0}")]
    Storage(#[source] Cause),
}

/// The future of an append.
pub type Appending<'a> = Pin<Box<dyn Future<Output = Result<(), AppendError>> + Send + 'a>>;

/// The store, for writing.
pub trait Append: Send + Sync {
    /// The series whose raw label bytes have this fingerprint, if it was written before and is remembered. It is looked for
    /// behind `cursor` first, which then stands at it.
    fn known(&self, fingerprint: Fingerprint, cursor: &mut SeriesCursor) -> Option<SeriesId>;

    /// Adds to `next` up to `most` series that were first sent behind the one at which `cursor` stands, in their order, and
    /// moves it behind them. A hint, nothing that must be right.
    fn followers(&self, cursor: &mut SeriesCursor, most: usize, next: &mut Vec<(Fingerprint, SeriesId)>);

    /// The id of the series with these labels, a new one if need be.
    ///
    /// Adds what must be stored about the series to `batch`; the id is good for this batch only, until
    /// [`Append::known`] gives it for `fingerprint`.
    ///
    /// # Errors
    /// When the index can't be read, no id is left, or it would be a new series too many: [`AppendError::SeriesLimit`], after which the
    /// batch can still be used.
    fn series(
        &self,
        labels: &Labels,
        fingerprint: Option<Fingerprint>,
        batch: &mut Batch,
    ) -> Result<SeriesId, AppendError>;

    /// Which fields there are.
    fn catalog(&self) -> &Catalog;

    /// Whether a batch would be taken now, so that who has a choice need not make one in vain.
    ///
    /// # Errors
    /// What stands in the way.
    fn admits(&self) -> Result<(), AppendError> {
        Ok(())
    }

    /// Stores the batch. `Ok` means: on disk, and visible to reads that begin now.
    ///
    /// The batch is handed over before the first await: dropping the future doesn't take it back.
    fn append(&self, batch: Batch) -> Appending<'_>;
}

/// A store in front of another one, which sees each batch first: all else is the other one's.
pub trait AppendThrough: Send + Sync {
    /// The store behind this one.
    fn behind(&self) -> &dyn Append;

    /// Stores the batch, as [`Append::append`] does, or does with it what this store is for.
    fn pass(&self, batch: Batch) -> Appending<'_>;
}

impl<T: AppendThrough> Append for T {
    fn known(&self, fingerprint: Fingerprint, cursor: &mut SeriesCursor) -> Option<SeriesId> {
        self.behind().known(fingerprint, cursor)
    }

    fn followers(&self, cursor: &mut SeriesCursor, most: usize, next: &mut Vec<(Fingerprint, SeriesId)>) {
        self.behind().followers(cursor, most, next);
    }

    fn series(
        &self,
        labels: &Labels,
        fingerprint: Option<Fingerprint>,
        batch: &mut Batch,
    ) -> Result<SeriesId, AppendError> {
        self.behind().series(labels, fingerprint, batch)
    }

    fn catalog(&self) -> &Catalog {
        self.behind().catalog()
    }

    fn admits(&self) -> Result<(), AppendError> {
        self.behind().admits()
    }

    fn append(&self, batch: Batch) -> Appending<'_> {
        self.pass(batch)
    }
}

pub mod fake {
    //! An [`Append`] that keeps everything in memory, for tests of the layers above.

    use std::collections::HashMap;

    use parking_lot::Mutex;

    use super::{Append, AppendError, Appending, Batch, Catalog, Fingerprint, Labels, SeriesCursor, SeriesId};

    /// What comes of `future`, which waits for nothing but a [`MemoryAppend`], and so not at all.
    #[cfg(test)]
    pub(crate) fn finished<T>(future: impl Future<Output = T>) -> T {
        use std::{
            pin::pin,
            task::{Context, Poll, Waker},
        };
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("the fake store never waits"),
        }
    }

    /// Remembers every batch.
    #[derive(Debug, Default)]
    pub struct MemoryAppend {
        state: Mutex<State>,
        catalog: Catalog,
    }

    #[derive(Debug, Default)]
    struct State {
        ids: HashMap<Labels, SeriesId>,
        /// In the order in which they came.
        known: Vec<(Fingerprint, SeriesId)>,
        places: HashMap<Fingerprint, usize>,
        batches: Vec<Batch>,
        refusal: Option<AppendError>,
        full: Option<AppendError>,
    }

    impl MemoryAppend {
        /// Everything appended so far, in order.
        pub fn batches(&self) -> Vec<Batch> {
            self.state.lock().batches.clone()
        }

        /// The labels of a series.
        pub fn labels(&self, id: SeriesId) -> Option<Labels> {
            self.state.lock().ids.iter().find(|(_, v)| **v == id).map(|(k, _)| k.clone())
        }

        /// Makes every append fail from now on (`None`: succeed again).
        pub fn refuse(&self, error: Option<AppendError>) {
            self.state.lock().refusal = error;
        }

        /// Says from now on that it takes no batch (`None`: that it does).
        pub fn fill(&self, error: Option<AppendError>) {
            self.state.lock().full = error;
        }
    }

    impl Append for MemoryAppend {
        fn known(&self, fingerprint: Fingerprint, cursor: &mut SeriesCursor) -> Option<SeriesId> {
            let state = self.state.lock();
            let place = *state.places.get(&fingerprint)?;
            cursor.next = place + 1;
            state.known.get(place).map(|known| known.1)
        }

        fn followers(&self, cursor: &mut SeriesCursor, most: usize, next: &mut Vec<(Fingerprint, SeriesId)>) {
            let before = next.len();
            next.extend(self.state.lock().known.iter().skip(cursor.next).take(most));
            cursor.next += next.len() - before;
        }

        fn series(
            &self,
            labels: &Labels,
            fingerprint: Option<Fingerprint>,
            batch: &mut Batch,
        ) -> Result<SeriesId, AppendError> {
            let mut state = self.state.lock();
            let next = SeriesId(u32::try_from(state.ids.len()).map_err(|_| AppendError::SeriesExhausted)?);
            let id = *state.ids.entry(labels.clone()).or_insert(next);
            batch.series.push((id, labels.clone()));
            batch.fingerprints.extend(fingerprint.map(|f| (f, id)));
            Ok(id)
        }

        fn catalog(&self) -> &Catalog {
            &self.catalog
        }

        fn admits(&self) -> Result<(), AppendError> {
            self.state.lock().full.clone().map_or(Ok(()), Err)
        }

        fn append(&self, batch: Batch) -> Appending<'_> {
            let mut state = self.state.lock();
            let answer = match &state.refusal {
                Some(error) => Err(error.clone()),
                None => {
                    self.catalog.commit(batch.catalog.iter().cloned());
                    for entry in &batch.fingerprints {
                        let place = state.known.len();
                        state.known.push(*entry);
                        state.places.insert(entry.0, place);
                    }
                    state.batches.push(batch);
                    Ok(())
                }
            };
            Box::pin(std::future::ready(answer))
        }
    }
}
