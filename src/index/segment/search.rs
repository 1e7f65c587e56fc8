//! Finding the values that a regular expression accepts, by walking expression and dictionary at once.
//!
//! Both are automata over bytes: from a node of the dictionary and a state of the expression a byte leads to the next of
//! both, and where the expression is dead no key below is looked at. The dictionary shares the ends of its keys: a pair of
//! node and state that led nowhere is remembered and not walked again.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;
use regex_automata::{
    Anchored, Input,
    hybrid::{LazyStateID, dfa::DFA},
};

use super::dictionary::{Node, Reader, descend};
use crate::index::{IndexError, pair::SEPARATOR};

/// Pairs of node and state that are remembered, each in the one place that its hash allows.
const REMEMBERED: usize = 1 << 14;

/// A node on the way, with the state of the expression there.
struct Step {
    node: Node,
    /// The next transition to follow.
    next: usize,
    /// Sum of the outputs that led here.
    output: u64,
    state: LazyStateID,
    found: bool,
    /// Whether other nodes may lead here too.
    shared: bool,
}

/// Hands over the dictionary's value of each value of label `name` that `dfa` accepts. Says whether that were all: the
/// automaton may grow too large.
pub(super) fn each_match(
    reader: &mut Reader<'_>,
    name: &str,
    dfa: &DFA,
    visit: &mut dyn FnMut(u64) -> Result<(), IndexError>,
) -> Result<bool, IndexError> {
    let mut cache = dfa.create_cache();
    let Ok(state) = dfa.start_state_forward(&mut cache, &Input::new("").anchored(Anchored::Yes)) else {
        return Ok(false);
    };
    let Some((node, output)) = descend(reader, name.bytes().chain([SEPARATOR]))? else { return Ok(true) };
    let mut dead = Dead::new();
    let mut way = vec![Step { node, next: 0, output, state, found: false, shared: false }];
    while let Some(step) = way.last_mut() {
        if step.next == step.node.len() {
            let (node, state, found, shared) = (step.node, step.state, step.found, step.shared);
            way.pop();
            match way.last_mut() {
                Some(before) if found => before.found = true,
                _ if shared => dead.insert(node.address(), state),
                _ => {}
            }
            continue;
        }
        let transition = step.node.transition(reader, step.next)?;
        step.next += 1;
        let Ok(state) = dfa.next_state(&mut cache, step.state, transition.input) else { return Ok(false) };
        if state.is_tagged() && state.is_quit() {
            return Ok(false);
        }
        // A node that was written right before this one is its own, mostly.
        let shared = transition.target != step.node.neighbour();
        if (state.is_tagged() && state.is_dead()) || (shared && dead.contains(transition.target, state)) {
            continue;
        }
        let (node, output) = (Node::at(reader, transition.target)?, step.output.wrapping_add(transition.output));
        let mut found = false;
        if node.is_final() {
            let Ok(end) = dfa.next_eoi_state(&mut cache, state) else { return Ok(false) };
            if end.is_match() {
                visit(output.wrapping_add(node.final_output(reader)?))?;
                found = true;
            }
        }
        if node.len() == 0 {
            step.found |= found;
        } else {
            way.push(Step { node, next: 0, output, state, found, shared });
        }
    }
    Ok(true)
}

/// Pairs of node and state from which no key is accepted; forgets the older of two in one place.
struct Dead {
    places: Vec<Option<(usize, LazyStateID)>>,
    hasher: DefaultHashBuilder,
}

impl Dead {
    fn new() -> Self {
        Self { places: vec![None; REMEMBERED], hasher: DefaultHashBuilder::default() }
    }

    fn place(&self, pair: (usize, LazyStateID)) -> usize {
        self.hasher.hash_one(pair) as usize % REMEMBERED
    }

    fn contains(&self, node: usize, state: LazyStateID) -> bool {
        self.places.get(self.place((node, state))) == Some(&Some((node, state)))
    }

    fn insert(&mut self, node: usize, state: LazyStateID) {
        let place = self.place((node, state));
        if let Some(place) = self.places.get_mut(place) {
            *place = Some((node, state));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fst::MapBuilder;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        index::{pair, segment::dictionary::InMemory},
        model::{MatchOp, Matcher},
    };

    /// Patterns of all kinds over few letters, so that they meet the values.
    fn some_pattern() -> impl Strategy<Value = String> {
        let atom = prop::sample::select(vec![
            "a", "b", "é", "Ab", ".", "\\.", "[ab]", "[^a]", "\\d", "\\w", "\\pL", "\\b", "^", "$", "(?i:ab)",
            "(?i:É)", "1", "ſ",
        ]);
        let leaf = atom.prop_map(str::to_owned);
        let pattern = leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(|all| all.concat()),
                prop::collection::vec(inner.clone(), 1..3).prop_map(|all| format!("({})", all.join("|"))),
                (inner, prop::sample::select(vec!["*", "+", "?", "{2}", "{0,2}", "*?"]))
                    .prop_map(|(a, op)| format!("(?:{a}){op}")),
            ]
        });
        (
            prop::sample::select(vec!["", ".*", "(?i)", "(?i).*", "(?m)"]),
            pattern,
            prop::sample::select(vec!["", ".*", ".+"]),
        )
            .prop_map(|(before, pattern, after)| format!("{before}{pattern}{after}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn the_walk_finds_what_the_matcher_accepts(
            values in prop::collection::btree_set("[aAbBé1.\nſÉ]{1,6}", 0..60),
            pattern in some_pattern(),
        ) {
            let matcher = Matcher::new(MatchOp::Regex, "l", pattern.as_str());
            prop_assume!(matcher.is_ok());
            let matcher = matcher.unwrap();
            let mut builder = MapBuilder::memory();
            let mut key = Vec::new();
            for (name, value) in ["k", "ll", "l"].into_iter().flat_map(|name| values.iter().map(move |v| (name, v))) {
                pair::key(name.as_bytes(), value.as_bytes(), &mut key);
                let order = values.iter().position(|other| other == value).unwrap() as u64;
                builder.insert(&key, order * 7 % 5).unwrap();
            }
            let pages = InMemory(builder.into_inner().unwrap(), 6);
            let (mut found, mut count) = (BTreeSet::new(), 0);
            let whole = each_match(&mut Reader::new(&pages), "l", matcher.automaton().unwrap(), &mut |value| {
                found.insert(value);
                count += 1;
                Ok(())
            });
            prop_assert!(whole.unwrap());
            let accepted: Vec<u64> = values.iter().enumerate().filter(|(_, v)| matcher.selects(v)).map(|(i, _)| i as u64 * 7 % 5).collect();
            prop_assert_eq!(count, accepted.len(), "{}", pattern);
            prop_assert_eq!(found, accepted.into_iter().collect::<BTreeSet<_>>());
        }
    }
}
