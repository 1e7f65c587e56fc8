//! An import that stores nothing, and says what it would have stored.

use std::hash::{BuildHasher, RandomState};

use crate::{
    model::Labels,
    seams::{
        append::{Append, AppendError, Appending, Batch, Fingerprint, SeriesCursor, SeriesId},
        catalog::Catalog,
    },
};

/// Takes everything and keeps nothing.
///
/// A series is named by a hash of its labels: two of a few million may share a name, which makes the number of series that is
/// reported one less.
#[derive(Debug)]
pub struct DryRun {
    names: RandomState,
    /// What the store's catalog would become.
    catalog: Catalog,
}

impl DryRun {
    /// An import that would have gone to a store of which nothing is known.
    #[must_use]
    pub fn anywhere() -> Self {
        Self { names: RandomState::new(), catalog: Catalog::default() }
    }

    /// An import that would have gone to `store`.
    #[must_use]
    pub fn new(store: &dyn Append) -> Self {
        Self { names: RandomState::new(), catalog: store.catalog().fork() }
    }
}

impl Append for DryRun {
    fn known(&self, _: Fingerprint, _: &mut SeriesCursor) -> Option<SeriesId> {
        None
    }

    fn followers(&self, _: &mut SeriesCursor, _: usize, _: &mut Vec<(Fingerprint, SeriesId)>) {}

    fn series(&self, labels: &Labels, _: Option<Fingerprint>, batch: &mut Batch) -> Result<SeriesId, AppendError> {
        let id = SeriesId(self.names.hash_one(labels) as u32);
        batch.series.push((id, labels.clone()));
        Ok(id)
    }

    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    fn append(&self, batch: Batch) -> Appending<'_> {
        self.catalog.commit(batch.catalog);
        Box::pin(std::future::ready(Ok(())))
    }
}
