//! Why the catalog has no place for a field.

use std::sync::Arc;

use super::Field;
use crate::model::FieldType;

/// Why a field can't be written, in InfluxDB's words where it has any.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimRefusal {
    /// It has values of another kind.
    #[error(
        "field type conflict: input field \"{field}\" on measurement \"{measurement}\" is type {given}, already exists as type {existing}",
        existing = .existing.name()
    )]
    Type {
        /// The measurement.
        measurement: String,
        /// The field.
        field: String,
        /// The type that was to be written.
        given: &'static str,
        /// The type that it has.
        existing: FieldType,
    },
    /// Its metric is that of another one.
    #[error(
        "metric name conflict: input field \"{field}\" on measurement \"{measurement}\" is metric \"{metric}\", already exists as field \"{taken}\" on measurement \"{of}\"; another --influx.separator tells them apart",
        taken = .by.0, of = .by.1
    )]
    Metric {
        /// The measurement.
        measurement: String,
        /// The field.
        field: String,
        /// The metric.
        metric: String,
        /// The field whose metric it is, and its measurement.
        by: (Arc<str>, Arc<str>),
    },
    /// There are too many fields.
    #[error(
        "max-fields limit exceeded: field \"{field}\" on measurement \"{measurement}\" is new, and the list of fields has reached its {limit} bytes of memory"
    )]
    Full {
        /// The measurement.
        measurement: String,
        /// The field.
        field: String,
        /// The bytes that all entries may take.
        limit: usize,
    },
}

impl ClaimRefusal {
    pub(super) fn metric(measurement: &str, field: &str, by: &Field) -> Self {
        Self::Metric {
            measurement: measurement.to_owned(),
            field: field.to_owned(),
            metric: (*by.metric).to_owned(),
            by: (by.name.clone(), by.measurement.clone()),
        }
    }
}
