//! Collects the warnings of all series sets that a query selected, such as blocks that were found damaged while it read them.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::{
    model::{Matcher, TimeRange},
    seams::{
        interrupt::Interrupt,
        select::{IndexPath, LookupCost, Select, SelectError, SelectHints, SeriesSet},
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

    fn cost(&self, matchers: &[Matcher]) -> LookupCost {
        self.inner.cost(matchers)
    }

    fn explain(&self, matchers: &[Matcher], interrupt: &dyn Interrupt) -> Result<IndexPath, SelectError> {
        self.inner.explain(matchers, interrupt)
    }
}
