//! Which series a field is.
//!
//! Its metric is the measurement, `_`, and the field; of the field `value` it is the measurement alone. Tags are labels, and the
//! database is one more. No character is replaced, so that the way back stays exact.

use std::{
    borrow::Cow,
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::line::{self, Key};
use crate::{
    ingest::{Declared, Pair},
    model::METRIC_NAME,
    seams::append::Fingerprint,
};

/// The label that names the database.
pub const DATABASE: &str = "influx_db";
/// The field whose metric is the measurement alone.
const VALUE: &str = "value";
/// What is a time and no tag or field.
pub(super) const TIME: &str = "time";

/// Differs from what remote write has in its fingerprints: the highest bits are all set beside the lowest one.
const MARK: Fingerprint = 0xffff << 112 | 1;

/// Seeds the hashes of this process, so that nobody outside can aim for a collision.
static RANDOM: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Hashes of the texts that name a series, under what else makes the series of this body: its database and added labels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    keys: u64,
    fields: u64,
}

impl Names {
    pub(super) fn new(database: &str, declared: &Declared) -> Self {
        let seed = |what: &str| RANDOM.hash_one((what, database, &declared.extra_labels));
        Self { keys: seed("key"), fields: seed("field") }
    }

    /// The part that all fields of a line have in common.
    pub(super) fn key(self, key: &str) -> u128 {
        xxh3_128_with_seed(key.as_bytes(), self.keys)
    }

    pub(super) fn series(self, key: u128, field: &str) -> Fingerprint {
        key.wrapping_add(xxh3_128_with_seed(field.as_bytes(), self.fields)) | MARK
    }
}

/// The labels of a field's series. `Err` says in InfluxDB's words why there is none.
pub(super) fn labels<'b>(key: &Key<'b>, field: &'b str, database: &'b str) -> Result<Vec<Pair<'b>>, String> {
    let Key { measurement, tags } = key;
    let field = line::unescape(field, b",= ");
    let metric = if field == VALUE { measurement.clone() } else { Cow::Owned(format!("{measurement}_{field}")) };
    let mut pairs = Vec::with_capacity(tags.len() + 2);
    pairs.push((Cow::Borrowed(METRIC_NAME), metric));
    for (name, value) in tags {
        match &**name {
            TIME => {
                return Err(format!(
                    "invalid tag key: input tag \"{TIME}\" on measurement \"{measurement}\" is invalid"
                ));
            }
            // What InfluxDB wrote for Prometheus has it.
            METRIC_NAME if value == measurement => {}
            METRIC_NAME => {
                return Err(format!(
                    "invalid tag key: input tag \"{METRIC_NAME}\" on measurement \"{measurement}\" is not the measurement"
                ));
            }
            DATABASE if !database.is_empty() => {
                return Err(format!(
                    "invalid tag key: input tag \"{DATABASE}\" on measurement \"{measurement}\" is the label of the database"
                ));
            }
            _ => pairs.push((name.clone(), value.clone())),
        }
    }
    if !database.is_empty() {
        pairs.push((Cow::Borrowed(DATABASE), Cow::Borrowed(database)));
    }
    Ok(pairs)
}
