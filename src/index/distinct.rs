//! The distinct names or values that a lookup finds.

use std::collections::BTreeSet;

use super::IndexError;
use crate::seams::{
    memory_budget::{ITEM_BYTES, MemoryBudget},
    select::Limited,
};

/// Texts in order, each once; with a limit the first of them.
pub(super) struct Distinct<'r> {
    items: BTreeSet<String>,
    limit: usize,
    /// How many are kept: one more than the limit tells that there are more.
    most: usize,
    budget: &'r dyn MemoryBudget,
}

impl<'r> Distinct<'r> {
    /// At most `limit` texts, all of them if that is 0, within `budget`.
    pub(super) fn new(limit: usize, budget: &'r dyn MemoryBudget) -> Self {
        let most = if limit == 0 { usize::MAX } else { limit.saturating_add(1) };
        Self { items: BTreeSet::new(), limit, most, budget }
    }

    /// Whether `text` would be new here. When it wouldn't, nobody has to find out whether it belongs here.
    pub(super) fn lacks(&self, text: &str) -> bool {
        let comes_too_late = || self.items.len() >= self.most && self.items.last().is_some_and(|last| text > &**last);
        !self.items.contains(text) && !comes_too_late()
    }

    /// Takes `text` in, if it is new.
    pub(super) fn add(&mut self, text: &str) -> Result<(), IndexError> {
        if !self.lacks(text) {
            return Ok(());
        }
        let gone = if self.items.len() >= self.most { self.items.pop_last() } else { None };
        let needs = gone.map_or(text.len() + ITEM_BYTES, |gone| text.len().saturating_sub(gone.len()));
        if !self.budget.take(needs) {
            return Err(IndexError::NoRoom);
        }
        self.items.insert(text.to_owned());
        Ok(())
    }

    /// The texts, in order.
    pub(super) fn finish(mut self) -> Limited<String> {
        let truncated = self.items.len() >= self.most;
        if truncated && self.items.len() > self.limit {
            self.items.pop_last();
        }
        Limited { items: self.items.into_iter().collect(), truncated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::memory_budget::{Unlimited, fake::Bytes};

    fn gathered(texts: &[&str], limit: usize) -> Limited<String> {
        let mut distinct = Distinct::new(limit, &Unlimited);
        texts.iter().try_for_each(|text| distinct.add(text)).unwrap();
        distinct.finish()
    }

    #[test]
    fn a_limit_keeps_the_first_in_order_whenever_they_come() {
        let texts = ["d", "b", "d", "a", "c", "b"];
        let limited = |items: &[&str], truncated| Limited {
            items: items.iter().map(|text| (*text).to_owned()).collect(),
            truncated,
        };
        assert_eq!(gathered(&texts, 0), limited(&["a", "b", "c", "d"], false));
        assert_eq!(gathered(&texts, 4), limited(&["a", "b", "c", "d"], false));
        assert_eq!(gathered(&texts, 2), limited(&["a", "b"], true));
        assert_eq!(gathered(&[], 1), limited(&[], false));
        let mut full = Distinct::new(1, &Unlimited);
        ["b", "a"].iter().try_for_each(|text| full.add(text)).unwrap();
        assert!(!full.lacks("a") && !full.lacks("c") && full.lacks("Z"));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_a_limit_makes_it_fit() {
        let texts: Vec<String> = (0..100).rev().map(|i| format!("{i:02}")).collect();
        let gather = |limit| {
            let budget = Bytes::new(10 * (ITEM_BYTES + 2));
            let mut distinct = Distinct::new(limit, &budget);
            texts.iter().try_for_each(|text| distinct.add(text)).map(|()| distinct.finish().items.len())
        };
        assert!(matches!(gather(0), Err(IndexError::NoRoom)));
        assert_eq!(gather(9).unwrap(), 9);
    }
}
