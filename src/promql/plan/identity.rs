//! Numbers by which the parts of a plan are known while it is executed.

use std::collections::HashMap;

use super::node::{Kind, Node};
use crate::model::{MatchOp, Matcher};

/// A node of a plan: its place in the order of [`Node::for_each`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct NodeId(u32);

/// A selector of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SelectorId {
    /// Its node.
    pub(crate) node: NodeId,
    /// A number that it has in common with the selectors of the plan that have the same matchers.
    pub(crate) matchers: u32,
}

impl NodeId {
    /// Its place in a list with one item for each node.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Numbers all nodes and selectors of a plan.
pub(super) fn number(root: &mut Node) {
    let numbers = matchers(root);
    assign(root, &mut 0, &mut numbers.into_iter());
}

/// For each selector in order the number of its matchers.
fn matchers(root: &Node) -> Vec<u32> {
    let mut known: HashMap<Vec<(&str, MatchOp, &str)>, u32> = HashMap::new();
    let mut numbers = Vec::new();
    root.for_each(&mut |node| {
        if let Kind::Select(select) | Kind::Window(select, _) = &node.kind {
            let next = known.len() as u32;
            numbers.push(*known.entry(key(&select.matchers)).or_insert(next));
        }
    });
    numbers
}

/// What equal lists of matchers have in common.
pub(super) fn key(matchers: &[Matcher]) -> Vec<(&str, MatchOp, &str)> {
    matchers.iter().map(|m| (m.name(), m.op(), m.value())).collect()
}

fn assign(node: &mut Node, next: &mut u32, matchers: &mut impl Iterator<Item = u32>) {
    node.id = NodeId(*next);
    *next += 1;
    if let Kind::Select(select) | Kind::Window(select, _) = &mut node.kind {
        select.id = matchers.next().map(|matchers| SelectorId { node: node.id, matchers });
    }
    node.children_mut().into_iter().for_each(|child| assign(child, next, matchers));
}
