//! What the catalog gets with a batch.

use std::sync::Arc;

use super::{put_bytes, take_text};
use crate::{
    codec::{CodecError, take_byte, varint},
    model::FieldType,
    seams::catalog::{CatalogEntry, Field},
    wal::error::RecordError,
};

/// The least bytes of an entry.
pub(super) const MIN_LEN: usize = 2;

const DATABASE: u8 = 0;

/// Appends the entries.
pub(super) fn put(out: &mut Vec<u8>, entries: &[Arc<CatalogEntry>]) {
    varint::put(out, entries.len() as u64);
    for entry in entries {
        match &**entry {
            CatalogEntry::Database(name) => {
                out.push(DATABASE);
                put_bytes(out, name.as_bytes());
            }
            CatalogEntry::Field(Field { database, measurement, name, metric, field_type }) => {
                out.push(1 + *field_type as u8);
                [database, measurement, name, metric].iter().for_each(|name| put_bytes(out, name.as_bytes()));
            }
        }
    }
}

/// Takes an entry.
pub(super) fn take(input: &mut &[u8]) -> Result<Arc<CatalogEntry>, RecordError> {
    let kind = take_byte(input, "a kind of entry in the catalog")?;
    let database: Arc<str> = take_text(input, "a database")?.into();
    let Some(number) = kind.checked_sub(1) else { return Ok(Arc::new(CatalogEntry::Database(database))) };
    let unknown = || CodecError::Range {
        what: "a kind of entry in the catalog",
        got: u64::from(kind),
        limit: FieldType::ALL.len() as u64,
    };
    let field_type = FieldType::from_number(number).ok_or_else(unknown)?;
    let measurement = take_text(input, "a measurement")?.into();
    let name = take_text(input, "a field")?.into();
    let metric = take_text(input, "a field's metric")?.into();
    Ok(Arc::new(CatalogEntry::Field(Field { database, measurement, name, metric, field_type })))
}
