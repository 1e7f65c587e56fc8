//! Label sets that decide what belongs together, and their numbers.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::model::{Labels, METRIC_NAME};

/// Whether a label counts, where a plan lists names in order: with `on` (or `by`) if it is listed, else if it is neither that nor the metric name.
pub(crate) fn counts(name: &[u8], listed: &[String], on: bool) -> bool {
    is_listed(name, listed) == on && (on || name != METRIC_NAME.as_bytes())
}

/// Whether `name` is among the names that a plan lists in order.
pub(crate) fn is_listed(name: &[u8], listed: &[String]) -> bool {
    listed.binary_search_by(|label| label.as_bytes().cmp(name)).is_ok()
}

/// Label sets, each once, numbered in the order they came.
#[derive(Debug, Default)]
pub(crate) struct LabelSets {
    sets: Vec<Labels>,
    by_bytes: HashTable<u32>,
    bytes: Vec<u8>,
    /// The number of one that was asked for lately.
    latest: usize,
}

impl LabelSets {
    /// The number of those of `labels` whose name, in bytes, satisfies `keep`, and the set itself if it is new. One that is
    /// known is found without making it.
    pub(crate) fn number(&mut self, labels: &Labels, keep: impl FnMut(&[u8]) -> bool) -> (usize, Option<&Labels>) {
        let mut bytes = std::mem::take(&mut self.bytes);
        labels.filter_into(keep, &mut bytes);
        let (number, is_new) = self.find_or_add(&bytes, || Labels::from_canonical(&bytes));
        self.bytes = bytes;
        (number, if is_new { self.sets.last() } else { None })
    }

    /// The number of the set with these canonical bytes, and the set itself if it is new.
    pub(crate) fn number_bytes(&mut self, bytes: &[u8]) -> (usize, Option<&Labels>) {
        // Neighbours mostly belong together.
        if self.sets.get(self.latest).is_some_and(|set| set.as_bytes() == bytes) {
            return (self.latest, None);
        }
        let (number, is_new) = self.find_or_add(bytes, || Labels::from_canonical(bytes));
        self.latest = number;
        (number, if is_new { self.sets.last() } else { None })
    }

    /// The number of `labels` as they are, and whether they are new.
    pub(crate) fn number_of(&mut self, labels: &Labels) -> (usize, bool) {
        self.find_or_add(labels.as_bytes(), || labels.clone())
    }

    fn find_or_add(&mut self, bytes: &[u8], make: impl FnOnce() -> Labels) -> (usize, bool) {
        let Self { sets, by_bytes, .. } = self;
        let hash = xxh3_64(bytes);
        let of = |number: &u32| sets.get(*number as usize).map(Labels::as_bytes).unwrap_or_default();
        if let Some(number) = by_bytes.find(hash, |number| of(number) == bytes) {
            return (*number as usize, false);
        }
        let number = sets.len();
        by_bytes.insert_unique(hash, number as u32, |number| xxh3_64(of(number)));
        sets.push(make());
        (number, true)
    }

    /// The set of this number.
    pub(crate) fn get(&self, number: usize) -> Option<&Labels> {
        self.sets.get(number)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.sets.len()
    }

    /// The sets, by number.
    pub(crate) fn into_sets(self) -> Vec<Labels> {
        self.sets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_that_are_equal_in_what_is_kept_have_one_number() {
        let mut sets = LabelSets::default();
        let labels = |a: &str, b: &str| Labels::from_pairs([("a", a), ("b", b)]).unwrap();
        let mut number = |a: &str, b: &str| {
            let (number, new) = sets.number(&labels(a, b), |name| name == b"b");
            (number, new.map(|labels| labels.to_string()))
        };
        assert_eq!(number("1", "x"), (0, Some("{b=\"x\"}".to_owned())));
        assert_eq!(number("2", "x"), (0, None));
        assert_eq!(number("2", ""), (1, Some("{}".to_owned())));
        for i in 0..1000 {
            assert_eq!(number("1", &i.to_string()).0, i + 2);
            assert_eq!(number("2", &(i / 2).to_string()), (i / 2 + 2, None));
        }
        assert_eq!(sets.len(), 1002);
        assert_eq!(sets.into_sets()[2], labels("", "0"));
    }
}
