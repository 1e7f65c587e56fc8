//! SHOW.

use super::{Expr, Measurement, MeasurementName, Pattern};

/// `SHOW …`
#[derive(Debug, Clone, PartialEq)]
pub(in crate::influxql) enum Show {
    /// `SHOW DATABASES`
    Databases,
    /// `SHOW MEASUREMENTS [WITH MEASUREMENT …]`
    Measurements { with: Option<MeasurementName>, options: ShowOptions },
    /// `SHOW FIELD KEYS`
    FieldKeys(ShowOptions),
    /// `SHOW TAG KEYS [WITH KEY …]`
    TagKeys { key: Option<KeyCondition>, options: ShowOptions },
    /// `SHOW TAG VALUES WITH KEY …`
    TagValues { key: KeyCondition, options: ShowOptions },
    /// `SHOW SERIES`
    Series(ShowOptions),
    /// `SHOW SERIES [EXACT] CARDINALITY`
    SeriesCardinality { exact: bool, options: ShowOptions },
    /// `SHOW MEASUREMENT [EXACT] CARDINALITY`
    MeasurementCardinality { exact: bool, options: ShowOptions },
    /// `SHOW FIELD KEY [EXACT] CARDINALITY`
    FieldKeyCardinality(ShowOptions),
    /// `SHOW TAG KEY [EXACT] CARDINALITY`
    TagKeyCardinality(ShowOptions),
    /// `SHOW TAG VALUES [EXACT] CARDINALITY WITH KEY …`
    TagValuesCardinality { key: KeyCondition, options: ShowOptions },
    /// `SHOW RETENTION POLICIES [ON db]`
    RetentionPolicies { database: String },
    /// `SHOW QUERIES`
    Queries,
    /// `SHOW CONTINUOUS QUERIES`
    ContinuousQueries,
    /// `SHOW SUBSCRIPTIONS`
    Subscriptions,
    /// `SHOW USERS`
    Users,
}

/// What most kinds of SHOW can be narrowed by.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::influxql) struct ShowOptions {
    /// `ON db`, empty for the request's.
    pub(in crate::influxql) database: String,
    /// `FROM …`
    pub(in crate::influxql) sources: Vec<Measurement>,
    /// `WHERE …`
    pub(in crate::influxql) condition: Option<Expr>,
    /// `LIMIT` and `OFFSET`; a limit of 0 is none.
    pub(in crate::influxql) limit: u64,
    pub(in crate::influxql) offset: u64,
}

/// Which tag keys.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::influxql) enum KeyCondition {
    /// `= key`, `IN (key, …)`
    In(Vec<String>),
    /// `!= key`
    Not(String),
    /// `=~ /pattern/`
    Matches(Pattern),
    /// `!~ /pattern/`
    MatchesNot(Pattern),
}

impl KeyCondition {
    /// Whether it names `key`.
    pub(in crate::influxql) fn names(&self, key: &str) -> bool {
        match self {
            Self::In(keys) => keys.iter().any(|own| own == key),
            Self::Not(own) => own != key,
            Self::Matches(pattern) => pattern.matcher.matches(key),
            Self::MatchesNot(pattern) => !pattern.matcher.matches(key),
        }
    }
}
