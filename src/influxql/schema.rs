//! What databases have: measurements, their fields, and the metric that each field's samples have.
//!
//! Fields that were written as such are in the [catalog](crate::seams::catalog). What isn't in it is Prometheus' data: a metric is a
//! measurement with the one field `value`.

use std::sync::Arc;

use super::ast::FieldType;
use crate::{
    model::{self, METRIC_NAME, Matcher},
    seams::catalog::{CatalogDatabase, CatalogSnapshot},
};

/// The database of series without the label of one.
pub(super) const UNLABELED_DATABASE: &str = "prometheus";
/// The field of a measurement that is a metric.
const VALUE: &str = "value";

/// A field of a measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SchemaField {
    pub(super) name: Arc<str>,
    /// The metric of its series.
    pub(super) metric: Arc<str>,
    /// The type of its values.
    pub(super) kind: FieldType,
}

impl From<model::FieldType> for FieldType {
    fn from(kind: model::FieldType) -> Self {
        match kind {
            model::FieldType::Float => Self::Float,
            model::FieldType::Integer => Self::Integer,
            model::FieldType::Unsigned => Self::Unsigned,
            model::FieldType::Boolean => Self::Boolean,
        }
    }
}

/// What all databases have at a moment.
#[derive(Debug, Clone)]
pub struct Schema {
    catalog: Arc<CatalogSnapshot>,
    /// The label that names a series' database; empty: there is none, and all databases have the same series.
    label: Arc<str>,
}

impl Schema {
    /// That of a catalog, where `label` names the database of a series.
    #[must_use]
    pub fn new(catalog: Arc<CatalogSnapshot>, label: Arc<str>) -> Self {
        Self { catalog, label }
    }

    /// The names of databases, in order.
    pub(super) fn databases(&self) -> impl Iterator<Item = &str> {
        self.catalog.databases()
    }

    /// The label that names a series' database, if there is one.
    pub(super) fn label(&self) -> Option<&str> {
        Some(&*self.label).filter(|label| !label.is_empty())
    }

    fn database(&self, name: &str) -> Option<&CatalogDatabase> {
        self.catalog.database(if self.label.is_empty() { UNLABELED_DATABASE } else { name })
    }

    /// The names of measurements with listed fields, in order.
    pub(super) fn measurements(&self, database: &str) -> Vec<String> {
        self.database(database).map(|all| all.measurements().map(str::to_owned).collect()).unwrap_or_default()
    }

    /// Whether a metric is one of a listed field.
    pub(super) fn has_metric(&self, database: &str, metric: &str) -> bool {
        self.database(database).is_some_and(|all| all.field_of(metric).is_some())
    }

    /// The fields of a measurement.
    pub(super) fn fields(&self, database: &str, measurement: &str) -> Vec<SchemaField> {
        let listed = self.database(database).into_iter().flat_map(|all| all.fields(measurement));
        let listed: Vec<SchemaField> = listed
            .map(|field| SchemaField {
                name: field.name.clone(),
                metric: field.metric.clone(),
                kind: field.field_type.into(),
            })
            .collect();
        if !listed.is_empty() || self.has_metric(database, measurement) {
            return listed;
        }
        vec![SchemaField { name: VALUE.into(), metric: measurement.into(), kind: FieldType::Float }]
    }

    /// The matcher of a database's series, where they have a label.
    pub(super) fn matcher(&self, database: &str) -> Option<Matcher> {
        let value = if database == UNLABELED_DATABASE { "" } else { database };
        self.label().map(|label| Matcher::equal(label, value))
    }

    /// Whether a label is a tag, and none that says what its series is.
    pub(super) fn is_tag(&self, name: &str) -> bool {
        name != METRIC_NAME && self.label() != Some(name)
    }
}
