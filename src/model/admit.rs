//! What is stored of native histograms that senders may send.

use super::{BucketCounts, BucketSpan, Histogram, HistogramError};

/// The finest resolution that is stored.
const FINEST_SCHEMA: i32 = 8;
/// The finest that senders may use; more would make indexes of useless size.
const FINEST_SENT_SCHEMA: i32 = 52;

/// Checks a histogram and brings it into the form that is stored: resolutions finer than schema 8 are reduced to it,
/// and of a staleness marker nothing else is kept.
///
/// # Errors
/// When it breaks a rule.
pub fn admit(histogram: &mut Histogram) -> Result<(), HistogramError> {
    if histogram.is_stale() {
        *histogram = Histogram::stale();
        return Ok(());
    }
    let too_fine = (FINEST_SCHEMA + 1..=FINEST_SENT_SCHEMA).contains(&histogram.schema);
    if !too_fine {
        return histogram.validate();
    }
    let by = histogram.schema - FINEST_SCHEMA;
    histogram.schema = FINEST_SCHEMA;
    // The rules don't depend on which exponential schema it is, and merging relies on them.
    histogram.validate()?;
    let Histogram { positive_spans, negative_spans, counts, .. } = histogram;
    match counts {
        BucketCounts::Integer { positive, negative, .. } => {
            merge_deltas("positive", positive_spans, positive, by)?;
            merge_deltas("negative", negative_spans, negative, by)?;
        }
        BucketCounts::Float { positive, negative, .. } => {
            merge("positive", positive_spans, positive, by, |a, b| a + b)?;
            merge("negative", negative_spans, negative, by, |a, b| a + b)?;
        }
    }
    // Two buckets may be more than one can hold.
    histogram.validate()
}

fn merge_deltas(
    side: &'static str,
    spans: &mut Vec<BucketSpan>,
    deltas: &mut Vec<i64>,
    by: i32,
) -> Result<(), HistogramError> {
    let mut bucket = 0i64;
    for delta in deltas.iter_mut() {
        bucket = bucket.wrapping_add(*delta);
        *delta = bucket;
    }
    merge(side, spans, deltas, by, i64::wrapping_add)?;
    let mut previous = 0;
    for bucket in deltas {
        (previous, *bucket) = (*bucket, bucket.wrapping_sub(previous));
    }
    Ok(())
}

/// Merges 2^`by` neighbouring buckets into one. Bucket `i` ends at `base^i`, so the wider one that holds it has the
/// index `i / 2^by`, rounded up.
fn merge<T: Copy>(
    side: &'static str,
    spans: &mut Vec<BucketSpan>,
    counts: &mut Vec<T>,
    by: i32,
    add: impl Fn(T, T) -> T,
) -> Result<(), HistogramError> {
    let mut merged: Vec<(i64, T)> = Vec::with_capacity(counts.len());
    let mut given = counts.iter().copied();
    let mut index = 0i64;
    for span in spans.iter() {
        index += i64::from(span.offset);
        for count in given.by_ref().take(span.length as usize) {
            let wide = ((index - 1) >> by) + 1;
            match merged.last_mut() {
                Some((last, sum)) if *last == wide => *sum = add(*sum, count),
                _ => merged.push((wide, count)),
            }
            index += 1;
        }
    }
    spans.clear();
    counts.clear();
    let mut next = 0i64;
    for (index, count) in merged {
        match spans.last_mut() {
            Some(span) if index == next => span.length += 1,
            _ => {
                let offset = i32::try_from(index - next).map_err(|_| HistogramError::SpanRange(side))?;
                spans.push(BucketSpan { offset, length: 1 });
            }
        }
        next = index + 1;
        counts.push(count);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{STALE_NAN, is_stale};
    use proptest::prelude::*;

    /// The buckets of one side by index.
    fn buckets(spans: &[BucketSpan], counts: &[f64]) -> Vec<(i64, f64)> {
        let (mut index, mut given) = (0, counts.iter());
        let mut found = Vec::new();
        for span in spans {
            index += i64::from(span.offset);
            for _ in 0..span.length {
                found.push((index, *given.next().unwrap()));
                index += 1;
            }
        }
        found
    }

    fn float(schema: i32, spans: Vec<BucketSpan>, counts: Vec<f64>) -> Histogram {
        Histogram {
            schema,
            sum: 1.0,
            positive_spans: spans,
            counts: BucketCounts::Float { count: counts.iter().sum(), zero: 0.0, positive: counts, negative: vec![] },
            ..Histogram::stale()
        }
    }

    #[test]
    fn buckets_finer_than_schema_8_are_merged_into_it() {
        let spans = vec![BucketSpan { offset: -2, length: 5 }, BucketSpan { offset: 3, length: 1 }];
        let mut histogram = float(9, spans, vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
        admit(&mut histogram).unwrap();
        // At half the resolution -2 ends at -1; -1 and 0 end at 0; 1 and 2 end at 1; 6 ends at 3.
        let BucketCounts::Float { positive, .. } = &histogram.counts else { panic!("a float histogram") };
        assert_eq!(histogram.schema, 8);
        assert_eq!(buckets(&histogram.positive_spans, positive), [(-1, 1.0), (0, 6.0), (1, 24.0), (3, 32.0)]);
    }

    #[test]
    fn integer_buckets_stay_deltas_after_merging() {
        let mut histogram = Histogram {
            schema: 10,
            sum: 1.0,
            positive_spans: vec![BucketSpan { offset: 1, length: 6 }],
            counts: BucketCounts::Integer { count: 21, zero: 0, positive: vec![1; 6], negative: vec![] },
            ..Histogram::stale()
        };
        admit(&mut histogram).unwrap();
        assert_eq!(histogram.positive_spans, [BucketSpan { offset: 1, length: 2 }]);
        let want = BucketCounts::Integer { count: 21, zero: 0, positive: vec![10, 1], negative: vec![] };
        assert_eq!(histogram.counts, want);
    }

    #[test]
    fn a_merged_bucket_that_overflows_is_refused() {
        let mut histogram = Histogram {
            schema: 9,
            sum: 1.0,
            positive_spans: vec![BucketSpan { offset: 1, length: 2 }],
            counts: BucketCounts::Integer {
                count: i64::MAX as u64 * 2,
                zero: 0,
                positive: vec![i64::MAX, 0],
                negative: vec![],
            },
            ..Histogram::stale()
        };
        assert!(matches!(admit(&mut histogram), Err(HistogramError::Negative { .. })));
    }

    #[test]
    fn schemas_beyond_the_reserved_ones_are_refused() {
        for schema in [-9, -5, 53, 127] {
            let error = admit(&mut float(schema, vec![], vec![])).unwrap_err();
            assert_eq!(error, HistogramError::Schema(schema));
        }
    }

    #[test]
    fn nothing_but_the_mark_is_kept_of_a_stale_histogram() {
        let mut histogram = Histogram { sum: STALE_NAN, ..float(77, vec![], vec![1.0, -3.0]) };
        admit(&mut histogram).unwrap();
        assert!(is_stale(histogram.sum) && histogram.same_bits(&Histogram::stale()));
    }

    proptest! {
        #[test]
        fn merging_keeps_every_observation_in_the_bucket_that_covers_it(
            schema in 9i32..=52,
            spans in proptest::collection::vec((-1000i32..1000, 0u32..5), 0..6),
        ) {
            let spans: Vec<BucketSpan> = spans.iter().enumerate()
                .map(|(i, &(offset, length))| BucketSpan { offset: if i == 0 { offset } else { offset.abs() }, length })
                .collect();
            let total: u32 = spans.iter().map(|s| s.length).sum();
            let counts: Vec<f64> = (1..=total).map(f64::from).collect();
            let mut want = std::collections::BTreeMap::new();
            for (index, count) in buckets(&spans, &counts) {
                let wide = (index as f64 / f64::from(schema - 8).exp2()).ceil() as i64;
                *want.entry(wide).or_insert(0.0) += count;
            }
            let mut histogram = float(schema, spans, counts);
            admit(&mut histogram).unwrap();
            let BucketCounts::Float { positive, .. } = &histogram.counts else { panic!("a float histogram") };
            prop_assert_eq!(buckets(&histogram.positive_spans, positive), want.into_iter().collect::<Vec<_>>());
        }
    }
}
