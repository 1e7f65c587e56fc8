//! Several bodies in one batch.

use parking_lot::Mutex;

use crate::seams::append::{Append, AppendThrough, Appending, Batch};

/// Takes the batches of many small bodies and makes one of them, for a store.
pub struct Gather<'s> {
    store: &'s dyn Append,
    batch: Mutex<Batch>,
}

impl<'s> Gather<'s> {
    /// An empty batch for `store`.
    #[must_use]
    pub fn new(store: &'s dyn Append) -> Self {
        Self { store, batch: Mutex::default() }
    }

    /// Takes out what there is.
    #[must_use]
    pub fn take(&self) -> Batch {
        std::mem::take(&mut *self.batch.lock())
    }
}

impl AppendThrough for Gather<'_> {
    fn behind(&self) -> &dyn Append {
        self.store
    }

    fn pass(&self, mut batch: Batch) -> Appending<'_> {
        let mut all = self.batch.lock();
        all.series.append(&mut batch.series);
        all.fingerprints.append(&mut batch.fingerprints);
        all.floats.append(&mut batch.floats);
        all.histograms.append(&mut batch.histograms);
        all.exemplars.append(&mut batch.exemplars);
        all.metadata.append(&mut batch.metadata);
        all.catalog.append(&mut batch.catalog);
        Box::pin(std::future::ready(Ok(())))
    }
}
