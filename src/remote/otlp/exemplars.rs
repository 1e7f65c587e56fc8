//! Exemplars of sums and histograms.
//!
//! ```text
//! Exemplar  2 time  3 double | 6 sfixed64  4 span id  5 trace id  7 filtered attributes
//! ```

use std::collections::BTreeMap;

use super::{
    Stop,
    builder::label_set,
    labels::collect,
    point::{Point, milliseconds},
    value::{fixed64, key_value, text},
};
use crate::{
    model::{Exemplar, Labels, limits::MAX_EXEMPLAR},
    remote::wire::Fields,
    seams::append::SeriesId,
};

/// Exemplars that a point may have; the newest of more than that are hardly looked at.
const MAX_EXEMPLARS: usize = 1000;

/// Takes the exemplars of a point that is stored. Each belongs to the series of the lowest of `buckets`, in ascending order, whose
/// bound it doesn't pass.
pub(super) fn take(
    message: &[u8],
    field: u32,
    buckets: &[(f64, SeriesId)],
    point: &mut Point<'_, '_, '_>,
) -> Result<(), Stop> {
    if point.stale {
        return Ok(());
    }
    let mut found = Vec::new();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        if number == field && found.len() < MAX_EXEMPLARS {
            found.extend(read(value.bytes(field)?, point.time)?);
        }
    }
    found.sort_by(|a, b| a.value.total_cmp(&b.value));
    for exemplar in found {
        let own = buckets.iter().find(|(bound, _)| exemplar.value <= *bound).or_else(|| buckets.last());
        if let Some((_, series)) = own
            && exemplar.time <= point.builder.latest()
        {
            point.builder.exemplar(*series, exemplar)?;
        }
    }
    Ok(())
}

/// Reads one; `None` when its labels break a rule.
fn read(message: &[u8], point_time: i64) -> Result<Option<Exemplar>, Stop> {
    let (mut time, mut value, mut span, mut trace): (_, _, &[u8], &[u8]) = (0, 0.0, &[], &[]);
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            2 => time = milliseconds(fixed64(field, 2)?),
            3 => value = field.double(3)?,
            6 => value = fixed64(field, 6)? as i64 as f64,
            4 => span = field.bytes(4)?,
            5 => trace = field.bytes(5)?,
            _ => {}
        }
    }
    let mut ids = BTreeMap::new();
    for (name, id) in [("trace_id", trace), ("span_id", span)] {
        if !id.is_empty() && id.len() <= MAX_EXEMPLAR {
            ids.insert(name.to_owned(), crate::model::hex::encode(id));
        }
    }
    let mut messages = Vec::new();
    collect(message, 7, &mut messages)?;
    let mut all = BTreeMap::new();
    for message in messages {
        let (key, value) = key_value(message)?;
        if let (Ok(key), Ok(value)) = (std::str::from_utf8(key), text(value)?) {
            all.insert(key.to_owned(), value);
        }
    }
    all.extend(ids.clone());
    // Those that are too long do without what was filtered out.
    let labels = [&all, &ids].into_iter().find(|labels| characters(labels) <= MAX_EXEMPLAR);
    let labels: Option<Labels> = labels.and_then(|labels| label_set(labels).ok());
    Ok(labels.map(|labels| Exemplar { labels, value, time: if time == 0 { point_time } else { time } }))
}

fn characters(labels: &BTreeMap<String, String>) -> usize {
    labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum()
}
