//! What a run of histograms shares.

use crate::{
    codec::{CodecError, take_byte, take_u64, varint},
    model::{BucketCounts, BucketSpan, Histogram, ResetHint},
};

/// What errors call the column.
pub(super) const WHAT: &str = "a histogram column";

/// How many positive and negative buckets there are.
fn lengths(counts: &BucketCounts) -> (usize, usize) {
    match counts {
        BucketCounts::Integer { positive, negative, .. } => (positive.len(), negative.len()),
        BucketCounts::Float { positive, negative, .. } => (positive.len(), negative.len()),
    }
}

/// The flag of float counts in the first byte.
const FLOAT: u8 = 0b100;
const HINT: u8 = 0b011;

/// Everything of a histogram but its sum and counts. The counts kept inside are empty and only say their kind.
pub(super) struct Layout {
    shape: Histogram,
    pub(super) positive: usize,
    pub(super) negative: usize,
}

impl Layout {
    pub(super) fn of(histogram: &Histogram) -> Self {
        let (positive, negative) = lengths(&histogram.counts);
        let counts = no_counts(matches!(histogram.counts, BucketCounts::Float { .. }));
        let shape = Histogram {
            reset_hint: histogram.reset_hint,
            schema: histogram.schema,
            zero_threshold: histogram.zero_threshold,
            sum: 0.0,
            positive_spans: histogram.positive_spans.clone(),
            negative_spans: histogram.negative_spans.clone(),
            custom_values: histogram.custom_values.clone(),
            counts,
        };
        Self { shape, positive, negative }
    }

    pub(super) fn is_float(&self) -> bool {
        matches!(self.shape.counts, BucketCounts::Float { .. })
    }

    /// Whether `other` has this layout, to the last bit.
    pub(super) fn fits(&self, other: &Histogram) -> bool {
        let same = |a: &[f64], b: &[f64]| a.iter().map(|v| v.to_bits()).eq(b.iter().map(|v| v.to_bits()));
        self.shape.reset_hint == other.reset_hint
            && self.shape.schema == other.schema
            && self.shape.zero_threshold.to_bits() == other.zero_threshold.to_bits()
            && self.shape.positive_spans == other.positive_spans
            && self.shape.negative_spans == other.negative_spans
            && same(&self.shape.custom_values, &other.custom_values)
            && self.is_float() == matches!(other.counts, BucketCounts::Float { .. })
            && (self.positive, self.negative) == lengths(&other.counts)
    }

    /// What one histogram of this layout takes in memory.
    pub(super) fn memory(&self) -> usize {
        self.shape.memory() + 8 * (self.positive + self.negative)
    }

    pub(super) fn histogram(&self, sum: f64, counts: BucketCounts) -> Histogram {
        Histogram { sum, counts, ..self.shape.clone() }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.shape.reset_hint as u8 | if self.is_float() { FLOAT } else { 0 });
        varint::put_signed(out, i64::from(self.shape.schema));
        out.extend_from_slice(&self.shape.zero_threshold.to_bits().to_le_bytes());
        for spans in [&self.shape.positive_spans, &self.shape.negative_spans] {
            varint::put(out, spans.len() as u64);
            for span in spans {
                varint::put_signed(out, i64::from(span.offset));
                varint::put(out, u64::from(span.length));
            }
        }
        varint::put(out, self.shape.custom_values.len() as u64);
        for bound in &self.shape.custom_values {
            out.extend_from_slice(&bound.to_bits().to_le_bytes());
        }
        varint::put(out, self.positive as u64);
        varint::put(out, self.negative as u64);
    }

    pub(super) fn decode(input: &mut &[u8]) -> Result<Self, CodecError> {
        let tag = take_byte(input, WHAT)?;
        if tag & !(FLOAT | HINT) != 0 {
            return Err(CodecError::Tag { what: WHAT, tag });
        }
        let mut shape = Histogram {
            reset_hint: ResetHint::from_number(i32::from(tag & HINT)),
            schema: small(varint::get_signed(input, WHAT)?, "a histogram schema")?,
            zero_threshold: f64::from_bits(take_u64(input, WHAT)?),
            sum: 0.0,
            positive_spans: spans(input)?,
            negative_spans: spans(input)?,
            custom_values: Vec::new(),
            counts: no_counts(tag & FLOAT != 0),
        };
        let bounds = varint::get_at_most(input, input.len() / 8, "the number of custom bounds")?;
        for _ in 0..bounds {
            shape.custom_values.push(f64::from_bits(take_u64(input, WHAT)?));
        }
        // Every count takes a byte at least, so their number is bounded by what is left.
        let positive = varint::get_at_most(input, input.len(), "the number of positive counts")?;
        let negative = varint::get_at_most(input, input.len(), "the number of negative counts")?;
        Ok(Self { shape, positive, negative })
    }
}

fn no_counts(float: bool) -> BucketCounts {
    if float {
        BucketCounts::Float { count: 0.0, zero: 0.0, positive: Vec::new(), negative: Vec::new() }
    } else {
        BucketCounts::Integer { count: 0, zero: 0, positive: Vec::new(), negative: Vec::new() }
    }
}

fn spans(input: &mut &[u8]) -> Result<Vec<BucketSpan>, CodecError> {
    let count = varint::get_at_most(input, input.len() / 2, "the number of spans")?;
    let mut spans = Vec::with_capacity(count);
    for _ in 0..count {
        let offset = small(varint::get_signed(input, WHAT)?, "a span offset")?;
        spans.push(BucketSpan { offset, length: varint::get_u32(input, WHAT)? });
    }
    Ok(spans)
}

fn small(value: i64, what: &'static str) -> Result<i32, CodecError> {
    let limit = u64::from(i32::MAX.unsigned_abs());
    i32::try_from(value).map_err(|_| CodecError::Range { what, got: value.unsigned_abs(), limit })
}
