//! PromQL: from text to rows.
//!
//! ```text
//! text → lex → parse → check → plan → exec → Value
//! ```
//!
//! [`parse`](fn@parse) gives a checked [`ast::Expr`]; an [`Engine`] evaluates it over any
//! [`Select`](crate::seams::select::Select) at one time or on a grid of steps.

mod aggregate;
pub mod ast;
mod budget;
mod engine;
mod error;
mod exec;
mod functions;
mod parse;
mod plan;
mod value;

pub use budget::Cancel;
pub use engine::{Engine, EngineOptions, Query};
pub use error::QueryError;
pub use parse::parse;
pub use value::{MatrixSeries, QueryAnswer, QueryStats, Value, VectorSample};
