//! Operators: from a plan to rows.
//!
//! An [`Operator`](operator::Operator) has a known number of output series. It tells the labels of each on demand, so that what nobody asks
//! for is never materialised, and computes each one's [`Row`](super::data::row::Row), its values over the whole step grid,
//! on demand too, in any order and from any thread. So selectors, window functions and everything element-wise hold
//! nothing, and [`parallel`] can split the series among threads: each takes batches of consecutive series, and the rows are
//! handed over strictly in series order. Whatever folds them, sums included, gives the same bits with one thread and with
//! many.
//!
//! [`build`] turns plan nodes into operators, one line per kind. What needs all rows of an input first (aggregations,
//! `absent`, the "one" side of a match) runs through them while it is being built and keeps only its result.

mod absent;
mod aggregate;
mod answer;
mod binary;
mod buckets;
mod build;
mod call;
mod context;
mod dedup;
mod fault;
mod hints;
mod info;
mod kept;
mod label_sets;
mod map;
mod materialized;
mod memo;
mod operator;
mod parallel;

mod profile;
mod range_vector;
mod relabel;
mod sample_count;
mod scalar;
mod select;
mod selectors;
mod smoothed;
mod sort;
mod splice;

mod stats;
mod step_invariant;
mod window;

pub(crate) use answer::answer;
pub(crate) use context::{Context, Settings};
pub(crate) use kept::{FreshRows, KeptRows, Subqueries};
pub(crate) use memo::{Memo, Sets};
pub use profile::Cost;
pub(crate) use profile::Profile;
pub(crate) use selectors::{Found, children, select_all, selectors, subquery_steps};
pub(crate) use splice::{cut, join};
