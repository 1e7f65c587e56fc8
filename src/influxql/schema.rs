//! What databases have: measurements, their fields, and the metric that each field's samples have.

use super::ast::FieldType;

/// A field of a measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaField {
    /// Its name.
    pub name: String,
    /// The metric of its series.
    pub metric: String,
    /// The type of its values.
    pub kind: FieldType,
}

/// The list of fields that were written as such. What isn't in it is Prometheus' data: a metric is a measurement with the one field
/// `value`.
pub trait Schema: Send + Sync {
    /// Names of databases, sorted.
    fn databases(&self) -> Vec<String>;

    /// Names of measurements with listed fields, sorted.
    fn measurements(&self, database: &str) -> Vec<String>;

    /// Listed fields of a measurement, sorted by name.
    fn fields(&self, database: &str, measurement: &str) -> Vec<SchemaField>;

    /// Whether a metric is one of a listed field.
    fn has_metric(&self, database: &str, metric: &str) -> bool;
}

/// The label that names a series' database.
pub const DATABASE_LABEL: &str = "influx_db";
/// The database of series without that label.
pub const UNLABELED_DATABASE: &str = "prometheus";
/// The field of a measurement that is a metric.
pub(super) const VALUE: &str = "value";

pub mod fake {
    //! A list in memory.

    use std::collections::BTreeMap;

    use super::{FieldType, Schema, SchemaField, VALUE};

    /// Fields by database, measurement and name.
    #[derive(Debug, Clone, Default)]
    pub struct MemorySchema(pub BTreeMap<String, BTreeMap<String, BTreeMap<String, FieldType>>>);

    impl MemorySchema {
        /// Adds a field.
        pub fn add(&mut self, database: &str, measurement: &str, field: &str, kind: FieldType) {
            let database = self.0.entry(database.to_owned()).or_default();
            database.entry(measurement.to_owned()).or_default().insert(field.to_owned(), kind);
        }
    }

    fn metric(measurement: &str, field: &str) -> String {
        if field == VALUE { measurement.to_owned() } else { format!("{measurement}_{field}") }
    }

    impl Schema for MemorySchema {
        fn databases(&self) -> Vec<String> {
            self.0.keys().cloned().collect()
        }

        fn measurements(&self, database: &str) -> Vec<String> {
            self.0.get(database).map(|all| all.keys().cloned().collect()).unwrap_or_default()
        }

        fn fields(&self, database: &str, measurement: &str) -> Vec<SchemaField> {
            let fields = self.0.get(database).and_then(|all| all.get(measurement));
            let one = |(name, kind): (&String, &FieldType)| SchemaField {
                name: name.clone(),
                metric: metric(measurement, name),
                kind: *kind,
            };
            fields.into_iter().flatten().map(one).collect()
        }

        fn has_metric(&self, database: &str, wanted: &str) -> bool {
            let all = self.0.get(database);
            let mut fields = all.into_iter().flatten().flat_map(|(measurement, fields)| fields.keys().map(move |field| (measurement, field)));
            fields.any(|(measurement, field)| metric(measurement, field) == wanted)
        }
    }
}
