//! Many texts in little memory.

/// Texts one after the other in one string.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Texts {
    bytes: String,
    /// Where each text ends in `bytes`.
    ends: Vec<u32>,
}

impl Texts {
    /// Appends a text; `None` when together they would be longer than 4 GiB.
    pub(super) fn push(&mut self, parts: &[&str]) -> Option<()> {
        parts.iter().for_each(|part| self.bytes.push_str(part));
        self.ends.push(u32::try_from(self.bytes.len()).ok()?);
        Some(())
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Length of all texts together.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn get(&self, i: usize) -> &str {
        let start = i.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        let end = self.ends.get(i).map_or(0, |end| *end as usize);
        self.bytes.get(start..end).unwrap_or_default()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|i| self.get(i))
    }
}

/// Distinct texts in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextSet(Texts);

impl TextSet {
    /// The set of `texts`.
    pub(super) fn new(texts: &Texts) -> Self {
        let mut order: Vec<u32> = (0..texts.len() as u32).collect();
        order.sort_unstable_by_key(|i| texts.get(*i as usize));
        order.dedup_by_key(|i| texts.get(*i as usize));
        let mut set = Texts { bytes: String::with_capacity(texts.bytes()), ends: Vec::with_capacity(order.len()) };
        // They are no longer than those they come from.
        order.iter().for_each(|i| _ = set.push(&[texts.get(*i as usize)]));
        Self(set)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The texts in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter()
    }

    /// Whether `text` is one of them.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        self.at_or_below(text).is_some_and(|found| found == text)
    }

    /// The last of the texts that are not above `text`.
    pub(super) fn at_or_below(&self, text: &str) -> Option<&str> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.0.get(middle) <= text { low = middle + 1 } else { high = middle }
        }
        Some(self.0.get(low.checked_sub(1)?))
    }

    /// What all of them begin with.
    pub(super) fn common_prefix(&self) -> &str {
        let Some(last) = self.len().checked_sub(1) else { return "" };
        // The texts are in order: what first and last share, those between them share too.
        let (first, last) = (self.0.get(0), self.0.get(last));
        let pairs = first.char_indices().zip(last.chars());
        let end = pairs.take_while(|((_, a), b)| a == b).last().map_or(0, |((at, c), _)| at + c.len_utf8());
        first.get(..end).unwrap_or_default()
    }

    /// Without the texts that begin with another one of the set.
    pub(super) fn shortest_prefixes(&self) -> Self {
        let mut kept = Texts::default();
        let mut before: Option<&str> = None;
        for text in self.iter() {
            if before.is_none_or(|before| !text.starts_with(before)) {
                _ = kept.push(&[text]);
                before = Some(text);
            }
        }
        Self(kept)
    }

    /// Memory it takes, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.0.bytes.capacity() + self.0.ends.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_of_texts_is_one_of_the_standard_library(
            texts in proptest::collection::vec("[abé]{0,4}", 0..20),
            asked in "[abé]{0,4}",
        ) {
            let model: BTreeSet<String> = texts.iter().cloned().collect();
            let mut all = Texts::default();
            texts.iter().for_each(|text| all.push(&[text]).unwrap());
            let set = TextSet::new(&all);
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), model.iter().collect::<Vec<_>>());
            prop_assert_eq!(set.contains(&asked), model.contains(&asked));
            prop_assert_eq!(set.at_or_below(&asked), model.range(..=asked.clone()).next_back().map(String::as_str));
            prop_assert!(set.iter().all(|text| text.starts_with(set.common_prefix())));
            let kept = set.shortest_prefixes();
            let starts = |set: &TextSet| set.iter().any(|text| asked.starts_with(text));
            prop_assert_eq!(starts(&kept), starts(&set));
            prop_assert_eq!(
                kept.at_or_below(&asked).is_some_and(|text| asked.starts_with(text)),
                starts(&set),
                "the one right below is the only candidate"
            );
        }
    }
}
