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
mod lower;
mod node;
mod optimise;
mod push_down;
mod share;
mod stats;

pub(crate) use lower::{QueryTimes, lower};
pub(crate) use node::{Aggregate, Binary, Call, Kind, Node, Select, Subquery};
pub use optimise::Optimise;
