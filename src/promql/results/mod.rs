//! Answers of range queries, and rows of subqueries, kept for the next refresh of a dashboard.
//!
//! A dashboard asks the same expressions again and again, each time over a window that has moved by a step or two. A
//! [`ResultCache`] keeps the last answer per expression, step and lookback; when it comes again, steps that the kept
//! answer has are taken from there and only the others are evaluated.
//!
//! A question about one time is a new one each time, but the subqueries inside of it are evaluated at multiples of their steps: so are
//! those of the next one. Their rows are kept as answers of range queries are, by the text around them and their place in it,
//! where nothing depends on the order of rows (`plan::keepable`).
//!
//! # Why it can't lie
//!
//! - The value at a step depends on samples in a known stretch of time around it, its *time dependency*, which
//!   [`TimeDependency`](super::plan::TimeDependency) works out from the plan. The store journals which times change
//!   ([`Changes`](crate::seams::changes::Changes)): late samples, deletes, retention. A kept step counts only if nothing
//!   in that stretch has changed since before it was evaluated. So closed time is reused and open time is not, without any
//!   guess at how late samples may come.
//! - An expression whose value at a step depends on anything else isn't kept: the start or end of the query, labels made
//!   up from others, several metric names (see [`super::plan`]). Neither are answers with other annotations
//!   than that a name is no counter's, with histograms, or over damaged tables.
//! - Steps that are evaluated beside kept ones are steps of the whole query: of its step, and no instant query where there is
//!   one alone (`Prepared::run_piece`).
//! - `nocache=1` goes around it. `tests/scenarios/result_cache.rs` compares it with uncached answers, bit for bit, under
//!   random writes, deletes and windows; `tests/scenarios/differential/pieces.rs` asks every function over ranges that have
//!   grown by a step.

mod cache;

pub use cache::{Answered, Fresh, ResultCache, Reuse};
