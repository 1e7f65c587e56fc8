//! Checking a stored dictionary before anything walks it.
//!
//! A walk trusts what it reads: that it ends, that keys ascend, that values don't overflow. A checksum doesn't help against a
//! file made to harm, so the automaton is checked as a whole when a segment is opened: one pass over its nodes from the last
//! to the first.
//!
//! ```text
//! header       8 version, 3; 8 type
//! nodes        each ends with its state byte, at which it is addressed, and refers to nodes before it only; backwards:
//!                11cccccc  one transition, to the node that ends before this one; byte c of a table, or for c = 0 the next
//!                10cccccc  one transition: byte as above; sizes; target; output
//!                0fnnnnnn  f: final; n transitions, for n = 0 as the next byte says, where 1 stands for 256; sizes; for
//!                          n > 32 a table of 256 from byte to transition; n bytes; n targets; n outputs; if final its output
//!                sizes are two times 4 bits: the length of a target and of an output; a target is the distance from the
//!                node's first byte, or 0 for the end of a key
//! trailer      8 number of keys; 8 address of the root, the last node; 4 checksum
//! ```
//!
//! As each node refers to earlier ones, walking backwards meets all that lead to a node before the node itself: how many
//! keys pass through it, and the largest output they bring, are known by then.

use hashbrown::HashMap;

use super::{
    node::{HEADER, Node, TRAILER},
    page::Reader,
};
use crate::index::IndexError;

const VERSION: u64 = 3;

/// What leads to a node.
#[derive(Debug, Clone, Copy)]
struct Reached {
    /// Keys that begin this way.
    keys: u64,
    /// The largest sum of outputs on the way.
    output: u64,
}

/// Whether the dictionary is a map of `pairs` keys in ascending order that can be walked without surprise; says what is
/// wrong with it otherwise.
pub(in crate::index::segment) fn check(
    reader: &mut Reader<'_>,
    pairs: u64,
) -> Result<Result<(), &'static str>, IndexError> {
    let Some(end) = reader.len().checked_sub(TRAILER).filter(|end| *end > HEADER) else {
        return Ok(Err("it is too short"));
    };
    let mut last = end - 1;
    let what = [(0, VERSION, "it has another version"), (end, pairs, "the footer has another number of pairs")];
    for (at, want, why) in [what[0], what[1], (end + 8, last as u64, "its root is not its last node")] {
        if reader.number(at, 8)? != want {
            return Ok(Err(why));
        }
    }
    let mut waiting = HashMap::from([(last, Reached { keys: 1, output: 0 })]);
    let mut keys = 0u64;
    loop {
        let Some(node) = Node::read(reader, last)? else { return Ok(Err("a node reaches outside of it")) };
        let Some(reached) = waiting.remove(&last) else { return Ok(Err("nothing leads to a node")) };
        keys = match visit(&node, reader, reached, &mut waiting)? {
            Ok(ended) => keys.saturating_add(ended),
            Err(why) => return Ok(Err(why)),
        };
        if node.first() == HEADER {
            break;
        }
        last = node.neighbour();
    }
    Ok(match (waiting.is_empty(), keys == pairs) {
        (false, _) => Err("a transition leads into the middle of a node"),
        (true, false) => Err("it has another number of keys than it says"),
        (true, true) => Ok(()),
    })
}

/// Tells the nodes behind `node` how they are reached; answers how many keys end here or in a transition's end.
fn visit(
    node: &Node,
    reader: &mut Reader<'_>,
    reached: Reached,
    waiting: &mut HashMap<usize, Reached>,
) -> Result<Result<u64, &'static str>, IndexError> {
    const OVERFLOW: &str = "its values overflow";
    let mut ended = 0u64;
    if node.is_final() {
        ended = ended.saturating_add(reached.keys);
        if reached.output.checked_add(node.final_output(reader)?).is_none() {
            return Ok(Err(OVERFLOW));
        }
    }
    if let Some(why) = node.check_inputs(reader)? {
        return Ok(Err(why));
    }
    for i in 0..node.len() {
        let transition = node.transition(reader, i)?;
        let Some(output) = reached.output.checked_add(transition.output) else { return Ok(Err(OVERFLOW)) };
        if transition.target == 0 {
            ended = ended.saturating_add(reached.keys);
            continue;
        }
        if transition.target < HEADER {
            return Ok(Err("a transition leads out of it"));
        }
        let known = waiting.entry(transition.target).or_insert(Reached { keys: 0, output });
        let Some(keys) = known.keys.checked_add(reached.keys) else { return Ok(Err("it has too many keys")) };
        *known = Reached { keys, output: known.output.max(output) };
    }
    Ok(Ok(ended))
}

#[cfg(test)]
mod tests {
    use fst::MapBuilder;
    use proptest::prelude::*;

    use super::*;
    use crate::index::segment::dictionary::{InMemory, Keys, find};

    /// What [`super::check`] says, whatever the pages are.
    fn check(bytes: &[u8], pairs: u64) -> Result<(), &'static str> {
        let said =
            [3, 6, 12].map(|bits| super::check(&mut Reader::new(&InMemory(bytes.to_vec(), bits)), pairs).unwrap());
        assert!(said[0] == said[1] && said[1] == said[2]);
        said[0]
    }

    fn built(pairs: &std::collections::BTreeMap<Vec<u8>, u64>) -> Vec<u8> {
        let mut builder = MapBuilder::memory();
        pairs.iter().for_each(|(key, value)| builder.insert(key, *value).unwrap());
        builder.into_inner().unwrap()
    }

    fn keys() -> impl Strategy<Value = std::collections::BTreeMap<Vec<u8>, u64>> {
        let text = prop_oneof![prop::collection::vec(any::<u8>(), 1..4), "[ab/:0-3]{1,9}".prop_map(String::into_bytes)];
        prop::collection::btree_map(text, prop_oneof![Just(0), 0..9u64, any::<u64>()], 0..120)
    }

    proptest! {
        #[test]
        fn what_the_builder_makes_passes(pairs in keys()) {
            prop_assert_eq!(check(&built(&pairs), pairs.len() as u64), Ok(()));
        }

        #[test]
        fn what_passes_can_be_walked_in_order(pairs in keys(), edits in prop::collection::vec((any::<u16>(), any::<u8>()), 1..4)) {
            let mut bytes = built(&pairs);
            let nodes = HEADER..bytes.len() - TRAILER;
            for (at, byte) in edits {
                let at = nodes.start + usize::from(at) % nodes.len();
                bytes[at] = byte;
            }
            if check(&bytes, pairs.len() as u64).is_ok() {
                let pages = InMemory(bytes, 4);
                let mut stream = Keys::from(Reader::new(&pages), b"", None).unwrap();
                let (mut before, mut count) = (None, 0);
                while let Some((key, value)) = stream.next().unwrap() {
                    prop_assert!(before.as_deref() < Some(key));
                    prop_assert_eq!(find(&mut Reader::new(&pages), key).unwrap(), Some(value));
                    before = Some(key.to_vec());
                    count += 1;
                }
                prop_assert_eq!(count, pairs.len());
            }
        }
    }

    #[test]
    fn wide_nodes_and_many_keys_with_common_ends_pass() {
        let numbers = (0..3000u64).map(|i| (format!("{i:04}:9100").into_bytes(), i % 7)).collect();
        assert_eq!(check(&built(&numbers), 3000), Ok(()));
        let wide = (0..=255u8).map(|b| (vec![b, b], u64::from(b))).collect();
        assert_eq!(check(&built(&wide), 256), Ok(()));
        assert!(check(&built(&wide), 255).is_err());
    }
}
