//! A native histogram in a record, field by field, lossless even for one that breaks the rules.
//!
//! ```text
//! byte: FLOAT << 2 | reset hint; signed: schema; floats: zero threshold, sum
//! positive spans, negative spans: varint count, each signed: offset; varint: length
//! custom bounds: varint count, floats
//! count, zero: floats if FLOAT, else varints
//! positive, negative buckets: varint count, each a float if FLOAT, else signed (a delta already)
//! ```

use super::{RecordError, list, put_float, take_float};
use crate::{
    codec::{CodecError, take_byte, varint},
    model::{BucketCounts, BucketSpan, Histogram, ResetHint},
};

const FLOAT: u8 = 4;
/// Bytes of the shortest sample: head, flags, schema, two floats, three counts, count and zero, two counts.
pub(super) const MIN_LEN: usize = 26;

pub(super) fn put(out: &mut Vec<u8>, histogram: &Histogram) {
    let float = matches!(histogram.counts, BucketCounts::Float { .. });
    out.push(histogram.reset_hint as u8 | if float { FLOAT } else { 0 });
    varint::put_signed(out, i64::from(histogram.schema));
    put_float(out, histogram.zero_threshold);
    put_float(out, histogram.sum);
    for spans in [&histogram.positive_spans, &histogram.negative_spans] {
        varint::put(out, spans.len() as u64);
        for span in spans {
            varint::put_signed(out, i64::from(span.offset));
            varint::put(out, u64::from(span.length));
        }
    }
    put_floats(out, &histogram.custom_values);
    match &histogram.counts {
        BucketCounts::Integer { count, zero, positive, negative } => {
            varint::put(out, *count);
            varint::put(out, *zero);
            for deltas in [positive, negative] {
                varint::put(out, deltas.len() as u64);
                deltas.iter().for_each(|delta| varint::put_signed(out, *delta));
            }
        }
        BucketCounts::Float { count, zero, positive, negative } => {
            put_float(out, *count);
            put_float(out, *zero);
            put_floats(out, positive);
            put_floats(out, negative);
        }
    }
}

pub(super) fn take(input: &mut &[u8]) -> Result<Histogram, RecordError> {
    let flags = take_byte(input, "a histogram's flags")?;
    if flags >= 2 * FLOAT {
        return Err(CodecError::Tag { what: "a histogram", tag: flags }.into());
    }
    let schema = take_i32(input, "a histogram's schema")?;
    let zero_threshold = take_float(input, "a zero threshold")?;
    let sum = take_float(input, "a histogram's sum")?;
    let positive_spans = take_spans(input)?;
    let negative_spans = take_spans(input)?;
    let custom_values = take_floats(input, "custom bounds")?;
    let counts = if flags & FLOAT == 0 {
        BucketCounts::Integer {
            count: varint::get(input, "a histogram's count")?,
            zero: varint::get(input, "a zero bucket")?,
            positive: take_deltas(input)?,
            negative: take_deltas(input)?,
        }
    } else {
        BucketCounts::Float {
            count: take_float(input, "a histogram's count")?,
            zero: take_float(input, "a zero bucket")?,
            positive: take_floats(input, "buckets")?,
            negative: take_floats(input, "buckets")?,
        }
    };
    let reset_hint = ResetHint::from_number(i32::from(flags & (FLOAT - 1)));
    Ok(Histogram { reset_hint, schema, zero_threshold, sum, positive_spans, negative_spans, custom_values, counts })
}

fn put_floats(out: &mut Vec<u8>, values: &[f64]) {
    varint::put(out, values.len() as u64);
    values.iter().for_each(|value| put_float(out, *value));
}

fn take_floats(input: &mut &[u8], what: &'static str) -> Result<Vec<f64>, RecordError> {
    list(input, 8, what, |input| Ok(take_float(input, what)?))
}

fn take_deltas(input: &mut &[u8]) -> Result<Vec<i64>, RecordError> {
    list(input, 1, "buckets", |input| Ok(varint::get_signed(input, "a bucket")?))
}

fn take_spans(input: &mut &[u8]) -> Result<Vec<BucketSpan>, RecordError> {
    list(input, 2, "spans", |input| {
        let offset = take_i32(input, "a span's offset")?;
        Ok(BucketSpan { offset, length: varint::get_u32(input, "a span's length")? })
    })
}

fn take_i32(input: &mut &[u8], what: &'static str) -> Result<i32, CodecError> {
    let got = varint::get_signed(input, what)?;
    i32::try_from(got).map_err(|_| CodecError::Range { what, got: got as u64, limit: i32::MAX as u64 })
}
