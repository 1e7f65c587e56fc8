//! Histograms as native ones.
//!
//! The bucket `i` of OpenTelemetry covers `(base^i, base^(i+1)]`, with a base of `2^(2^-scale)`; a native histogram numbers it by its
//! upper bound, `i + 1`. A scale finer than any schema is reduced by merging neighbours.

use super::{Stop, builder::Reason, metric::Metric, point::Point, request::Refused, value::fixed64};
use crate::{
    model::{BucketCounts, BucketSpan, CUSTOM_BUCKETS_SCHEMA, Histogram, HistogramError, ResetHint},
    remote::wire::{Fields, WireError, unzigzag32},
};

/// The finest and the coarsest schema.
const FINEST: i32 = 8;
const COARSEST: i32 = -4;
/// OpenTelemetry's threshold may be 0, which a zero bucket can't be.
const ZERO_THRESHOLD: f64 = 1e-128;
/// How many empty buckets in a row are listed at most: a span costs more than they do, skipping more is cheaper.
const MAX_GAP: i64 = 2;
/// A byte of a message becomes at most so many in memory: a bucket is a byte there.
const GROWTH: usize = 24;

/// One side of an exponential histogram.
#[derive(Default)]
struct Side {
    offset: i32,
    counts: Vec<u64>,
}

impl Side {
    fn read(message: &[u8]) -> Result<Self, WireError> {
        let mut side = Self::default();
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => side.offset = unzigzag32(value.varint(1)?),
                2 => value.varints(2, &mut side.counts, |count| count)?,
                _ => {}
            }
        }
        Ok(side)
    }

    /// Its buckets by index, merged by a factor of 2^`by`, without empty ones.
    fn buckets(&self, by: u32) -> Vec<(i64, u64)> {
        let mut buckets: Vec<(i64, u64)> = Vec::new();
        for (index, count) in (i64::from(self.offset)..).zip(&self.counts).filter(|(_, count)| **count > 0) {
            let index = (index >> by) + 1;
            match buckets.last_mut() {
                Some((last, sum)) if *last == index => *sum = sum.wrapping_add(*count),
                _ => buckets.push((index, *count)),
            }
        }
        buckets
    }
}

/// The native histogram that an exponential one is; the inner `Err` says why there is none.
pub(super) fn exponential(message: &[u8], point: &mut Point<'_, '_, '_>) -> Result<Result<Histogram, Refused>, Stop> {
    point.builder.allowance.pay(GROWTH * message.len())?;
    let (mut count, mut sum, mut scale, mut zero) = (0, 0.0, 0, 0);
    let (mut positive, mut negative) = (Side::default(), Side::default());
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            4 => count = fixed64(value, 4)?,
            5 => sum = value.double(5)?,
            6 => scale = unzigzag32(value.varint(6)?),
            7 => zero = fixed64(value, 7)?,
            8 => positive = Side::read(value.bytes(8)?)?,
            9 => negative = Side::read(value.bytes(9)?)?,
            _ => {}
        }
    }
    if scale < COARSEST {
        let why = format!(
            "an exponential histogram of scale {scale} is coarser than {COARSEST}, the coarsest that is stored"
        );
        return Ok(Err((Reason::Scale, why)));
    }
    let by = u32::try_from(scale - FINEST).unwrap_or(0).min(63);
    let sides = [("positive", positive), ("negative", negative)].map(|(name, side)| spans(&side.buckets(by), name));
    let [Ok((positive_spans, positive)), Ok((negative_spans, negative))] = sides else {
        return Ok(Err((Reason::Histogram, HistogramError::SpanRange("listed").to_string())));
    };
    Ok(checked(Histogram {
        reset_hint: hint(point.metric),
        schema: scale.min(FINEST),
        zero_threshold: ZERO_THRESHOLD,
        sum,
        positive_spans,
        negative_spans,
        custom_values: Vec::new(),
        counts: BucketCounts::Integer { count, zero, positive, negative },
    }))
}

/// The native histogram with custom buckets that one with explicit bounds is.
pub(super) fn custom(
    count: u64,
    sum: Option<f64>,
    counts: &[u64],
    bounds: &[f64],
    metric: &Metric<'_>,
) -> Result<Histogram, Refused> {
    // The last bucket has no bound of its own.
    let finite = bounds.strip_suffix(&[f64::INFINITY]).unwrap_or(bounds);
    let buckets: Vec<(i64, u64)> = (0..).zip(counts.iter().copied()).filter(|(_, count)| *count > 0).collect();
    let (positive_spans, positive) =
        spans(&buckets, "positive").map_err(|error| (Reason::Histogram, error.to_string()))?;
    checked(Histogram {
        reset_hint: hint(metric),
        schema: CUSTOM_BUCKETS_SCHEMA,
        zero_threshold: 0.0,
        sum: sum.unwrap_or(0.0),
        positive_spans,
        negative_spans: Vec::new(),
        custom_values: finite.to_vec(),
        counts: BucketCounts::Integer { count, zero: 0, positive, negative: Vec::new() },
    })
}

fn hint(metric: &Metric<'_>) -> ResetHint {
    // Deltas don't add up to a total.
    if metric.built.as_ref().is_ok_and(|built| built.delta) { ResetHint::Gauge } else { ResetHint::Unknown }
}

fn checked(histogram: Histogram) -> Result<Histogram, Refused> {
    match histogram.validate() {
        Ok(()) => Ok(histogram),
        Err(error) => Err((Reason::Histogram, error.to_string())),
    }
}

/// Spans and deltas of buckets in ascending order.
fn spans(buckets: &[(i64, u64)], side: &'static str) -> Result<(Vec<BucketSpan>, Vec<i64>), HistogramError> {
    let (mut spans, mut deltas): (Vec<BucketSpan>, Vec<i64>) = (Vec::new(), Vec::with_capacity(buckets.len()));
    let (mut next, mut before) = (0_i64, 0_u64);
    for (index, count) in buckets {
        let gap = index - next;
        match spans.last_mut() {
            Some(span) if gap <= MAX_GAP => {
                for _ in 0..gap {
                    deltas.push(0_u64.wrapping_sub(before) as i64);
                    before = 0;
                }
                span.length += gap as u32 + 1;
            }
            _ => {
                let offset = i32::try_from(gap).map_err(|_| HistogramError::SpanRange(side))?;
                spans.push(BucketSpan { offset, length: 1 });
            }
        }
        deltas.push(count.wrapping_sub(before) as i64);
        (next, before) = (index + 1, *count);
    }
    Ok((spans, deltas))
}
