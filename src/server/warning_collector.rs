//! Collects the warnings of all series sets that a query selected, such as blocks that were found damaged while it read them.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::{
    model::{Exemplar, Labels, Matcher, Metadata, TimeRange},
    seams::{
        interrupt::Interrupt,
        select::{Limited, Lookup, Select, SelectError, SelectHints, SeriesSet},
    },
};

/// A [`Select`] that keeps every set it gives out, and asks it for warnings when the query is done.
pub(crate) struct WarningCollector<'s> {
    inner: &'s dyn Select,
    sets: Mutex<Vec<Arc<dyn SeriesSet>>>,
}

impl<'s> WarningCollector<'s> {
    pub(crate) fn new(inner: &'s dyn Select) -> Self {
        Self { inner, sets: Mutex::default() }
    }

    /// The warnings of all sets so far, each once.
    pub(crate) fn warnings(self) -> Vec<String> {
        let mut all: Vec<String> = self.sets.into_inner().iter().flat_map(|set| set.warnings()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Select for WarningCollector<'_> {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: &SelectHints,
    ) -> Result<Arc<dyn SeriesSet>, SelectError> {
        let set = self.inner.select(matchers, range, hints)?;
        self.sets.lock().push(Arc::clone(&set));
        Ok(set)
    }

    fn series(&self, ask: &Lookup) -> Result<Limited<Labels>, SelectError> {
        self.inner.series(ask)
    }

    fn label_names(&self, ask: &Lookup) -> Result<Limited<String>, SelectError> {
        self.inner.label_names(ask)
    }

    fn label_values(&self, name: &str, ask: &Lookup) -> Result<Limited<String>, SelectError> {
        self.inner.label_values(name, ask)
    }

    fn exemplars(
        &self,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
        interrupt: &dyn Interrupt,
    ) -> Result<Vec<(Labels, Vec<Exemplar>)>, SelectError> {
        self.inner.exemplars(selectors, range, interrupt)
    }

    fn finds_at_once(&self, matchers: &[Matcher]) -> bool {
        self.inner.finds_at_once(matchers)
    }

    fn metadata(&self, family: Option<&str>) -> Vec<Metadata> {
        self.inner.metadata(family)
    }
}
