//! One node of the automaton. [`super::check`] draws its bytes.

use super::page::{Reader, unpack};
use crate::index::IndexError;

/// Bytes before the first node.
pub(super) const HEADER: usize = 16;
/// Bytes behind the last node.
pub(super) const TRAILER: usize = 20;
/// A node of more transitions has a table of them.
const TABLE_ABOVE: usize = 32;
/// Bytes that a node's head takes at most: state, count, sizes.
const HEAD: usize = 3;

/// The inputs that the state byte of a node of one transition says by their number here, counted from 1.
const COMMON: &[u8; 63] = b"te/oasripcnw.hlm-du012g=:bf3y5&_4v9678k%?xCDASFIBEjPTzRNM+LOqHG";

/// Where the parts of a node lie.
#[derive(Debug, Clone, Copy)]
pub(in crate::index::segment) struct Node {
    /// The first byte.
    first: usize,
    /// The last byte, by which it is addressed; 0 for the end of a key, from which nothing leads on.
    last: usize,
    is_final: bool,
    transitions: usize,
    /// Behind the last input; inputs, targets and outputs lie before, the first transition's last.
    inputs: usize,
    /// The only input, where the state byte says it.
    common: Option<u8>,
    target_len: usize,
    output_len: usize,
}

/// A step to another node.
#[derive(Debug, Clone, Copy)]
pub(in crate::index::segment) struct Transition {
    pub(in crate::index::segment) input: u8,
    pub(in crate::index::segment) output: u64,
    /// Address of the node.
    pub(in crate::index::segment) target: usize,
}

impl Node {
    /// Where keys end from which none goes on.
    const END: Self = Self {
        first: 0,
        last: 0,
        is_final: true,
        transitions: 0,
        inputs: 0,
        common: None,
        target_len: 0,
        output_len: 0,
    };

    /// The first node of all keys.
    pub(in crate::index::segment) fn root(reader: &mut Reader<'_>) -> Result<Self, IndexError> {
        let last = reader.len().saturating_sub(TRAILER + 1);
        Self::at(reader, last)
    }

    /// The node that ends with byte `last`.
    pub(in crate::index::segment) fn at(reader: &mut Reader<'_>, last: usize) -> Result<Self, IndexError> {
        if last == 0 {
            return Ok(Self::END);
        }
        Self::read(reader, last)?.ok_or_else(|| reader.damaged(last, "a node reaches outside of it"))
    }

    /// The node that ends with byte `last`; `None` when it would begin before the first.
    pub(super) fn read(reader: &mut Reader<'_>, last: usize) -> Result<Option<Self>, IndexError> {
        if last < HEADER {
            return Ok(None);
        }
        let [before_that, before, state] = *reader.get(last + 1 - HEAD, HEAD)? else { return Ok(None) };
        Ok(Self::decode([state, before, before_that], last))
    }

    /// By the last bytes, the last one first.
    fn decode([state, second, third]: [u8; HEAD], last: usize) -> Option<Self> {
        let low = usize::from(state & 0x3f);
        let before = |at: usize, len: usize| at.checked_sub(len).filter(|at| *at >= HEADER);
        let common = low.checked_sub(1).and_then(|n| COMMON.get(n).copied());
        let mut node = Self { last, inputs: last, common, transitions: 1, is_final: false, ..Self::END };
        if state >> 6 == 0b11 {
            node.first = before(last, usize::from(common.is_none()))?;
            return Some(node);
        }
        let (mut at, mut sizes) = (last, second);
        let single = state >> 6 == 0b10;
        if single {
            if common.is_none() {
                (at, sizes) = (before(at, 1)?, third);
            }
        } else {
            (node.is_final, node.common, node.transitions) = (state >> 6 == 1, None, low);
            if low == 0 {
                (at, sizes) = (before(at, 1)?, third);
                node.transitions = if second == 1 { 256 } else { usize::from(second) };
            }
        }
        at = before(at, 1)?;
        (node.target_len, node.output_len) = (usize::from(sizes >> 4), usize::from(sizes & 15));
        if node.has_table() {
            at = before(at, 256)?;
        }
        if !single {
            node.inputs = at;
            at = before(at, node.transitions)?;
        }
        let outputs = node.transitions + usize::from(node.is_final);
        let valid = (node.transitions == 0 || (1..=8).contains(&node.target_len)) && node.output_len <= 8;
        let len = node.transitions * node.target_len + outputs * node.output_len;
        node.first = before(at, len).filter(|_| valid)?;
        Some(node)
    }

    pub(in crate::index::segment) fn address(&self) -> usize {
        self.last
    }

    pub(in crate::index::segment) fn is_final(&self) -> bool {
        self.is_final
    }

    /// How many transitions it has.
    pub(in crate::index::segment) fn len(&self) -> usize {
        self.transitions
    }

    pub(super) fn first(&self) -> usize {
        self.first
    }

    /// The address of the node right before it.
    pub(in crate::index::segment) fn neighbour(&self) -> usize {
        self.first.wrapping_sub(1)
    }

    fn has_table(&self) -> bool {
        self.transitions > TABLE_ABOVE
    }

    /// All its bytes.
    fn bytes<'r>(&self, reader: &'r mut Reader<'_>) -> Result<&'r [u8], IndexError> {
        reader.get(self.first, self.last + 1 - self.first)
    }

    /// What a key that ends here adds to its value.
    pub(in crate::index::segment) fn final_output(&self, reader: &mut Reader<'_>) -> Result<u64, IndexError> {
        if self.output_len == 0 || !self.is_final {
            return Ok(0);
        }
        reader.number(self.first, self.output_len)
    }

    /// Transition `i`, by ascending input.
    pub(in crate::index::segment) fn transition(
        &self,
        reader: &mut Reader<'_>,
        i: usize,
    ) -> Result<Transition, IndexError> {
        let bytes = self.bytes(reader)?;
        let input = match self.common {
            Some(input) => input,
            None => bytes.get((self.inputs - self.first).wrapping_sub(1 + i)).copied().unwrap_or_default(),
        };
        if self.target_len == 0 {
            return Ok(Transition { input, output: 0, target: self.neighbour() });
        }
        let outputs = if self.is_final { self.output_len } else { 0 };
        let targets = outputs + self.transitions * self.output_len;
        let stored = self.transitions.saturating_sub(1 + i);
        let output = unpack(bytes, outputs + stored * self.output_len, self.output_len);
        let target = match unpack(bytes, targets + stored * self.target_len, self.target_len) {
            0 => 0,
            distance => usize::try_from(distance).ok().and_then(|d| self.first.checked_sub(d)).unwrap_or(1),
        };
        Ok(Transition { input, output, target })
    }

    /// The number of the transition with this input.
    pub(in crate::index::segment) fn position(
        &self,
        reader: &mut Reader<'_>,
        input: u8,
    ) -> Result<Option<usize>, IndexError> {
        if let Some(common) = self.common {
            return Ok((common == input).then_some(0));
        }
        let (from, count) = (self.inputs.saturating_sub(self.first + self.transitions), self.transitions);
        let (inputs, has_table) = (self.inputs - self.first, self.has_table());
        let bytes = self.bytes(reader)?;
        if has_table {
            let place = bytes.get(inputs + usize::from(input)).copied().map(usize::from);
            // What isn't in the table is 255, a number that only a node of all inputs has.
            return Ok(place.filter(|place| *place < count));
        }
        let inputs = bytes.get(from..inputs).unwrap_or_default();
        Ok(inputs.iter().rposition(|other| *other == input).map(|stored| count - 1 - stored))
    }

    /// The number of the first transition whose input isn't below `input`.
    pub(super) fn lower_bound(&self, reader: &mut Reader<'_>, input: u8) -> Result<usize, IndexError> {
        if let Some(common) = self.common {
            return Ok(usize::from(common < input));
        }
        let (from, inputs) = (self.inputs.saturating_sub(self.first + self.transitions), self.inputs - self.first);
        let bytes = self.bytes(reader)?;
        Ok(bytes.get(from..inputs).unwrap_or_default().iter().filter(|other| **other < input).count())
    }

    /// Why its inputs are none, if they don't ascend or the table contradicts them.
    pub(super) fn check_inputs(&self, reader: &mut Reader<'_>) -> Result<Option<&'static str>, IndexError> {
        if self.transitions < 2 {
            return Ok(None);
        }
        let inputs = self.inputs - self.first;
        let (node, bytes) = (*self, self.bytes(reader)?);
        let stored = bytes.get(inputs - node.transitions..inputs).unwrap_or_default();
        if !stored.is_sorted_by(|later, earlier| later > earlier) {
            return Ok(Some("the transitions of a node are out of order"));
        }
        let Some(table) = node.has_table().then(|| bytes.get(inputs..inputs + 256)).flatten() else { return Ok(None) };
        let mut want = [u8::MAX; 256];
        for (i, input) in stored.iter().rev().enumerate() {
            if let Some(place) = want.get_mut(usize::from(*input)) {
                *place = i as u8;
            }
        }
        Ok((table != want).then_some("the table of a node contradicts its transitions"))
    }
}

/// The value of `key`.
pub(in crate::index::segment) fn find(reader: &mut Reader<'_>, key: &[u8]) -> Result<Option<u64>, IndexError> {
    let Some((node, output)) = descend(reader, key.iter().copied())? else { return Ok(None) };
    if !node.is_final() {
        return Ok(None);
    }
    Ok(Some(output.wrapping_add(node.final_output(reader)?)))
}

/// The node to which `key` leads, and the sum of the outputs on the way.
pub(in crate::index::segment) fn descend(
    reader: &mut Reader<'_>,
    key: impl Iterator<Item = u8>,
) -> Result<Option<(Node, u64)>, IndexError> {
    let (mut node, mut output) = (Node::root(reader)?, 0u64);
    for byte in key {
        let Some(i) = node.position(reader, byte)? else { return Ok(None) };
        let transition = node.transition(reader, i)?;
        output = output.wrapping_add(transition.output);
        node = Node::at(reader, transition.target)?;
    }
    Ok(Some((node, output)))
}
