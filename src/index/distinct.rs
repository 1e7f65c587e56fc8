//! The distinct names or values that a lookup finds.

use std::collections::BTreeSet;

use hashbrown::HashSet;

use super::IndexError;
use crate::seams::{
    memory_budget::{ITEM_BYTES, MemoryBudget},
    select::Limited,
};

/// Memory is taken of the budget in portions of this many bytes: who counts it looks at the clock each time.
const PORTION: usize = 1024;

/// Texts in order, each once; with a limit the first of them.
pub(super) struct Distinct<'r> {
    texts: Texts,
    limit: usize,
    /// How many are kept: one more than the limit tells that there are more.
    most: usize,
    budget: &'r dyn MemoryBudget,
    /// Bytes that are yet to be taken of the budget.
    owed: usize,
}

/// The texts so far: sorted at once only where the last of them may have to go.
enum Texts {
    All(HashSet<String>),
    First(BTreeSet<String>),
}

impl<'r> Distinct<'r> {
    /// At most `limit` texts, all of them if that is 0, within `budget`.
    pub(super) fn new(limit: usize, budget: &'r dyn MemoryBudget) -> Self {
        let (most, texts) = match limit {
            0 => (usize::MAX, Texts::All(HashSet::new())),
            limit => (limit.saturating_add(1), Texts::First(BTreeSet::new())),
        };
        Self { texts, limit, most, budget, owed: 0 }
    }

    /// Whether `text` would be new here. When it wouldn't, nobody has to find out whether it belongs here.
    pub(super) fn lacks(&self, text: &str) -> bool {
        match &self.texts {
            Texts::All(texts) => !texts.contains(text),
            Texts::First(texts) => {
                let comes_too_late = || texts.len() >= self.most && texts.last().is_some_and(|last| text > &**last);
                !texts.contains(text) && !comes_too_late()
            }
        }
    }

    /// Takes `text` in, if it is new.
    pub(super) fn add(&mut self, text: &str) -> Result<(), IndexError> {
        if !self.lacks(text) {
            return Ok(());
        }
        let gone = match &mut self.texts {
            Texts::First(texts) if texts.len() >= self.most => texts.pop_last(),
            _ => None,
        };
        self.owed += gone.map_or(text.len() + ITEM_BYTES, |gone| text.len().saturating_sub(gone.len()));
        if self.owed >= PORTION {
            self.settle()?;
        }
        match &mut self.texts {
            Texts::All(texts) => drop(texts.insert(text.to_owned())),
            Texts::First(texts) => drop(texts.insert(text.to_owned())),
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), IndexError> {
        if self.budget.take(std::mem::take(&mut self.owed)) { Ok(()) } else { Err(IndexError::NoRoom) }
    }

    /// The texts, in order.
    ///
    /// # Errors
    /// When they don't fit the budget.
    pub(super) fn finish(mut self) -> Result<Limited<String>, IndexError> {
        self.settle()?;
        let mut items: Vec<String> = match self.texts {
            Texts::All(texts) => sorted(texts.into_iter().collect()),
            Texts::First(texts) => texts.into_iter().collect(),
        };
        let truncated = items.len() >= self.most;
        if truncated {
            items.truncate(self.limit);
        }
        Ok(Limited { items, truncated })
    }
}

/// Sorts texts. Names have much in common: most are told apart by the eight bytes behind what all begin with.
fn sorted(texts: Vec<String>) -> Vec<String> {
    let Some(first) = texts.first() else { return texts };
    let same = |text: &String| first.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
    let common = texts.iter().map(same).min().unwrap_or_default();
    let key = |text: &String| {
        let mut key = [0; 8];
        key.iter_mut().zip(text.bytes().skip(common)).for_each(|(key, byte)| *key = byte);
        u64::from_be_bytes(key)
    };
    let mut keyed: Vec<(u64, String)> = texts.into_iter().map(|text| (key(&text), text)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seams::memory_budget::{Unlimited, fake::Bytes};

    fn gathered(texts: &[&str], limit: usize) -> Limited<String> {
        let mut distinct = Distinct::new(limit, &Unlimited);
        texts.iter().try_for_each(|text| distinct.add(text)).unwrap();
        distinct.finish().unwrap()
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

    proptest! {
        #[test]
        fn texts_are_sorted_by_their_bytes(
            prefix in prop::sample::select(vec!["", "a", "node_metric_"]),
            texts in prop::collection::btree_set("[\0ab\u{e9}~]{0,12}", 0..60),
        ) {
            let texts: Vec<String> = texts.into_iter().map(|text| format!("{prefix}{text}")).collect();
            let mut shuffled = texts.clone();
            shuffled.sort_by_key(|text| std::cmp::Reverse(text.len()));
            prop_assert_eq!(sorted(shuffled), texts);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_a_limit_makes_it_fit() {
        let texts: Vec<String> = (0..100).rev().map(|i| format!("{i:02}")).collect();
        let gather = |limit| {
            let budget = Bytes::new(10 * (ITEM_BYTES + 2));
            let mut distinct = Distinct::new(limit, &budget);
            texts.iter().try_for_each(|text| distinct.add(text)).and_then(|()| Ok(distinct.finish()?.items.len()))
        };
        assert!(matches!(gather(0), Err(IndexError::NoRoom)));
        assert_eq!(gather(9).unwrap(), 9);
    }
}
