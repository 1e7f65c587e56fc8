//! What storage puts into a frame: one [`Batch`], without its fingerprints.
//!
//! Five lists one after the other, each a varint count and its items. Varints are LEB128, signed ones zigzagged; floats
//! are 8 bytes in little endian, bit for bit; a text is a varint length and its bytes. Order is kept in every list.
//! Where a sample has a start time, or the catalog has to remember something, a mark stands in front of the lists, a number that
//! no count reaches, and behind them the start times of all floats and of all histograms, what the catalog gets, or both in this
//! order; other records, as all of version 1, are the lists alone.
//!
//! ```text
//! mark        varint: 2^35 - 1: starts; 2^35 - 2: catalog; 2^35 - 3: starts and catalog
//! series      signed: id - id before; text: canonical labels
//! floats      varint: head; signed: time - time before, unless SAME_TIME; value
//! histograms  varint: head; signed: time - time before, unless SAME_TIME; histogram
//! exemplars   signed: id - id before; signed: time - time before; float: value; text: canonical labels
//! metadata    byte: type; texts: family, help, unit
//! starts      runs over the floats, runs over the histograms (`start_runs`)
//! catalog     byte: kind; text: database; texts, unless kind is 0: measurement, field, metric
//!
//! kind        0: a database; 1: a field of floats, 2: of integers, 3: of unsigned integers, 4: of booleans
//! head        zigzag(id - id before) << 2 | INTEGER << 1 | SAME_TIME
//! value       signed: the whole number it is, if INTEGER; else a float
//! ```
//!
//! "Before" is the item before in the same list, at first 0; time differences wrap. A value is INTEGER when it is a
//! whole number of at most 53 bits (and not -0): counters mostly are, and take one to five bytes then. A scraped
//! target's samples share their time and have neighbouring ids, so that the rest of a sample is one byte.

mod catalog;
mod histogram;
mod start_runs;

use super::error::{RecordError, WalError};
use crate::{
    codec::{CodecError, finish, take, take_byte, take_u64, varint},
    model::{Exemplar, Labels, Metadata, MetricType},
    seams::append::{Batch, FloatSample, HistogramSample, SeriesId},
};

const SAME_TIME: u64 = 1;
const INTEGER: u64 = 2;
/// What records begin with that have more than lists: more than a record has bytes, so no count of series.
const STARTS: u64 = (1 << 35) - 1;
const CATALOG: u64 = (1 << 35) - 2;
const STARTS_AND_CATALOG: u64 = (1 << 35) - 3;
/// Whole numbers below this are exact in a float and short as a varint.
const INTEGER_LIMIT: f64 = (1u64 << 53) as f64;

/// About what a float takes that shares little with the one before it.
pub const FLOAT_BYTES: usize = 12;

/// Appends the record of `batch`.
pub fn encode(batch: &Batch, out: &mut Vec<u8>) {
    let begin = out.len();
    varint::put(out, batch.series.len() as u64);
    let mut before = Before::default();
    for (id, labels) in &batch.series {
        varint::put_signed(out, before.id_step(*id));
        put_bytes(out, labels.as_bytes());
    }
    varint::put(out, batch.floats.len() as u64);
    let mut before = Before::default();
    let mut given = 0;
    for sample in &batch.floats {
        given |= sample.start;
        let whole = as_integer(sample.value);
        before.put_head(out, sample.series, sample.time, if whole.is_some() { INTEGER } else { 0 });
        match whole {
            Some(whole) => varint::put_signed(out, whole),
            None => put_float(out, sample.value),
        }
    }
    varint::put(out, batch.histograms.len() as u64);
    let mut before = Before::default();
    for sample in &batch.histograms {
        given |= sample.start;
        before.put_head(out, sample.series, sample.time, 0);
        histogram::put(out, &sample.value);
    }
    varint::put(out, batch.exemplars.len() as u64);
    let mut before = Before::default();
    for (id, exemplar) in &batch.exemplars {
        varint::put_signed(out, before.id_step(*id));
        varint::put_signed(out, before.time_step(exemplar.time));
        put_float(out, exemplar.value);
        put_bytes(out, exemplar.labels.as_bytes());
    }
    varint::put(out, batch.metadata.len() as u64);
    for metadata in &batch.metadata {
        out.push(metadata.metric_type as u8);
        put_bytes(out, metadata.family.as_bytes());
        put_bytes(out, metadata.help.as_bytes());
        put_bytes(out, metadata.unit.as_bytes());
    }
    let mark = match (given != 0, !batch.catalog.is_empty()) {
        (false, false) => return,
        (true, false) => STARTS,
        (false, true) => CATALOG,
        (true, true) => STARTS_AND_CATALOG,
    };
    // Told last, so that batches without any aren't looked through for it.
    let mut bytes = Vec::new();
    varint::put(&mut bytes, mark);
    out.splice(begin..begin, bytes);
    if given != 0 {
        start_runs::put(out, batch.floats.iter().map(|sample| (sample.time, sample.start)));
        start_runs::put(out, batch.histograms.iter().map(|sample| (sample.time, sample.start)));
    }
    if !batch.catalog.is_empty() {
        catalog::put(out, &batch.catalog);
    }
}

/// The batch of a record.
///
/// # Errors
/// When the bytes are not what [`encode`] writes. Whatever they are, memory stays within a small multiple of them.
pub fn decode(mut input: &[u8]) -> Result<Batch, WalError> {
    let input = &mut input;
    let mut lists = *input;
    let mark = varint::get(&mut lists, "the number of series").ok();
    let with_starts = matches!(mark, Some(STARTS | STARTS_AND_CATALOG));
    let with_catalog = matches!(mark, Some(CATALOG | STARTS_AND_CATALOG));
    if with_starts || with_catalog {
        *input = lists;
    }
    let mut batch = Batch::default();
    let mut before = Before::default();
    batch.series = list(input, 2, "series", |input| {
        let id = before.take_id(input, "a series id")?;
        Ok((id, take_labels(input, "labels of a series")?))
    })?;
    let mut before = Before::default();
    batch.floats = list(input, 2, "floats", |input| {
        let (series, time, flags) = before.take_head(input)?;
        let value = if flags & INTEGER == 0 {
            take_float(input, "a value")?
        } else {
            varint::get_signed(input, "a value")? as f64
        };
        Ok(FloatSample { series, time, value, start: 0 })
    })?;
    let mut before = Before::default();
    batch.histograms = list(input, histogram::MIN_LEN, "histograms", |input| {
        let (series, time, _) = before.take_head(input)?;
        Ok(HistogramSample { series, time, value: histogram::take(input)?, start: 0 })
    })?;
    let mut before = Before::default();
    batch.exemplars = list(input, 11, "exemplars", |input| {
        let id = before.take_id(input, "an exemplar's series id")?;
        let time = before.take_time(input)?;
        let value = take_float(input, "an exemplar's value")?;
        Ok((id, Exemplar { labels: take_labels(input, "an exemplar's labels")?, value, time }))
    })?;
    batch.metadata = list(input, 4, "metadata", |input| {
        let metric_type = MetricType::from_number(i32::from(take_byte(input, "a metric type")?));
        let family = take_text(input, "a metric family's name")?;
        let help = take_text(input, "a help text")?;
        Ok(Metadata { family, metric_type, help, unit: take_text(input, "a unit")? })
    })?;
    if with_starts {
        let first = batch.floats.first().map(|sample| sample.time).unwrap_or_default();
        start_runs::take(input, first, batch.floats.iter_mut().map(|sample| &mut sample.start))?;
        let first = batch.histograms.first().map(|sample| sample.time).unwrap_or_default();
        start_runs::take(input, first, batch.histograms.iter_mut().map(|sample| &mut sample.start))?;
    }
    if with_catalog {
        batch.catalog = list(input, catalog::MIN_LEN, "entries of the catalog", catalog::take)?;
    }
    finish(input, "a record").map_err(RecordError::from)?;
    Ok(batch)
}

/// Id and time of the item before.
#[derive(Debug, Default)]
struct Before {
    id: i64,
    time: i64,
}

impl Before {
    fn id_step(&mut self, id: SeriesId) -> i64 {
        let id = i64::from(id.0);
        id - std::mem::replace(&mut self.id, id)
    }

    fn time_step(&mut self, time: i64) -> i64 {
        time.wrapping_sub(std::mem::replace(&mut self.time, time))
    }

    fn put_head(&mut self, out: &mut Vec<u8>, id: SeriesId, time: i64, flags: u64) {
        let step = self.time_step(time);
        let same = if step == 0 { SAME_TIME } else { 0 };
        varint::put(out, varint::zigzag(self.id_step(id)) << 2 | flags | same);
        if step != 0 {
            varint::put_signed(out, step);
        }
    }

    fn id_after(&mut self, step: i64, what: &'static str) -> Result<SeriesId, CodecError> {
        let id = self.id.wrapping_add(step);
        let range = |_| CodecError::Range { what, got: id as u64, limit: u64::from(u32::MAX) };
        self.id = id;
        u32::try_from(id).map(SeriesId).map_err(range)
    }

    fn take_id(&mut self, input: &mut &[u8], what: &'static str) -> Result<SeriesId, CodecError> {
        let step = varint::get_signed(input, what)?;
        self.id_after(step, what)
    }

    fn take_time(&mut self, input: &mut &[u8]) -> Result<i64, CodecError> {
        self.time = self.time.wrapping_add(varint::get_signed(input, "a time")?);
        Ok(self.time)
    }

    fn take_head(&mut self, input: &mut &[u8]) -> Result<(SeriesId, i64, u64), CodecError> {
        let head = varint::get(input, "a sample's head")?;
        let id = self.id_after(varint::unzigzag(head >> 2), "a sample's series id")?;
        let time = if head & SAME_TIME == 0 { self.take_time(input)? } else { self.time };
        Ok((id, time, head))
    }
}

/// The whole number that `value` is, when it comes back from there to the bit.
fn as_integer(value: f64) -> Option<i64> {
    let whole = value as i64;
    (value.abs() < INTEGER_LIMIT && (whole as f64).to_bits() == value.to_bits()).then_some(whole)
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_float(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

fn take_float(input: &mut &[u8], what: &'static str) -> Result<f64, CodecError> {
    take_u64(input, what).map(f64::from_bits)
}

fn take_bytes<'a>(input: &mut &'a [u8], what: &'static str) -> Result<&'a [u8], CodecError> {
    let len = varint::get_at_most(input, input.len(), what)?;
    take(input, len, what)
}

fn take_labels(input: &mut &[u8], what: &'static str) -> Result<Labels, RecordError> {
    let bytes = take_bytes(input, what)?;
    Labels::from_bytes(bytes).map_err(|error| RecordError::Text { what, why: error.to_string() })
}

fn take_text(input: &mut &[u8], what: &'static str) -> Result<String, RecordError> {
    let bytes = take_bytes(input, what)?;
    let text = std::str::from_utf8(bytes).map_err(|error| RecordError::Text { what, why: error.to_string() })?;
    Ok(text.to_owned())
}

/// A count and that many items of at least `min_len` bytes each; the count is checked against what is left.
fn list<T>(
    input: &mut &[u8],
    min_len: usize,
    what: &'static str,
    mut item: impl FnMut(&mut &[u8]) -> Result<T, RecordError>,
) -> Result<Vec<T>, RecordError> {
    let count = varint::get_at_most(input, input.len() / min_len, what)?;
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(item(input)?);
    }
    Ok(items)
}

#[cfg(test)]
mod tests;
