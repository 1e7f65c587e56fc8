//! The catalog itself: what is on disk, and what batches on their way there claim.
//!
//! # Who is first
//!
//! Of two that can't both be (a number and a boolean in one field, two fields with one metric) the first claim stands as soon as it
//! is made, whether they come in one request or in several at once. A claim lives as long as a batch holds it: when the batch
//! reaches the disk it becomes an entry ([`Catalog::commit`]), and when the batch is refused or dropped it is as if it had never
//! been. A request that rests on a claim of another that isn't on disk yet carries the same entry itself, so that each record of
//! the log has all that its samples need.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;

use super::{CatalogEntry, CatalogSnapshot, ClaimRefusal, Field};
use crate::model::FieldType;

/// Claims are looked through for those that have ended when there are so many, at least.
const SWEEP: usize = 64;

/// A field that somebody wants to write.
#[derive(Debug, Clone, Copy)]
pub struct WantedField<'w> {
    /// The database.
    pub database: &'w str,
    /// The measurement.
    pub measurement: &'w str,
    /// The field.
    pub field: &'w str,
    /// The metric that it gets if it is new.
    pub metric: &'w str,
    /// The type of the value.
    pub field_type: FieldType,
}

/// A field that may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Its metric.
    pub metric: Arc<str>,
    /// Whether all about it is on disk already; else the claim is.
    pub is_durable: bool,
}

/// Which fields there are.
#[derive(Debug)]
pub struct Catalog {
    table: Mutex<Table>,
    /// Bytes that all entries may take; those that are on disk are kept whatever they take.
    limit: usize,
}

impl Default for Catalog {
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

#[derive(Debug, Default)]
struct Table {
    durable: Arc<CatalogSnapshot>,
    bytes: usize,
    /// Grows with every change.
    changes: u64,
    /// What `changes` was when everything was last saved.
    saved: u64,
    /// Fields that are not on disk yet.
    claimed: HashMap<Key, Claims>,
    /// The fields that claim a metric, by database and metric.
    metrics: HashMap<(String, String), Key>,
    claimed_bytes: usize,
    /// How many claimed fields there are when they are looked through next.
    sweep_at: usize,
}

/// Database, measurement and field.
type Key = (String, String, String);

/// The entries of a field by which batches claim it; they differ in the type of their numbers only.
#[derive(Debug)]
struct Claims {
    entries: Vec<Weak<CatalogEntry>>,
    metric: String,
    bytes: usize,
}

impl Claims {
    /// Entries that a batch holds, and their fields.
    fn alive(&self) -> impl Iterator<Item = (Arc<CatalogEntry>, Field)> {
        self.entries.iter().filter_map(Weak::upgrade).filter_map(|entry| match &*entry {
            CatalogEntry::Field(field) => Some((entry.clone(), field.clone())),
            CatalogEntry::Database(_) => None,
        })
    }
}

impl Catalog {
    /// An empty catalog of up to `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { table: Mutex::default(), limit }
    }

    /// A catalog that begins with what is on disk of this one, and goes its own way.
    #[must_use]
    pub fn fork(&self) -> Self {
        let table = self.table.lock();
        let copy = Table { durable: table.durable.clone(), bytes: table.bytes, ..Table::default() };
        Self { table: copy.into(), limit: self.limit }
    }

    /// What is on disk.
    #[must_use]
    pub fn snapshot(&self) -> Arc<CatalogSnapshot> {
        self.table.lock().durable.clone()
    }

    /// The metric of a field, of which values of a type are to be written. What has to reach the disk with them is added to
    /// `claims`, those of the batch.
    ///
    /// # Errors
    /// When something else stands in its way.
    pub fn claim(
        &self,
        wanted: &WantedField<'_>,
        claims: &mut Vec<Arc<CatalogEntry>>,
    ) -> Result<Claimed, ClaimRefusal> {
        let WantedField { database, measurement, field, field_type, .. } = *wanted;
        let mut table = self.table.lock();
        let Some(known) = table.durable.field(database, measurement, field) else {
            return table.claim_new(wanted, claims, self.limit);
        };
        let joined = join(known, field_type)?;
        let metric = known.metric.clone();
        let is_durable = joined == known.field_type;
        if !is_durable {
            claims.push(Arc::new(CatalogEntry::Field(Field { field_type: joined, ..known.clone() })));
        }
        Ok(Claimed { metric, is_durable })
    }

    /// The type of a field, be it on disk or only claimed.
    #[must_use]
    pub fn field_type(&self, database: &str, measurement: &str, field: &str) -> Option<FieldType> {
        let table = self.table.lock();
        if let Some(known) = table.durable.field(database, measurement, field) {
            return Some(known.field_type);
        }
        let key = (database.to_owned(), measurement.to_owned(), field.to_owned());
        table.claimed.get(&key)?.alive().next().map(|(_, field)| field.field_type)
    }

    /// Adds to `claims` that there is a database, unless that is known.
    ///
    /// # Errors
    /// How many bytes all entries may take, if there is no place for one more.
    pub fn claim_database(&self, name: &str, claims: &mut Vec<Arc<CatalogEntry>>) -> Result<(), usize> {
        let table = self.table.lock();
        if table.durable.database(name).is_some() {
            return Ok(());
        }
        let entry = CatalogEntry::Database(name.into());
        if table.bytes + table.claimed_bytes + entry.memory() > self.limit {
            return Err(self.limit);
        }
        claims.push(Arc::new(entry));
        Ok(())
    }

    /// Takes in entries that are on disk. To do so again changes nothing.
    pub fn commit(&self, entries: impl IntoIterator<Item = Arc<CatalogEntry>>) {
        let mut table = self.table.lock();
        entries.into_iter().for_each(|entry| table.commit(&entry));
    }

    /// Everything, and the state to pass to [`Catalog::saved`] once it is in a file; `None` when nothing changed since the last time.
    #[must_use]
    pub fn unsaved(&self) -> Option<(Arc<CatalogSnapshot>, u64)> {
        let table = self.table.lock();
        (table.changes != table.saved).then(|| (table.durable.clone(), table.changes))
    }

    /// Notes that everything up to `state` is in a file.
    pub fn saved(&self, state: u64) {
        self.table.lock().saved = state;
    }

    /// Bytes of memory that the entries take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let table = self.table.lock();
        table.bytes + table.claimed_bytes
    }

    /// Bytes of memory that they may take.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }
}

/// The type of `known` once it has values of `given` too.
fn join(known: &Field, given: FieldType) -> Result<FieldType, ClaimRefusal> {
    known.field_type.join(given).ok_or_else(|| ClaimRefusal::Type {
        measurement: (*known.measurement).to_owned(),
        field: (*known.name).to_owned(),
        given: given.name(),
        existing: known.field_type,
    })
}

impl Table {
    /// Claims a field that isn't on disk.
    fn claim_new(
        &mut self,
        wanted: &WantedField<'_>,
        claims: &mut Vec<Arc<CatalogEntry>>,
        limit: usize,
    ) -> Result<Claimed, ClaimRefusal> {
        let WantedField { database, measurement, field, metric, field_type } = *wanted;
        let key = (database.to_owned(), measurement.to_owned(), field.to_owned());
        if let Some(claimed) = self.claimed.get_mut(&key) {
            let alive: Vec<_> = claimed.alive().collect();
            if let Some((_, known)) = alive.first() {
                join(known, field_type)?;
                let metric = known.metric.clone();
                // Whether the others reach the disk isn't known: this batch speaks of its own values.
                match alive.iter().find(|(_, other)| other.field_type == field_type) {
                    Some((entry, _)) => claims.push(entry.clone()),
                    None => {
                        let entry = Arc::new(CatalogEntry::Field(Field { field_type, ..known.clone() }));
                        claimed.entries.retain(|entry| entry.strong_count() > 0);
                        claimed.entries.push(Arc::downgrade(&entry));
                        claims.push(entry);
                    }
                }
                return Ok(Claimed { metric, is_durable: false });
            }
        }
        self.forget(&key);
        if let Some(by) = self.holder(database, metric) {
            return Err(ClaimRefusal::metric(measurement, field, &by));
        }
        let [database, measurement, name, metric] = [database, measurement, field, metric].map(Arc::from);
        let entry = Arc::new(CatalogEntry::Field(Field { database, measurement, name, metric, field_type }));
        let bytes = entry.memory();
        if self.claimed.len() >= self.sweep_at.max(SWEEP) || self.bytes + self.claimed_bytes + bytes > limit {
            self.sweep();
        }
        if self.bytes + self.claimed_bytes + bytes > limit {
            let (measurement, field) = (wanted.measurement.to_owned(), wanted.field.to_owned());
            return Err(ClaimRefusal::Full { measurement, field, limit });
        }
        self.claimed_bytes += bytes;
        self.metrics.insert((wanted.database.to_owned(), wanted.metric.to_owned()), key.clone());
        let entries = vec![Arc::downgrade(&entry)];
        self.claimed.insert(key, Claims { entries, metric: wanted.metric.to_owned(), bytes });
        claims.push(entry);
        Ok(Claimed { metric: wanted.metric.into(), is_durable: false })
    }

    /// The field whose metric this is, on disk or claimed.
    fn holder(&self, database: &str, metric: &str) -> Option<Field> {
        let durable = self.durable.database(database).and_then(|database| database.field_of(metric)).cloned();
        durable.or_else(|| {
            let key = self.metrics.get(&(database.to_owned(), metric.to_owned()))?;
            self.claimed.get(key)?.alive().next().map(|(_, field)| field)
        })
    }

    /// Forgets the claims of a field.
    fn forget(&mut self, key: &Key) {
        let Some(Claims { metric, bytes, .. }) = self.claimed.remove(key) else { return };
        self.claimed_bytes -= bytes;
        let name = (key.0.clone(), metric);
        // Another field may have claimed it since.
        if self.metrics.get(&name) == Some(key) {
            self.metrics.remove(&name);
        }
    }

    /// Forgets claims that no batch holds any more.
    fn sweep(&mut self) {
        let ended: Vec<Key> = self
            .claimed
            .iter()
            .filter(|(_, claims)| claims.entries.iter().all(|entry| entry.strong_count() == 0))
            .map(|(key, _)| key.clone())
            .collect();
        ended.iter().for_each(|key| self.forget(key));
        self.sweep_at = 2 * self.claimed.len();
    }

    fn commit(&mut self, entry: &CatalogEntry) {
        if let CatalogEntry::Field(Field { database, measurement, name, .. }) = entry
            && !self.claimed.is_empty()
        {
            let [database, measurement, name] = [database, measurement, name].map(|name| (**name).to_owned());
            self.forget(&(database, measurement, name));
        }
        let (is_changed, is_new) = Arc::make_mut(&mut self.durable).add(entry.clone());
        self.changes += u64::from(is_changed);
        self.bytes += if is_new { entry.memory() } else { 0 };
    }
}

#[cfg(test)]
mod tests;
