//! PromQL: from text to rows.
//!
//! ```text
//! text → lex → parse → check → plan → exec → Value
//! ```
//!
//! [`parse`](fn@parse) gives a checked [`ast::Expr`]; an [`Engine`] evaluates it over any
//! [`Select`](crate::seams::select::Select) at one time or on a grid of steps.
//!
//! # Floors
//!
//! A module uses what is below it in this list; `tests/scenarios/layers.rs` holds us to that.
//!
//! - [`script`]: upstream's test scripts.
//! - `results`: answers kept for the next refresh of a dashboard.
//! - `engine`: the door: parses, plans and runs queries.
//! - `explain`: what a query is going to do, and what it has done; `stack`: stack for long chains of operators.
//! - `exec`: operators, from a plan to rows; `exec::parallel` has the threads.
//! - `plan`: the checked tree with everything resolved that doesn't depend on data; `budget`: memory and time.
//! - `parse`, with `check` below it and `lex` below that.
//! - [`ast`]: the syntax tree; `print` and `pretty` above it, a tree as text.
//! - `signature`: all functions with what is true of them.
//! - `functions`: what functions and operators compute.
//! - `data`: rows, grids, annotations; then errors, values, the names of types and operators.

pub mod ast;
mod budget;
mod check;
mod data;
mod duration;
mod engine;
mod error;
mod exec;
mod explain;
mod features;
mod functions;
mod lex;
mod names;
mod parse;
mod plan;
mod pretty;
mod print;
mod quote;
mod results;
pub mod script;
mod signature;
mod stack;
mod value;

pub use budget::{Cancel, Until};
pub use duration::{format_duration, parse_duration};
pub use engine::{Engine, EngineOptions, Prepared, Query};
pub use error::QueryError;
pub use exec::Cost;
pub use explain::{Analyzed, Estimate, Explained, Selected, Step};
pub use features::{Enabled, Features};
pub use parse::{MAX_DEPTH, parse, parse_selector, parse_with};
pub use plan::Optimise;
pub use pretty::prettify;
pub use results::{Answered, Fresh, ResultCache, Reuse};
pub use signature::{Arity, Signature};
pub use value::{MatrixSeries, QueryAnswer, QueryStats, SAMPLE_BYTES, Value, VectorSample};

#[cfg(test)]
mod tests;
