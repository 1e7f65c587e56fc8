//! InfluxQL, by the side of PromQL.
mod ast;
mod error;
mod lex;
mod parse;
mod print;
pub use error::ParseError;
pub use parse::Params;
