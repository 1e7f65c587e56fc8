//! What the catalog had at a moment.
//!
//! Its parts are shared with later ones: what is added to a catalog while somebody holds a snapshot copies the lists of one database,
//! not their entries.

use std::{collections::BTreeMap, sync::Arc};

use super::{CatalogEntry, Field};

/// The fields of a measurement by name.
type Fields = BTreeMap<Arc<str>, Arc<Field>>;

/// Everything in the catalog at a moment.
#[derive(Debug, Clone, Default)]
pub struct CatalogSnapshot {
    databases: BTreeMap<Arc<str>, Arc<CatalogDatabase>>,
}

/// A database at a moment.
#[derive(Debug, Clone, Default)]
pub struct CatalogDatabase {
    measurements: BTreeMap<Arc<str>, Arc<Fields>>,
    metrics: BTreeMap<Arc<str>, Arc<Field>>,
}

impl CatalogSnapshot {
    /// The names of all databases, in order.
    pub fn databases(&self) -> impl Iterator<Item = &str> {
        self.databases.keys().map(|name| &**name)
    }

    /// The database with this name.
    #[must_use]
    pub fn database(&self, name: &str) -> Option<&CatalogDatabase> {
        self.databases.get(name).map(|database| &**database)
    }

    /// The field with this name.
    #[must_use]
    pub fn field(&self, database: &str, measurement: &str, field: &str) -> Option<&Field> {
        self.database(database)?.field(measurement, field)
    }

    /// Everything, as entries that make the same catalog.
    pub fn entries(&self) -> impl Iterator<Item = CatalogEntry> {
        let of = |(name, database): (&Arc<str>, &Arc<CatalogDatabase>)| {
            let fields = database.measurements.values().flat_map(|fields| fields.values());
            let fields: Vec<CatalogEntry> = fields.map(|field| CatalogEntry::Field(Field::clone(field))).collect();
            std::iter::once(CatalogEntry::Database(name.clone())).chain(fields)
        };
        self.databases.iter().flat_map(of)
    }

    /// Adds an entry, or gives a field the type that it has with this one. Answers whether anything is new, and whether it is the
    /// entry as a whole.
    pub(super) fn add(&mut self, entry: CatalogEntry) -> (bool, bool) {
        match entry {
            CatalogEntry::Database(name) => {
                let is_new = !self.databases.contains_key(&name);
                self.databases.entry(name).or_default();
                (is_new, is_new)
            }
            CatalogEntry::Field(field) => {
                let existing =
                    self.field(&field.database, &field.measurement, &field.name).map(|known| known.field_type);
                // Numbers and booleans never meet where claims are made before writes; the first would stand.
                let joined = existing.map_or(field.field_type, |known| known.join(field.field_type).unwrap_or(known));
                if existing == Some(joined) {
                    return (false, false);
                }
                self.put(Field { field_type: joined, ..field });
                (true, existing.is_none())
            }
        }
    }

    fn put(&mut self, mut field: Field) {
        if let Some((name, _)) = self.databases.get_key_value(&field.database) {
            field.database = name.clone();
        }
        let database = Arc::make_mut(self.databases.entry(field.database.clone()).or_default());
        if let Some((name, fields)) = database.measurements.get_key_value(&field.measurement) {
            field.measurement = name.clone();
            if let Some(known) = fields.get(&field.name) {
                (field.name, field.metric) = (known.name.clone(), known.metric.clone());
            }
        }
        let fields = Arc::make_mut(database.measurements.entry(field.measurement.clone()).or_default());
        let field = Arc::new(field);
        fields.insert(field.name.clone(), field.clone());
        match database.metrics.get_mut(&field.metric) {
            Some(known) if (&known.measurement, &known.name) != (&field.measurement, &field.name) => {}
            Some(known) => *known = field,
            None => drop(database.metrics.insert(field.metric.clone(), field)),
        }
    }
}

impl CatalogDatabase {
    /// The names of all measurements, in order.
    pub fn measurements(&self) -> impl Iterator<Item = &str> {
        self.measurements.keys().map(|name| &**name)
    }

    /// The fields of a measurement, by name.
    pub fn fields(&self, measurement: &str) -> impl Iterator<Item = &Field> {
        self.measurements.get(measurement).into_iter().flat_map(|fields| fields.values()).map(|field| &**field)
    }

    /// The field with this name.
    #[must_use]
    pub fn field(&self, measurement: &str, field: &str) -> Option<&Field> {
        self.measurements.get(measurement)?.get(field).map(|field| &**field)
    }

    /// The field whose samples have this metric.
    #[must_use]
    pub fn field_of(&self, metric: &str) -> Option<&Field> {
        self.metrics.get(metric).map(|field| &**field)
    }
}
