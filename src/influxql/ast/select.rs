//! SELECT.

use super::{Expr, Pattern};

/// `SELECT fields FROM sources …`
#[derive(Debug, Clone, PartialEq)]
pub(in crate::influxql) struct Select {
    /// The columns.
    pub(in crate::influxql) fields: Vec<Field>,
    /// Whether it would write its answer: `INTO`.
    pub(in crate::influxql) into: bool,
    /// Where the points come from: their union.
    pub(in crate::influxql) sources: Vec<Source>,
    /// Which points.
    pub(in crate::influxql) condition: Option<Expr>,
    /// What they are grouped by.
    pub(in crate::influxql) dimensions: Vec<Dimension>,
    /// What stands in buckets without a point.
    pub(in crate::influxql) fill: Fill,
    /// Whether there is an ORDER BY.
    pub(in crate::influxql) ordered: bool,
    /// Whether the newest row comes first.
    pub(in crate::influxql) descending: bool,
    /// At most so many rows of a series, 0 for all, and how many are left out before.
    pub(in crate::influxql) limit: u64,
    pub(in crate::influxql) offset: u64,
    /// At most so many series of a measurement, 0 for all, and how many are left out before.
    pub(in crate::influxql) series_limit: u64,
    pub(in crate::influxql) series_offset: u64,
    /// The time zone of its times and buckets.
    pub(in crate::influxql) zone: Option<String>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::influxql) struct Field {
    /// What stands in it.
    pub(in crate::influxql) expr: Expr,
    /// Its name, where one is given.
    pub(in crate::influxql) alias: Option<String>,
}

/// Where points come from.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::influxql) enum Source {
    /// Measurements.
    Measurement(Measurement),
    /// The rows of another SELECT.
    Subquery(Box<Select>),
}

/// `db.policy.name`, of which only the name must be there.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::influxql) struct Measurement {
    /// The database, empty for that of the request.
    pub(in crate::influxql) database: String,
    /// The retention policy, empty for the default one.
    pub(in crate::influxql) policy: String,
    /// Which ones.
    pub(in crate::influxql) name: MeasurementName,
}

/// One measurement, or all whose name matches.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::influxql) enum MeasurementName {
    /// The one of this name.
    Is(String),
    /// Those whose names match.
    Matches(Pattern),
}

/// What points are grouped by.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::influxql) struct Dimension(pub(in crate::influxql) Expr);

/// What stands in a bucket without a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::influxql) enum Fill {
    /// Nothing, but the bucket has a row.
    Null,
    /// The bucket has no row.
    None,
    /// This number.
    Number(f64),
    /// What the bucket before has.
    Previous,
    /// What lies on the line between its neighbours.
    Linear,
}
