//! Checking a stored dictionary before anything walks it.
//!
//! The `fst` crate trusts its bytes and panics on others. A checksum doesn't help against a file made to harm, so the
//! automaton is checked as a whole when a segment is opened: one pass over its bytes from the last to the first.
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

const VERSION: u64 = 3;
const HEADER: usize = 16;
const TRAILER: usize = 20;
/// A node of more transitions has a table of them.
const TABLE_ABOVE: usize = 32;

/// What leads to a node.
#[derive(Debug, Clone, Copy)]
struct Reached {
    /// Keys that begin this way.
    keys: u64,
    /// The largest sum of outputs on the way.
    output: u64,
}

/// Whether `bytes` are a map of `pairs` keys in ascending order that can be walked without surprise; says what is wrong
/// with them otherwise.
pub(super) fn check(bytes: &[u8], pairs: u64) -> Result<(), &'static str> {
    let end = bytes.len().checked_sub(TRAILER).filter(|end| *end > HEADER).ok_or("it is too short")?;
    let number = |at| unpack(bytes, at, 8);
    if number(0) != Some(VERSION) {
        return Err("it has another version");
    }
    if number(end) != Some(pairs) {
        return Err("the footer has another number of pairs");
    }
    let mut last = end - 1;
    if number(end + 8) != Some(last as u64) {
        return Err("its root is not its last node");
    }
    let mut waiting = HashMap::from([(last, Reached { keys: 1, output: 0 })]);
    let mut keys = 0u64;
    loop {
        let node = Node::read(bytes, last).ok_or("a node reaches outside of it")?;
        let reached = waiting.remove(&last).ok_or("nothing leads to a node")?;
        keys = keys.saturating_add(node.visit(bytes, reached, &mut waiting)?);
        if node.first == HEADER {
            break;
        }
        last = node.first - 1;
    }
    match (waiting.is_empty(), keys == pairs) {
        (false, _) => Err("a transition leads into the middle of a node"),
        (true, false) => Err("it has another number of keys than it says"),
        (true, true) => Ok(()),
    }
}

/// Where the parts of a node lie.
struct Node {
    /// The first byte.
    first: usize,
    is_final: bool,
    transitions: usize,
    /// Behind the last input; inputs, targets and outputs lie before, the first transition's last.
    inputs: usize,
    /// The only input, when the state byte says it.
    common: bool,
    target_len: usize,
    output_len: usize,
    /// Where the table of transitions is.
    table: Option<usize>,
}

impl Node {
    /// The node that ends with byte `last`; `None` when it would begin before the first.
    fn read(bytes: &[u8], last: usize) -> Option<Self> {
        let state = *bytes.get(last)?;
        let low = usize::from(state & 0x3f);
        let before = |at: usize, len: usize| at.checked_sub(len).filter(|at| *at >= HEADER);
        let mut node = Self {
            first: 0,
            is_final: false,
            transitions: 1,
            inputs: last,
            common: low != 0,
            target_len: 0,
            output_len: 0,
            table: None,
        };
        let mut at = last;
        match state >> 6 {
            0b11 => node.first = before(at, usize::from(!node.common))?,
            kind => {
                if kind == 0b10 {
                    at = before(at, usize::from(!node.common))?;
                } else {
                    (node.is_final, node.common, node.transitions) = (kind == 1, false, low);
                    if low == 0 {
                        at = before(at, 1)?;
                        let count = usize::from(*bytes.get(at)?);
                        node.transitions = if count == 1 { 256 } else { count };
                    }
                }
                at = before(at, 1)?;
                let sizes = *bytes.get(at)?;
                (node.target_len, node.output_len) = (usize::from(sizes >> 4), usize::from(sizes & 15));
                if node.transitions > TABLE_ABOVE {
                    at = before(at, 256)?;
                    node.table = Some(at);
                }
                if kind != 0b10 {
                    node.inputs = at;
                    at = before(at, node.transitions)?;
                }
                let outputs = node.transitions + usize::from(node.is_final);
                let valid = (node.transitions == 0 || (1..=8).contains(&node.target_len)) && node.output_len <= 8;
                let len = node.transitions * node.target_len + outputs * node.output_len;
                node.first = before(at, len).filter(|_| valid)?;
            }
        }
        Some(node)
    }

    /// Tells the nodes behind how they are reached; answers how many keys end here or in a transition's end.
    fn visit(
        &self,
        bytes: &[u8],
        reached: Reached,
        waiting: &mut HashMap<usize, Reached>,
    ) -> Result<u64, &'static str> {
        const OVERFLOW: &str = "its values overflow";
        let single = self.first.wrapping_sub(1);
        let mut ended = 0u64;
        if self.is_final {
            ended = ended.saturating_add(reached.keys);
            let output = unpack(bytes, self.first, self.output_len).ok_or(OVERFLOW)?;
            reached.output.checked_add(output).ok_or(OVERFLOW)?;
        }
        self.check_inputs(bytes)?;
        let outputs = self.first + if self.is_final { self.output_len } else { 0 };
        let targets = outputs + self.transitions * self.output_len;
        for i in (0..self.transitions).rev() {
            let output = unpack(bytes, outputs + i * self.output_len, self.output_len).ok_or(OVERFLOW)?;
            let distance = unpack(bytes, targets + i * self.target_len, self.target_len).ok_or(OVERFLOW)?;
            let output = reached.output.checked_add(output).ok_or(OVERFLOW)?;
            let target = match (self.target_len, distance) {
                (0, _) => single,
                (_, 0) => {
                    ended = ended.saturating_add(reached.keys);
                    continue;
                }
                (_, distance) => usize::try_from(distance).ok().and_then(|d| self.first.checked_sub(d)).unwrap_or(0),
            };
            if target < HEADER {
                return Err("a transition leads out of it");
            }
            let known = waiting.entry(target).or_insert(Reached { keys: 0, output });
            known.keys = known.keys.checked_add(reached.keys).ok_or("it has too many keys")?;
            known.output = known.output.max(output);
        }
        Ok(ended)
    }

    /// Whether the inputs ascend and the table agrees with them. They are stored backwards.
    fn check_inputs(&self, bytes: &[u8]) -> Result<(), &'static str> {
        if self.target_len == 0 || self.inputs - self.first < self.transitions || self.transitions < 2 {
            return Ok(());
        }
        let inputs = bytes.get(self.inputs - self.transitions..self.inputs).unwrap_or_default();
        if !inputs.is_sorted_by(|later, earlier| later > earlier) {
            return Err("the transitions of a node are out of order");
        }
        let Some(table) = self.table.and_then(|at| bytes.get(at..at + 256)) else { return Ok(()) };
        let mut want = [u8::MAX; 256];
        for (i, input) in inputs.iter().rev().enumerate() {
            if let Some(place) = want.get_mut(usize::from(*input)) {
                *place = i as u8;
            }
        }
        if table == want { Ok(()) } else { Err("the table of a node contradicts its transitions") }
    }
}

/// The number in `len` bytes at `at`; 0 for no bytes.
fn unpack(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let mut number = [0; 8];
    number.get_mut(..len)?.copy_from_slice(bytes.get(at..at + len)?);
    Some(u64::from_le_bytes(number))
}

#[cfg(test)]
mod tests {
    use fst::{Map, MapBuilder, Streamer};
    use proptest::prelude::*;

    use super::*;

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
                let map = Map::new(bytes).unwrap();
                let (mut stream, mut before, mut count) = (map.stream(), None, 0);
                while let Some((key, value)) = stream.next() {
                    prop_assert!(before.as_deref() < Some(key));
                    prop_assert_eq!(map.get(key), Some(value));
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
