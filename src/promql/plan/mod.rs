//! The plan: a checked syntax tree with everything resolved that doesn't depend on data.
//!
//! Lowering turns durations and their expressions into milliseconds, `offset` and `@` into one
//! [`Shift`](super::data::grid::Shift), calls of `start()`, `step()` and friends into numbers, strips parentheses and
//! signs without effect, and wraps what is the same at every step into [`Kind::Invariant`], so that it is evaluated
//! once:
//!
//! ```text
//! rate(x[5m]) / scalar(sum(y @ end()))   →   Binary(Call(rate, Window(x)), Invariant(Call(scalar, Sum(y at 1234))))
//! ```

mod duration;
mod identity;
mod keepable;
mod lower;
mod node;
mod optimise;
mod push_down;
mod share;
mod stats;
mod time_dependency;

pub(crate) use identity::{NodeId, SelectorId};
pub(crate) use keepable::{KeepableSubquery, keepable_subqueries};
pub(crate) use lower::{QueryTimes, lower};
pub(crate) use node::{Aggregate, Binary, Call, Kind, Node, Select, Subquery};
pub use optimise::Optimise;
pub(crate) use time_dependency::TimeDependency;

/// A planned query.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) root: Node,
    /// Whether the first or last step of the query has gone into it, so that it is right for these steps only.
    pub(crate) uses_bounds: bool,
}

impl Drop for Plan {
    /// Takes the tree apart node by node: it may be higher than the stack is deep.
    fn drop(&mut self) {
        let mut rest = vec![std::mem::replace(&mut self.root.kind, Kind::Number(0.0))];
        while let Some(mut kind) = rest.pop() {
            let below = kind.children_mut().into_iter();
            rest.extend(below.map(|node| std::mem::replace(&mut node.kind, Kind::Number(0.0))));
        }
    }
}
