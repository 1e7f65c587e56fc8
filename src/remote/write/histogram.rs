//! Native histograms as they come in. The message is the same in both protocols, but for 2.0's start timestamp.

use crate::{
    model::{BucketCounts, BucketSpan, Histogram, ResetHint},
    remote::wire::{Fields, Value, WireError, unzigzag, unzigzag32},
};

/// A number in one of the two kinds that a oneof offers.
#[derive(Clone, Copy)]
enum Number {
    Integer(u64),
    Float(f64),
}

impl Number {
    /// The number if it is of this kind, else what an absent field means.
    fn integer(self) -> u64 {
        if let Self::Integer(value) = self { value } else { 0 }
    }

    fn float(self) -> f64 {
        if let Self::Float(value) = self { value } else { 0.0 }
    }
}

/// What a Histogram message says.
pub(super) struct SentHistogram {
    pub(super) time: i64,
    pub(super) value: Histogram,
    /// Since when it counts; 0: not known.
    pub(super) start: i64,
}

/// Reads a Histogram message. `start_field` is the field number of a start timestamp, where there is one.
pub(super) fn decode(message: &[u8], start_field: Option<u32>) -> Result<SentHistogram, WireError> {
    let (mut count, mut zero) = (Number::Integer(0), Number::Integer(0));
    let (mut sum, mut zero_threshold, mut schema, mut time, mut start) = (0.0, 0.0, 0, 0, 0);
    let mut reset_hint = ResetHint::Unknown;
    let (mut negative_spans, mut positive_spans) = (Vec::new(), Vec::new());
    let (mut negative_deltas, mut positive_deltas) = (Vec::new(), Vec::new());
    let (mut negative_counts, mut positive_counts) = (Vec::new(), Vec::new());
    let mut custom_values = Vec::new();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => count = Number::Integer(value.varint(1)?),
            2 => count = Number::Float(value.double(2)?),
            3 => sum = value.double(3)?,
            4 => schema = unzigzag32(value.varint(4)?),
            5 => zero_threshold = value.double(5)?,
            6 => zero = Number::Integer(value.varint(6)?),
            7 => zero = Number::Float(value.double(7)?),
            8 => negative_spans.push(span(value, 8)?),
            9 => value.varints(9, &mut negative_deltas, unzigzag)?,
            10 => value.doubles(10, &mut negative_counts)?,
            11 => positive_spans.push(span(value, 11)?),
            12 => value.varints(12, &mut positive_deltas, unzigzag)?,
            13 => value.doubles(13, &mut positive_counts)?,
            14 => reset_hint = ResetHint::from_number(value.varint(14)? as i32),
            15 => time = value.varint(15)? as i64,
            16 => value.doubles(16, &mut custom_values)?,
            _ if Some(number) == start_field => start = value.varint(number)? as i64,
            _ => {}
        }
    }
    let counts = match count {
        Number::Integer(count) => {
            BucketCounts::Integer { count, zero: zero.integer(), positive: positive_deltas, negative: negative_deltas }
        }
        Number::Float(count) => {
            BucketCounts::Float { count, zero: zero.float(), positive: positive_counts, negative: negative_counts }
        }
    };
    let value =
        Histogram { reset_hint, schema, zero_threshold, sum, positive_spans, negative_spans, custom_values, counts };
    Ok(SentHistogram { time, value, start })
}

fn span(value: Value<'_>, number: u32) -> Result<BucketSpan, WireError> {
    let mut span = BucketSpan::default();
    let mut fields = Fields::new(value.bytes(number)?);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => span.offset = unzigzag32(value.varint(1)?),
            2 => span.length = value.varint(2)? as u32,
            _ => {}
        }
    }
    Ok(span)
}
