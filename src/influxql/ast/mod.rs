//! What a text says: statements, and the expressions in them.

mod expr;
mod select;
mod show;

pub use self::expr::FieldType;
pub(super) use self::{
    expr::{BinaryOp, Class, Expr, Pattern, Wildcard},
    select::{Dimension, Field, Fill, Measurement, MeasurementName, Select, Source},
    show::{KeyCondition, Show, ShowOptions},
};

/// One statement of a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Statement {
    /// `SELECT …`
    Select(Select),
    /// `EXPLAIN [ANALYZE] SELECT …`
    Explain { analyze: bool, select: Select },
    /// `SHOW …`
    Show(Show),
    /// `CREATE DATABASE name`
    CreateDatabase(String),
    /// `DROP DATABASE name`
    DropDatabase(String),
    /// `DROP MEASUREMENT name`
    DropMeasurement(String),
    /// `DROP SERIES FROM … WHERE …`, and with `times` `DELETE FROM … WHERE …`, which may name times.
    Delete { times: bool, sources: Vec<MeasurementName>, condition: Option<Expr> },
    /// `KILL QUERY id`
    KillQuery(u64),
    /// A statement that is understood and not offered, with the sentence that says so.
    Refused(&'static str),
}
