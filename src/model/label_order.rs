//! Sorting by label sets.
//!
//! Sets that are sorted together are alike: the same names, and many the same values, so that each comparison would read
//! again what all have in common. Here it is read once: the sets are divided by the first eight bytes in which they
//! differ, and those that have the same ones by the next eight, as a radix sort from the front does it ("multikey
//! quicksort", Bentley and Sedgewick, 1997, with words for characters).

use super::labels::{Labels, same_bytes, take_str};

/// Up to this many label sets are compared whole instead of being divided.
const FEW: usize = 8;
/// After this many divisions the label sets that are left are compared whole: texts can be made to need any number.
const DEEPEST: usize = 64;

/// Sorts items by their labels; the order of those with equal ones is kept. Takes 24 bytes of memory for each.
pub fn sort_by_labels<T>(mut items: Vec<T>, labels: impl Fn(&T) -> &Labels) -> Vec<T> {
    let mut order: Vec<Place<'_>> =
        items.iter().enumerate().map(|(item, of)| Place { key: 0, item, labels: labels(of) }).collect();
    divide(&mut order, 0, 0);
    let mut order: Vec<usize> = order.into_iter().map(|place| place.item).collect();
    // Along each cycle: the item that is in the way goes where the next one came from.
    for start in 0..items.len() {
        let mut to = start;
        while let Some(from) = order.get_mut(to).map(|from| std::mem::replace(from, to))
            && from != start
        {
            items.swap(to, from);
            to = from;
        }
    }
    items
}

/// Where an item goes.
#[derive(Clone, Copy)]
struct Place<'a> {
    key: u64,
    item: usize,
    labels: &'a Labels,
}

impl<'a> Place<'a> {
    fn from(&self, at: usize) -> &'a [u8] {
        self.labels.as_bytes().get(at..).unwrap_or_default()
    }

    /// The text that begins at `at` of the canonical bytes; `None` at their end.
    fn text(&self, at: usize) -> Option<&'a [u8]> {
        take_str(self.from(at)).map(|(text, _)| text)
    }
}

/// Sorts sets whose first `from` bytes are the same, whole texts.
fn divide(order: &mut [Place<'_>], from: usize, depth: usize) {
    let by_labels = |a: &Place<'_>, b: &Place<'_>| (a.labels, a.item).cmp(&(b.labels, b.item));
    let (Some(first), true, true) = (order.first().copied(), order.len() > FEW, depth < DEEPEST) else {
        order.sort_unstable_by(by_labels);
        return;
    };
    let bytes = first.labels.as_bytes();
    let same =
        from + order.iter().map(|place| same_bytes(first.from(from), place.from(from))).min().unwrap_or_default();
    // From the last text that begins within what is the same.
    let mut at = from;
    while let Some((_, behind)) = bytes.get(at..).and_then(take_str)
        && bytes.len() - behind.len() <= same
    {
        at = bytes.len() - behind.len();
    }
    let text = first.text(at).unwrap_or_default();
    let common =
        order.iter().map(|place| same_bytes(text, place.text(at).unwrap_or_default())).min().unwrap_or_default();
    for place in &mut *order {
        let differs = place.text(at).and_then(|text| text.get(common..)).unwrap_or_default();
        let mut key = [0; 8];
        key.iter_mut().zip(differs).for_each(|(key, byte)| *key = *byte);
        place.key = u64::from_be_bytes(key);
    }
    order.sort_unstable_by_key(|place| (place.key, place.item));
    let undivided = order.first().map(|place| place.key) == order.last().map(|place| place.key);
    if undivided {
        // Equal sets, or a text that ends where another goes on with zeros.
        order.sort_unstable_by(by_labels);
        return;
    }
    for part in order.chunk_by_mut(|a, b| a.key == b.key) {
        if part.len() > 1 {
            divide(part, at, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_labels_and_keeps_equal_ones(
            sets in prop::collection::vec(prop::collection::btree_map("[a-c]{1,2}|name", "[a\0]{1,3}|(long-common-prefix-){1,2}[ab\0é]{0,12}", 0..4), 0..80),
        ) {
            let items: Vec<(Labels, usize)> =
                sets.iter().enumerate().map(|(i, set)| (Labels::from_pairs(set).unwrap(), i)).collect();
            let mut expected = items.clone();
            expected.sort_by(|a, b| a.0.cmp(&b.0));
            prop_assert_eq!(sort_by_labels(items, |item| &item.0), expected);
        }
    }

    #[test]
    fn texts_that_need_more_divisions_than_there_are_are_sorted_too() {
        let items: Vec<Labels> =
            (0..2000).map(|i| Labels::from_pairs([("a", "x".repeat(1 + i * 7919 % 2000))]).unwrap()).collect();
        let mut expected = items.clone();
        expected.sort();
        assert_eq!(sort_by_labels(items, |labels| labels), expected);
    }
}
