//! The catalog: which databases there are, and which metric and type each field of a measurement has.
//!
//! The name of a metric doesn't tell where its measurement ends, and a float doesn't tell that it was a boolean. So whoever
//! writes fields asks [`Catalog::claim`] for the metric of one that is new to it; what is to be remembered goes into the batch with
//! the samples, and so into the same record of the log. Whoever reads takes a [`CatalogSnapshot`], which costs nothing and never
//! changes:
//!
//! ```
//! use vctsdb::{
//!     model::FieldType,
//!     seams::catalog::{Catalog, WantedField},
//! };
//!
//! let catalog = Catalog::default();
//! let wanted = WantedField { database: "t", measurement: "cpu", field: "idle", metric: "cpu_idle", field_type: FieldType::Float };
//! let mut claims = Vec::new();
//! catalog.claim(&wanted, &mut claims).unwrap();
//! assert!(catalog.snapshot().database("t").is_none(), "nothing is on disk yet");
//! catalog.commit(claims);
//! let snapshot = catalog.snapshot();
//! let fields: Vec<_> = snapshot.database("t").unwrap().fields("cpu").map(|field| (&*field.name, field.field_type)).collect();
//! assert_eq!(fields, [("idle", FieldType::Float)]);
//! ```
//!
//! A metric without an entry is none of a field: it was written by Prometheus or before there was a catalog.

mod refusal;
mod snapshot;
mod table;

use std::sync::Arc;

pub use refusal::ClaimRefusal;
pub use snapshot::{CatalogDatabase, CatalogSnapshot};
pub use table::{Catalog, Claimed, WantedField};

use crate::model::FieldType;

/// A field of a measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The database.
    pub database: Arc<str>,
    /// The measurement.
    pub measurement: Arc<str>,
    /// The field itself.
    pub name: Arc<str>,
    /// The metric that its samples have. It never changes.
    pub metric: Arc<str>,
    /// The type of its values.
    pub field_type: FieldType,
}

/// What the catalog remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogEntry {
    /// A database that may hold nothing.
    Database(Arc<str>),
    /// A field, and so its database.
    Field(Field),
}

/// What an entry takes beside its names: its places in three trees.
const ENTRY_BYTES: usize = 320;

impl CatalogEntry {
    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let names = match self {
            Self::Database(name) => name.len(),
            Self::Field(Field { database, measurement, name, metric, .. }) => {
                database.len() + measurement.len() + name.len() + metric.len()
            }
        };
        ENTRY_BYTES + names
    }
}
