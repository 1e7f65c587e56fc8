//! One node of the automaton. [`mod@super::check`] draws its bytes.

use super::page::{Reader, unpack};
use crate::index::IndexError;

/// Bytes before the first node.
pub(super) const HEADER: usize = 16;
/// Bytes behind the last node.
pub(super) const TRAILER: usize = 20;
/// A node of more transitions has a table of them.
const TABLE_ABOVE: u16 = 32;
/// Bytes that a node's head takes at most: state, count, sizes.
const HEAD: usize = 3;

/// The inputs that the state byte of a node of one transition says by their number here, counted from 1.
const COMMON: &[u8; 63] = b"te/oasripcnw.hlm-du012g=:bf3y5&_4v9678k%?xCDASFIBEjPTzRNM+LOqHG";

/// Where the parts of a node lie. Inputs, targets and outputs are stored with the first transition's last.
#[derive(Debug, Clone, Copy)]
pub(in crate::index::segment) struct Node {
    /// The first byte.
    first: usize,
    /// The last byte, by which it is addressed; 0 for the end of a key, from which nothing leads on.
    last: usize,
    transitions: u16,
    /// Bytes from the end of the inputs to `last`.
    head: u16,
    target_len: u8,
    output_len: u8,
    is_final: bool,
    /// The input of a node of one transition.
    only: Option<u8>,
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
    const END: Self =
        Self { first: 0, last: 0, transitions: 0, head: 0, target_len: 0, output_len: 0, is_final: true, only: None };

    /// The first node of all keys.
    pub(in crate::index::segment) fn root(reader: &mut Reader<'_>) -> Result<Self, IndexError> {
        let last = reader.len().saturating_sub(TRAILER + 1);
        Self::at(reader, last)
    }

    /// The node that ends with byte `last`.
    #[inline(always)]
    pub(in crate::index::segment) fn at(reader: &mut Reader<'_>, last: usize) -> Result<Self, IndexError> {
        if last == 0 {
            return Ok(Self::END);
        }
        Self::read(reader, last)?.ok_or_else(|| reader.damaged(last, "a node reaches outside of it"))
    }

    /// The node that ends with byte `last`; `None` when it would begin before the first.
    #[inline(always)]
    pub(super) fn read(reader: &mut Reader<'_>, last: usize) -> Result<Option<Self>, IndexError> {
        if last < HEADER {
            return Ok(None);
        }
        let [third, second, state] = *reader.get(last + 1 - HEAD, HEAD)? else { return Ok(None) };
        Ok(if state >> 7 == 1 {
            Self::single([state, second, third], last)
        } else {
            Self::other([state, second, third], last)
        })
    }

    /// A node of one transition, by its last bytes, the last one first.
    #[inline(always)]
    fn single([state, second, third]: [u8; HEAD], last: usize) -> Option<Self> {
        let common = usize::from(state & 0x3f).checked_sub(1).and_then(|n| COMMON.get(n).copied());
        let (only, sizes, head) = match common {
            Some(input) => (input, second, 2),
            None => (second, third, 3),
        };
        let node = Self { last, transitions: 1, is_final: false, only: Some(only), ..Self::END };
        if state >> 6 == 0b11 {
            return before(last + 2, head).map(|first| Self { first, ..node });
        }
        let (target_len, output_len) = (sizes >> 4, sizes & 15);
        let valid = (1..=8).contains(&target_len) && output_len <= 8;
        let first = before(last + 1, head + usize::from(target_len + output_len)).filter(|_| valid)?;
        Some(Self { first, target_len, output_len, ..node })
    }

    /// A node of several transitions or none, by its last bytes, the last one first.
    fn other([state, second, third]: [u8; HEAD], last: usize) -> Option<Self> {
        let low = u16::from(state & 0x3f);
        let (transitions, sizes, mut head) = match (low, second) {
            (0, 1) => (256, third, 2),
            (0, count) => (u16::from(count), third, 2),
            _ => (low, second, 1),
        };
        let (is_final, target_len, output_len) = (state >> 6 == 1, sizes >> 4, sizes & 15);
        if transitions > TABLE_ABOVE {
            head += 256;
        }
        let outputs = usize::from(transitions) + usize::from(is_final);
        let len = usize::from(transitions) * usize::from(1 + target_len) + outputs * usize::from(output_len);
        let valid = (transitions == 0 || (1..=8).contains(&target_len)) && output_len <= 8;
        let first = before(last, usize::from(head) + len).filter(|_| valid)?;
        Some(Self { first, last, transitions, head, target_len, output_len, is_final, only: None })
    }

    pub(in crate::index::segment) fn address(&self) -> usize {
        self.last
    }

    pub(in crate::index::segment) fn is_final(&self) -> bool {
        self.is_final
    }

    /// How many transitions it has.
    pub(in crate::index::segment) fn len(&self) -> usize {
        usize::from(self.transitions)
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

    /// Where the inputs end, in [`Self::bytes`].
    fn inputs_end(&self) -> usize {
        (self.last - self.first).saturating_sub(usize::from(self.head))
    }

    /// The inputs as they are stored; none of a node of one transition.
    fn inputs<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let end = self.inputs_end();
        bytes.get(end.saturating_sub(self.len())..end).unwrap_or_default()
    }

    /// For each input, the number of its transition.
    fn table<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let end = self.inputs_end();
        self.has_table().then(|| bytes.get(end..end + 256)).flatten()
    }

    /// What a key that ends here adds to its value.
    #[inline(always)]
    pub(in crate::index::segment) fn final_output(&self, reader: &mut Reader<'_>) -> Result<u64, IndexError> {
        if self.output_len == 0 || !self.is_final {
            return Ok(0);
        }
        reader.number(self.first, usize::from(self.output_len))
    }

    /// Transition `i`, by ascending input.
    #[inline(always)]
    pub(in crate::index::segment) fn transition(
        &self,
        reader: &mut Reader<'_>,
        i: usize,
    ) -> Result<Transition, IndexError> {
        if let (Some(input), 0) = (self.only, self.target_len) {
            return Ok(Transition { input, output: 0, target: self.neighbour() });
        }
        let bytes = self.bytes(reader)?;
        let (target_len, output_len) = (usize::from(self.target_len), usize::from(self.output_len));
        let stored = self.len().saturating_sub(1 + i);
        let input = self.only.or_else(|| self.inputs(bytes).get(stored).copied()).unwrap_or_default();
        let outputs = if self.is_final { output_len } else { 0 };
        let targets = outputs + self.len() * output_len;
        let output = unpack(bytes, outputs + stored * output_len, output_len);
        let target = match unpack(bytes, targets + stored * target_len, target_len) {
            0 => 0,
            // What leads out of it leads into its header.
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
        if let Some(only) = self.only {
            return Ok((only == input).then_some(0));
        }
        let bytes = self.bytes(reader)?;
        if let Some(table) = self.table(bytes) {
            let place = table.get(usize::from(input)).copied().map(usize::from);
            // What isn't in the table is 255, a number that only a node of all inputs has.
            return Ok(place.filter(|place| *place < self.len()));
        }
        let stored = self.inputs(bytes).iter().rposition(|other| *other == input);
        Ok(stored.map(|stored| self.len() - 1 - stored))
    }

    /// The number of the first transition whose input isn't below `input`.
    pub(super) fn lower_bound(&self, reader: &mut Reader<'_>, input: u8) -> Result<usize, IndexError> {
        if let Some(only) = self.only {
            return Ok(usize::from(only < input));
        }
        let bytes = self.bytes(reader)?;
        Ok(self.inputs(bytes).iter().filter(|other| **other < input).count())
    }

    /// Why its inputs are none, if they don't ascend or the table contradicts them.
    pub(super) fn check_inputs(&self, reader: &mut Reader<'_>) -> Result<Option<&'static str>, IndexError> {
        if self.only.is_some() {
            return Ok(None);
        }
        let bytes = self.bytes(reader)?;
        let inputs = self.inputs(bytes);
        if !inputs.is_sorted_by(|later, earlier| later > earlier) {
            return Ok(Some("the transitions of a node are out of order"));
        }
        let Some(table) = self.table(bytes) else { return Ok(None) };
        let mut want = [u8::MAX; 256];
        for (i, input) in inputs.iter().rev().enumerate() {
            if let Some(place) = want.get_mut(usize::from(*input)) {
                *place = i as u8;
            }
        }
        Ok((table != want).then_some("the table of a node contradicts its transitions"))
    }
}

/// The place `len` bytes before `at`, unless that lies before the first node.
fn before(at: usize, len: usize) -> Option<usize> {
    at.checked_sub(len).filter(|at| *at >= HEADER)
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
