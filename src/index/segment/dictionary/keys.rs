//! The keys of dictionaries, in order.

use super::{node::Node, page::Reader};
use crate::index::IndexError;

/// A node on the way to the current key.
struct Step {
    node: Node,
    /// The next transition to follow.
    next: usize,
    /// Sum of the outputs that led here.
    output: u64,
}

/// Walks a range of the keys of one dictionary.
pub(in crate::index) struct Keys<'a> {
    reader: Reader<'a>,
    /// From the root to where it is.
    way: Vec<Step>,
    /// The bytes that lead there.
    key: Vec<u8>,
    /// Whether the key there has yet to be handed over.
    waiting: bool,
    /// Before this key it ends.
    end: Option<Vec<u8>>,
}

impl<'a> Keys<'a> {
    /// The keys from `from` on, up to `end` and without it, if there is one.
    pub(in crate::index::segment) fn from(
        mut reader: Reader<'a>,
        from: &[u8],
        end: Option<Vec<u8>>,
    ) -> Result<Self, IndexError> {
        let root = Node::root(&mut reader)?;
        let mut way = vec![Step { node: root, next: 0, output: 0 }];
        let (mut key, mut waiting) = (Vec::new(), true);
        for byte in from.iter().copied() {
            let Some(step) = way.last_mut() else { break };
            // What ends here comes before `from`.
            waiting = false;
            step.next = step.node.lower_bound(&mut reader, byte)?;
            if step.next == step.node.len() {
                break;
            }
            let transition = step.node.transition(&mut reader, step.next)?;
            if transition.input != byte {
                break;
            }
            step.next += 1;
            let output = step.output.wrapping_add(transition.output);
            way.push(Step { node: Node::at(&mut reader, transition.target)?, next: 0, output });
            key.push(byte);
            waiting = true;
        }
        Ok(Self { reader, way, key, waiting, end })
    }

    /// The next key and its value.
    pub(in crate::index) fn next(&mut self) -> Result<Option<(&[u8], u64)>, IndexError> {
        loop {
            let Some(step) = self.way.last_mut() else { return Ok(None) };
            if std::mem::take(&mut self.waiting) {
                if self.end.as_ref().is_some_and(|end| self.key >= *end) {
                    self.way.clear();
                    return Ok(None);
                }
                if step.node.is_final() {
                    let value = step.output.wrapping_add(step.node.final_output(&mut self.reader)?);
                    return Ok(Some((&self.key, value)));
                }
            }
            if step.next >= step.node.len() {
                self.way.pop();
                self.key.pop();
                continue;
            }
            let transition = step.node.transition(&mut self.reader, step.next)?;
            step.next += 1;
            let output = step.output.wrapping_add(transition.output);
            self.key.push(transition.input);
            self.waiting = true;
            self.way.push(Step { node: Node::at(&mut self.reader, transition.target)?, next: 0, output });
        }
    }
}

/// A key, and the numbers of the dictionaries that have it, each with its value.
pub(in crate::index) type Shared<'u> = (&'u [u8], &'u [(usize, u64)]);

/// Walks the keys of several dictionaries, each key once.
pub(in crate::index) struct Union<'a> {
    /// Each with the value of the key it is at, if it is at one.
    parts: Vec<(Keys<'a>, Option<u64>)>,
    key: Vec<u8>,
    /// Number of a dictionary, and its value of the key.
    found: Vec<(usize, u64)>,
}

impl<'a> Union<'a> {
    /// All keys of these.
    pub(in crate::index) fn of(parts: impl IntoIterator<Item = Keys<'a>>) -> Result<Self, IndexError> {
        let mut parts: Vec<_> = parts.into_iter().map(|keys| (keys, None)).collect();
        parts.iter_mut().try_for_each(advance)?;
        Ok(Self { parts, key: Vec::new(), found: Vec::new() })
    }

    /// The next key, and who has it.
    pub(in crate::index) fn next(&mut self) -> Result<Option<Shared<'_>>, IndexError> {
        for (number, _) in self.found.drain(..) {
            if let Some(part) = self.parts.get_mut(number) {
                advance(part)?;
            }
        }
        let at_keys = self.parts.iter().filter(|(_, value)| value.is_some());
        let Some(least) = at_keys.map(|(keys, _)| &keys.key).min() else { return Ok(None) };
        self.key.clone_from(least);
        for (number, (keys, value)) in self.parts.iter().enumerate() {
            if let Some(value) = value
                && keys.key == self.key
            {
                self.found.push((number, *value));
            }
        }
        Ok(Some((&self.key, &self.found)))
    }
}

fn advance((keys, value): &mut (Keys<'_>, Option<u64>)) -> Result<(), IndexError> {
    *value = keys.next()?.map(|(_, value)| value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fst::MapBuilder;
    use proptest::prelude::*;

    use super::*;
    use crate::index::segment::dictionary::{InMemory, find};

    fn built(pairs: &BTreeMap<Vec<u8>, u64>, bits: u32) -> InMemory {
        let mut builder = MapBuilder::memory();
        pairs.iter().for_each(|(key, value)| builder.insert(key, *value).unwrap());
        InMemory(builder.into_inner().unwrap(), bits)
    }

    fn all(mut keys: Keys<'_>) -> Vec<(Vec<u8>, u64)> {
        std::iter::from_fn(|| keys.next().unwrap().map(|(key, value)| (key.to_vec(), value))).collect()
    }

    /// No key is empty: each has a name's end in it. A dictionary of the empty key alone would have no node.
    fn some_keys() -> impl Strategy<Value = BTreeMap<Vec<u8>, u64>> {
        let text = prop_oneof![prop::collection::vec(any::<u8>(), 1..4), "[ab/:0-3]{1,9}".prop_map(String::into_bytes)];
        prop::collection::btree_map(text, prop_oneof![Just(0), 0..9u64, any::<u64>()], 0..150)
    }

    proptest! {
        #[test]
        fn ranges_and_lookups_are_those_of_a_map(
            pairs in some_keys(),
            from in prop::collection::vec(any::<u8>(), 0..3),
            to in prop::option::of("[ab/:0-3]{0,4}".prop_map(String::into_bytes)),
            bits in prop::sample::select(vec![3u32, 6, 12]),
        ) {
            let pages = built(&pairs, bits);
            let known = pairs.keys().next().cloned().unwrap_or_default();
            for from in [from, known, b"ab".to_vec()] {
                let want: Vec<_> = pairs.iter().map(|(k, v)| (k.clone(), *v))
                    .filter(|(key, _)| *key >= from && to.as_ref().is_none_or(|to| key < to)).collect();
                prop_assert_eq!(all(Keys::from(Reader::new(&pages), &from, to.clone()).unwrap()), want);
                prop_assert_eq!(find(&mut Reader::new(&pages), &from).unwrap(), pairs.get(&from).copied());
            }
            for (key, value) in &pairs {
                prop_assert_eq!(find(&mut Reader::new(&pages), key).unwrap(), Some(*value));
            }
        }

        #[test]
        fn a_union_has_each_key_once_with_the_values_of_all(parts in prop::collection::vec(some_keys(), 0..4)) {
            let pages: Vec<_> = parts.iter().map(|pairs| built(pairs, 6)).collect();
            let keys = pages.iter().map(|pages| Keys::from(Reader::new(pages), b"", None).unwrap());
            let mut union = Union::of(keys).unwrap();
            let mut want: BTreeMap<Vec<u8>, Vec<(usize, u64)>> = BTreeMap::new();
            for (number, pairs) in parts.iter().enumerate() {
                pairs.iter().for_each(|(key, value)| want.entry(key.clone()).or_default().push((number, *value)));
            }
            let mut found = BTreeMap::new();
            while let Some((key, places)) = union.next().unwrap() {
                prop_assert!(found.insert(key.to_vec(), places.to_vec()).is_none());
            }
            prop_assert_eq!(found, want);
        }
    }

    #[test]
    fn nodes_of_all_inputs_are_walked_and_looked_up() {
        let pairs: BTreeMap<Vec<u8>, u64> = (0..=255u8)
            .flat_map(|a| [0, 77, 255].map(|b| (vec![a, b, a], u64::from(a) << 20 | u64::from(b))))
            .collect();
        for bits in [3, 7, 12] {
            let pages = built(&pairs, bits);
            assert_eq!(all(Keys::from(Reader::new(&pages), b"", None).unwrap()).len(), pairs.len());
            for (key, value) in &pairs {
                assert_eq!(find(&mut Reader::new(&pages), key).unwrap(), Some(*value));
            }
            assert_eq!(find(&mut Reader::new(&pages), &[7, 8, 7]).unwrap(), None);
        }
    }
}
