//! InfluxQL, by the side of PromQL: the language of InfluxDB 1.
//!
//! A text goes through [`lex`] and [`mod@parse`] into statements ([`ast`]); a SELECT through [`plan`], which knows what the database has
//! ([`schema`]), and [`exec`], which gives its answer series by series, row by row; [`show`] lists what there is; [`missing`]
//! says which names leave an answer empty, and [`near`] which were meant. [`engine`] is the
//! door to all of it.
//!
//! A field of a measurement is a metric, and its points are samples; a point of several fields is put together again by labels and
//! time. What has no entry in the list of fields is Prometheus' data: each metric is a measurement with the one field `value`.

mod ast;
mod database;
mod digest;
mod engine;
mod error;
mod exec;
mod explain;
mod functions;
mod lex;
mod missing;
mod near;
mod parse;
mod plan;
mod print;
mod schema;
mod show;
#[cfg(test)]
mod tests;
mod value;
mod window;

pub use self::{
    ast::FieldType,
    database::Database,
    engine::{Statement, Task, parse},
    error::{ParseError, QueryError},
    exec::{Answer, Limits, Series, Watched},
    parse::Params,
    schema::Schema,
    value::Value,
};
