//! Native histograms, integer or float, as the remote-write protocols carry them.
//!
//! Buckets are sparse: spans say which bucket indexes are listed, counts follow in the same order. An exponential
//! histogram of schema `s` has base `2^(2^-s)`; bucket `i` covers `(base^(i-1), base^i]`, the negative side mirrored.
//! With [`CUSTOM_BUCKETS_SCHEMA`] the bounds are listed in `custom_values` and only the positive side is used.

use super::{STALE_NAN, is_stale};

/// The schema number of histograms with custom bucket bounds.
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;

/// What the sender says about a counter reset at this sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[repr(u8)]
pub enum ResetHint {
    /// Nothing; compare with the sample before.
    #[default]
    Unknown = 0,
    /// The histogram starts anew here.
    Reset = 1,
    /// It continues the one before.
    NotReset = 2,
    /// A gauge: resets have no meaning.
    Gauge = 3,
}

impl ResetHint {
    /// The hint of a protocol number; unknown numbers mean unknown.
    #[must_use]
    pub fn from_number(number: i32) -> Self {
        match number {
            1 => Self::Reset,
            2 => Self::NotReset,
            3 => Self::Gauge,
            _ => Self::Unknown,
        }
    }
}

/// A run of consecutive bucket indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct BucketSpan {
    /// For the first span the index of its first bucket, for later ones the number of buckets skipped before it.
    pub offset: i32,
    /// How many buckets it has; 0 is allowed.
    pub length: u32,
}

/// Counts, in the kind of number the sender used.
#[derive(Debug, Clone, PartialEq)]
pub enum BucketCounts {
    /// Whole numbers; each bucket is the difference to the listed bucket before it (the first: to 0).
    Integer {
        /// Number of observations.
        count: u64,
        /// Observations in the zero bucket.
        zero: u64,
        /// Deltas of the positive buckets.
        positive: Vec<i64>,
        /// Deltas of the negative buckets.
        negative: Vec<i64>,
    },
    /// Floats; each bucket is its absolute count.
    Float {
        /// Number of observations.
        count: f64,
        /// Observations in the zero bucket.
        zero: f64,
        /// Counts of the positive buckets.
        positive: Vec<f64>,
        /// Counts of the negative buckets.
        negative: Vec<f64>,
    },
}

/// One native histogram sample.
///
/// `PartialEq` compares floats as numbers; storage compares with [`Histogram::same_bits`].
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Reset information.
    pub reset_hint: ResetHint,
    /// Resolution, or [`CUSTOM_BUCKETS_SCHEMA`].
    pub schema: i32,
    /// Width of the zero bucket: observations with an absolute value of at most this.
    pub zero_threshold: f64,
    /// Sum of observations; the staleness marker's bits here make the sample a staleness marker.
    pub sum: f64,
    /// Which positive buckets are listed.
    pub positive_spans: Vec<BucketSpan>,
    /// Which negative buckets are listed.
    pub negative_spans: Vec<BucketSpan>,
    /// Upper bounds for [`CUSTOM_BUCKETS_SCHEMA`], ascending, without `+Inf`; otherwise empty.
    pub custom_values: Vec<f64>,
    /// The counts.
    pub counts: BucketCounts,
}

/// Which rule a histogram breaks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HistogramError {
    /// The schema is none we know.
    #[error("schema {0} is unknown (expected -4 to 8, or -53 for custom buckets)")]
    Schema(i32),
    /// Spans and counts disagree.
    #[error("the {side} spans list {spans} buckets, but {counts} counts are given")]
    SpanLength {
        /// positive or negative
        side: &'static str,
        /// Buckets the spans list.
        spans: u64,
        /// Counts given.
        counts: usize,
    },
    /// A span other than the first steps back.
    #[error("{side} span {index} has the negative offset {offset}")]
    SpanOffset {
        /// positive or negative
        side: &'static str,
        /// Position of the span.
        index: usize,
        /// Its offset.
        offset: i32,
    },
    /// Span indexes leave the range of i32.
    #[error("the {0} spans reach beyond any bucket index")]
    SpanRange(&'static str),
    /// A bucket, the zero bucket or the count is below zero.
    #[error("{what} is negative: {value}")]
    Negative {
        /// Which number.
        what: String,
        /// Its value.
        value: f64,
    },
    /// Buckets don't add up to the count.
    #[error("{buckets} observations found in buckets, but the count is {count}")]
    CountMismatch {
        /// Sum over the buckets.
        buckets: u64,
        /// The stated count.
        count: u64,
    },
    /// Custom bounds are not strictly ascending finite numbers.
    #[error("custom bucket bound {index} ({bound}) is not a finite number above the bound before it")]
    CustomBound {
        /// Position of the bound.
        index: usize,
        /// Its value.
        bound: f64,
    },
    /// Something stands where this schema allows nothing.
    #[error("a histogram with {kind} buckets must not have {what}")]
    Unexpected {
        /// custom or exponential
        kind: &'static str,
        /// What stands there.
        what: &'static str,
    },
    /// Spans reach beyond the custom bounds.
    #[error("the spans reach bucket {index}, but {bounds} custom bounds make only {} buckets", bounds + 1)]
    CustomRange {
        /// Highest bucket listed.
        index: i64,
        /// Number of bounds.
        bounds: usize,
    },
}

impl Histogram {
    /// A staleness marker in an integer histogram's clothes.
    #[must_use]
    pub fn stale() -> Self {
        Self {
            reset_hint: ResetHint::Unknown,
            schema: 0,
            zero_threshold: 0.0,
            sum: STALE_NAN,
            positive_spans: Vec::new(),
            negative_spans: Vec::new(),
            custom_values: Vec::new(),
            counts: BucketCounts::Integer { count: 0, zero: 0, positive: Vec::new(), negative: Vec::new() },
        }
    }

    /// Whether this sample marks the end of its series.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        is_stale(self.sum)
    }

    /// Whether its bounds are listed in `custom_values`.
    #[must_use]
    pub fn has_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }

    /// Whether both are the same to the last bit.
    #[must_use]
    pub fn same_bits(&self, other: &Self) -> bool {
        fn bits(values: &[f64]) -> impl Iterator<Item = u64> {
            values.iter().map(|v| v.to_bits())
        }
        let same_counts = match (&self.counts, &other.counts) {
            (BucketCounts::Integer { .. }, BucketCounts::Integer { .. }) => self.counts == other.counts,
            (
                BucketCounts::Float { count, zero, positive, negative },
                BucketCounts::Float { count: count2, zero: zero2, positive: positive2, negative: negative2 },
            ) => {
                count.to_bits() == count2.to_bits()
                    && zero.to_bits() == zero2.to_bits()
                    && bits(positive).eq(bits(positive2))
                    && bits(negative).eq(bits(negative2))
            }
            _ => false,
        };
        same_counts
            && self.reset_hint == other.reset_hint
            && self.schema == other.schema
            && self.zero_threshold.to_bits() == other.zero_threshold.to_bits()
            && self.sum.to_bits() == other.sum.to_bits()
            && self.positive_spans == other.positive_spans
            && self.negative_spans == other.negative_spans
            && bits(&self.custom_values).eq(bits(&other.custom_values))
    }

    /// Roughly how many bytes the sample takes in memory.
    #[must_use]
    pub fn memory(&self) -> usize {
        let buckets = match &self.counts {
            BucketCounts::Integer { positive, negative, .. } => positive.len() + negative.len(),
            BucketCounts::Float { positive, negative, .. } => positive.len() + negative.len(),
        };
        size_of::<Self>()
            + 8 * (buckets + self.custom_values.len() + self.positive_spans.len() + self.negative_spans.len())
    }

    /// Checks the rules of the remote-write specifications. A staleness marker passes whatever else it holds.
    ///
    /// # Errors
    /// Names the first rule broken.
    pub fn validate(&self) -> Result<(), HistogramError> {
        if self.is_stale() {
            return Ok(());
        }
        self.validate_layout()?;
        match &self.counts {
            BucketCounts::Integer { count, zero, positive, negative } => {
                check_spans("positive", &self.positive_spans, positive.len())?;
                check_spans("negative", &self.negative_spans, negative.len())?;
                let total = add_deltas("positive", positive)?
                    .checked_add(add_deltas("negative", negative)?)
                    .and_then(|sum| sum.checked_add(*zero));
                let total = total.unwrap_or(u64::MAX);
                // NaN observations are counted but enter no bucket.
                let fits = if self.sum.is_nan() { total <= *count } else { total == *count };
                if fits { Ok(()) } else { Err(HistogramError::CountMismatch { buckets: total, count: *count }) }
            }
            BucketCounts::Float { count, zero, positive, negative } => {
                check_spans("positive", &self.positive_spans, positive.len())?;
                check_spans("negative", &self.negative_spans, negative.len())?;
                let scalars = [("the count", *count), ("the zero bucket", *zero)];
                for (what, value) in scalars {
                    if value < 0.0 {
                        return Err(HistogramError::Negative { what: what.to_owned(), value });
                    }
                }
                for (side, counts) in [("positive", positive), ("negative", negative)] {
                    if let Some((i, value)) = counts.iter().enumerate().find(|(_, v)| **v < 0.0) {
                        return Err(HistogramError::Negative { what: format!("{side} bucket {i}"), value: *value });
                    }
                }
                Ok(())
            }
        }
    }

    fn validate_layout(&self) -> Result<(), HistogramError> {
        if !self.has_custom_buckets() {
            if !(-4..=8).contains(&self.schema) {
                return Err(HistogramError::Schema(self.schema));
            }
            if !self.custom_values.is_empty() {
                return Err(HistogramError::Unexpected { kind: "exponential", what: "custom bounds" });
            }
            return Ok(());
        }
        let mut previous = f64::NEG_INFINITY;
        for (index, &bound) in self.custom_values.iter().enumerate() {
            if !bound.is_finite() || bound <= previous {
                return Err(HistogramError::CustomBound { index, bound });
            }
            previous = bound;
        }
        let (zero_used, negative_used) = match &self.counts {
            BucketCounts::Integer { zero, negative, .. } => (*zero != 0, !negative.is_empty()),
            BucketCounts::Float { zero, negative, .. } => (*zero != 0.0, !negative.is_empty()),
        };
        let unexpected = |what| Err(HistogramError::Unexpected { kind: "custom", what });
        if zero_used || self.zero_threshold != 0.0 {
            return unexpected("a zero bucket");
        }
        if negative_used || !self.negative_spans.is_empty() {
            return unexpected("negative buckets");
        }
        let mut next = 0i64;
        for (index, span) in self.positive_spans.iter().enumerate() {
            if span.offset < 0 {
                return Err(HistogramError::SpanOffset { side: "positive", index, offset: span.offset });
            }
            next += i64::from(span.offset) + i64::from(span.length);
        }
        let bounds = self.custom_values.len();
        if next > bounds as i64 + 1 {
            return Err(HistogramError::CustomRange { index: next - 1, bounds });
        }
        Ok(())
    }
}

fn check_spans(side: &'static str, spans: &[BucketSpan], counts: usize) -> Result<(), HistogramError> {
    let (mut listed, mut next) = (0u64, 0i64);
    for (index, span) in spans.iter().enumerate() {
        if index > 0 && span.offset < 0 {
            return Err(HistogramError::SpanOffset { side, index, offset: span.offset });
        }
        listed += u64::from(span.length);
        next = next.saturating_add(i64::from(span.offset)).saturating_add(i64::from(span.length));
        if next > i64::from(i32::MAX) || next < i64::from(i32::MIN) {
            return Err(HistogramError::SpanRange(side));
        }
    }
    if listed == counts as u64 { Ok(()) } else { Err(HistogramError::SpanLength { side, spans: listed, counts }) }
}

/// Sums the buckets that `deltas` describe.
fn add_deltas(side: &str, deltas: &[i64]) -> Result<u64, HistogramError> {
    let (mut bucket, mut total) = (0i64, 0u64);
    for (i, delta) in deltas.iter().enumerate() {
        bucket = bucket.wrapping_add(*delta);
        if bucket < 0 {
            return Err(HistogramError::Negative { what: format!("{side} bucket {i}"), value: bucket as f64 });
        }
        total = total.saturating_add(bucket as u64);
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(count: u64, deltas: &[i64]) -> Histogram {
        Histogram {
            positive_spans: vec![BucketSpan { offset: -1, length: deltas.len() as u32 }],
            sum: 1.0,
            counts: BucketCounts::Integer { count, zero: 1, positive: deltas.to_vec(), negative: vec![] },
            ..Histogram::stale()
        }
    }

    #[test]
    fn buckets_must_add_up_to_the_count() {
        assert_eq!(integer(1 + 1 + 3, &[1, 2]).validate(), Ok(()));
        assert_eq!(integer(99, &[1, 2]).validate(), Err(HistogramError::CountMismatch { buckets: 5, count: 99 }));
        let nan_sum = Histogram { sum: f64::NAN, ..integer(7, &[1, 2]) };
        assert_eq!(nan_sum.validate(), Ok(()), "NaN observations enter no bucket");
    }

    #[test]
    fn each_broken_rule_is_named() {
        assert!(matches!(integer(1, &[-1]).validate(), Err(HistogramError::Negative { .. })));
        assert!(matches!(Histogram { schema: 9, ..integer(5, &[1, 2]) }.validate(), Err(HistogramError::Schema(9))));
        let short = Histogram { positive_spans: vec![], ..integer(5, &[1, 2]) };
        assert!(matches!(short.validate(), Err(HistogramError::SpanLength { spans: 0, counts: 2, .. })));
        let bounds = Histogram { custom_values: vec![1.0], ..integer(5, &[1, 2]) };
        assert!(matches!(bounds.validate(), Err(HistogramError::Unexpected { kind: "exponential", .. })));
        let huge =
            Histogram { positive_spans: vec![BucketSpan { offset: i32::MAX, length: 2 }], ..integer(5, &[1, 2]) };
        assert!(matches!(huge.validate(), Err(HistogramError::SpanRange("positive"))));
    }

    #[test]
    fn custom_buckets_end_at_the_last_bound_and_infinity() {
        let custom = |length, bounds: &[f64]| Histogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            sum: 1.0,
            custom_values: bounds.to_vec(),
            positive_spans: vec![BucketSpan { offset: 0, length }],
            counts: BucketCounts::Float {
                count: 1.0,
                zero: 0.0,
                positive: vec![1.0; length as usize],
                negative: vec![],
            },
            ..Histogram::stale()
        };
        assert_eq!(custom(3, &[1.0, 2.0]).validate(), Ok(()));
        assert!(matches!(custom(4, &[1.0, 2.0]).validate(), Err(HistogramError::CustomRange { index: 3, bounds: 2 })));
        assert!(matches!(custom(1, &[2.0, 2.0]).validate(), Err(HistogramError::CustomBound { index: 1, .. })));
        assert!(matches!(custom(1, &[f64::INFINITY]).validate(), Err(HistogramError::CustomBound { index: 0, .. })));
    }

    #[test]
    fn a_stale_marker_is_valid_and_differs_from_an_ordinary_nan() {
        assert!(Histogram::stale().is_stale());
        assert_eq!(Histogram::stale().validate(), Ok(()));
        let nan = Histogram { sum: f64::NAN, ..Histogram::stale() };
        assert!(!nan.is_stale() && !nan.same_bits(&Histogram::stale()));
    }
}
