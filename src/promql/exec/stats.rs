//! Native histograms reduced to what `histogram_count`, `histogram_sum` and `histogram_avg` need.

use std::sync::Arc;

use crate::{
    model::{Histogram, ResetHint, SeriesBuf},
    promql::functions::native::FloatHistogram,
};

/// Replaces histograms by their counts and sums. Resets, which buckets would have told, become hints.
pub(super) fn drop_buckets(buffer: &mut SeriesBuf) {
    let mut before: Option<FloatHistogram> = None;
    for (_, sample) in &mut buffer.histograms {
        if sample.is_stale() {
            continue;
        }
        let now = FloatHistogram::from_model(sample);
        let hint = match (now.hint, &before) {
            (ResetHint::Unknown, Some(before)) if now.is_reset_after(before) => ResetHint::Reset,
            (ResetHint::Unknown, Some(_)) => ResetHint::NotReset,
            (hint, _) => hint,
        };
        let bare = FloatHistogram { hint, count: now.count, sum: now.sum, ..FloatHistogram::empty_like(&now) };
        *sample = Arc::new(Histogram { custom_values: Vec::new(), ..bare.to_model() });
        before = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BucketCounts;

    #[test]
    fn resets_become_hints() {
        let sample = |time, count: f64| {
            let counts = BucketCounts::Float { count, zero: count, positive: vec![], negative: vec![] };
            (time, Arc::new(Histogram { sum: count, counts, ..Histogram::stale() }))
        };
        let histograms = vec![sample(1, 5.0), sample(2, 6.0), sample(3, 1.0)];
        let mut buffer = SeriesBuf { histograms, ..SeriesBuf::default() };
        drop_buckets(&mut buffer);
        let hints: Vec<_> = buffer.histograms.iter().map(|(_, h)| h.reset_hint).collect();
        assert_eq!(hints, [ResetHint::Unknown, ResetHint::NotReset, ResetHint::Reset]);
        let FloatHistogram { count, zero, .. } = FloatHistogram::from_model(&buffer.histograms[1].1);
        assert_eq!((count.total(), zero.total()), (6.0, 0.0));
    }
}
