//! Which series a field is.
//!
//! Its metric is the measurement, `_`, and the field; of the field `value` it is the measurement alone. Tags are labels, and the
//! database is one more. No character is replaced, so that the way back stays exact; where the measurement ends, and which type the
//! field has, stands in the catalog.

use std::{
    borrow::Cow,
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::{line::Key, settings};
use crate::{
    ingest::{Declared, FieldNaming, ImportError, Pair},
    model::{FieldType, METRIC_NAME},
    seams::append::Fingerprint,
};

/// The field whose metric is the measurement alone.
const VALUE: &str = "value";
/// What is a time and no tag or field.
pub(super) const TIME: &str = "time";

/// Differs from what remote write has in its fingerprints: the highest bits are all set beside the lowest one.
const MARK: Fingerprint = 0xffff << 112 | 1;

/// Seeds the hashes of this process, so that nobody outside can aim for a collision.
static RANDOM: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Hashes of the texts that name a series, under what else makes the series of this body: its database and added labels. A series
/// has a fingerprint for each type of value, so that one that the store remembers says that the catalog has this type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    keys: u64,
    fields: [u64; FieldType::ALL.len()],
}

impl Names {
    pub(super) fn new(database: &str, declared: &Declared) -> Self {
        let seed = |what: (&str, u8)| RANDOM.hash_one((what, database, &declared.extra_labels));
        Self { keys: seed(("key", 0)), fields: FieldType::ALL.map(|of| seed(("field", of as u8))) }
    }

    /// The part that all fields of a line have in common.
    pub(super) fn key(self, key: &str) -> u128 {
        xxh3_128_with_seed(key.as_bytes(), self.keys)
    }

    pub(super) fn series(self, key: u128, field: &str, field_type: FieldType) -> Fingerprint {
        let seed = self.fields.get(field_type as usize).copied().unwrap_or_default();
        key.wrapping_add(xxh3_128_with_seed(field.as_bytes(), seed)) | MARK
    }
}

/// The database that a body goes to.
#[derive(Debug)]
pub(super) struct Database {
    naming: FieldNaming,
    /// Its name; empty: none was given.
    pub(super) name: String,
}

impl Database {
    pub(super) fn of(declared: &Declared) -> Result<Self, ImportError> {
        let (naming, name) = (declared.naming.clone(), settings::database(declared)?);
        let ours = |name: &str| name == METRIC_NAME || (!naming.label.is_empty() && name == &*naming.label);
        if let Some((name, _)) = declared.extra_labels.iter().find(|(name, _)| ours(name)) {
            let why = format!("extra_label can't set {name}: measurement, field and database say what it is");
            return Err(ImportError::Parameter(why));
        }
        Ok(Self { naming, name })
    }

    /// Its name in the catalog: series without a label are in the database of those.
    pub(super) fn catalogued(&self) -> &str {
        if self.label_value().is_empty() { settings::UNLABELED } else { &self.name }
    }

    /// The value of its label; empty: there is none.
    pub(super) fn label_value(&self) -> &str {
        if self.naming.label.is_empty() || self.name == settings::UNLABELED { "" } else { &self.name }
    }

    /// The metric of a field that is new.
    pub(super) fn metric<'b>(&self, measurement: &'b str, field: &str) -> Cow<'b, str> {
        match field {
            VALUE => Cow::Borrowed(measurement),
            _ => Cow::Owned(format!("{measurement}{}{field}", self.naming.separator)),
        }
    }

    /// The labels of series beside their metric. `Err` says in InfluxDB's words why there are none.
    pub(super) fn labels<'b>(&'b self, key: &Key<'b>) -> Result<Vec<Pair<'b>>, String> {
        let Key { measurement, tags } = key;
        let mut pairs = Vec::with_capacity(tags.len() + 2);
        let invalid = |name: &str, why: &str| {
            Err(format!("invalid tag key: input tag \"{name}\" on measurement \"{measurement}\" is {why}"))
        };
        for (name, value) in tags {
            match &**name {
                TIME => return invalid(TIME, "invalid"),
                // What InfluxDB wrote for Prometheus has it.
                METRIC_NAME if value == measurement => {}
                METRIC_NAME => return invalid(METRIC_NAME, "not the measurement"),
                label if !self.label_value().is_empty() && label == &*self.naming.label => {
                    return invalid(label, "the label of the database");
                }
                _ => pairs.push((name.clone(), value.clone())),
            }
        }
        if !self.label_value().is_empty() {
            pairs.push((Cow::Borrowed(&*self.naming.label), Cow::Borrowed(self.label_value())));
        }
        Ok(pairs)
    }
}
