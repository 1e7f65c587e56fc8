//! Lists of series, label names and label values.

use std::sync::Arc;

use super::{LookupCost, SelectError};
use crate::{
    model::{Labels, Matcher, TimeRange},
    seams::{
        interrupt::{Interrupt, Never},
        memory_budget::{MemoryBudget, Unlimited},
    },
};

/// A list that may have been cut at the limit that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limited<T> {
    /// At most as many items as asked for.
    pub items: Vec<T>,
    /// Whether there were more.
    pub truncated: bool,
}

/// Which series, or which of their labels, to list.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// Series that pass any of these count; each is a list of matchers that all have to pass.
    pub selectors: Vec<Vec<Matcher>>,
    /// They may have samples in this range.
    pub range: TimeRange,
    /// At most so many items; 0 means all.
    pub limit: usize,
    /// What the list takes its memory from.
    pub budget: Arc<dyn MemoryBudget>,
    /// Who may end it before it is complete.
    pub interrupt: Arc<dyn Interrupt>,
}

impl Lookup {
    /// All series that pass any of `selectors`, at all times, however many they are.
    #[must_use]
    pub fn all(selectors: Vec<Vec<Matcher>>) -> Self {
        Self { selectors, range: TimeRange::ALL, limit: 0, budget: Arc::new(Unlimited), interrupt: Arc::new(Never) }
    }
}

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Label sets.
    Series,
    /// Label names, or the values of one.
    Strings,
}

/// The labels of stored series, for listing.
pub trait SelectLabels: Send + Sync {
    /// Label sets of the series asked for, sorted. With a limit they may be any of them.
    ///
    /// # Errors
    /// When the index can't be read, or the answer doesn't fit its budget.
    fn series(&self, ask: &Lookup) -> Result<Limited<Labels>, SelectError>;

    /// Sorted label names of those series; without selectors, of all series. With a limit, the first of them.
    ///
    /// # Errors
    /// When the index can't be read, or the answer doesn't fit its budget.
    fn label_names(&self, ask: &Lookup) -> Result<Limited<String>, SelectError>;

    /// Sorted values of label `name` in those series; without selectors, in all series. With a limit, the first of them.
    ///
    /// # Errors
    /// When the index can't be read, or the answer doesn't fit its budget.
    fn label_values(&self, name: &str, ask: &Lookup) -> Result<Limited<String>, SelectError>;

    /// How long the list that `ask` asks for takes.
    ///
    /// # Errors
    /// When the index can't be read.
    fn cost(&self, listing: Listing, ask: &Lookup) -> Result<LookupCost, SelectError>;
}
