//! What stored histograms say about counter resets.
//!
//! Storage keeps the hints that senders gave. Prometheus' storage doesn't: it compares histograms itself, so that "no
//! reset" is true of whatever it hands out, and "reset" is never said. Functions that compare hints count on that.

use std::sync::Arc;

use crate::{
    model::{Histogram, ResetHint, SeriesBuf},
    promql::functions::native::FloatHistogram,
};

/// Makes unknown again what a sender claimed: every reset, which the counts have to show, and the lack of one where they
/// show one.
pub(super) fn settle(buffer: &mut SeriesBuf) {
    if buffer.histograms.iter().all(|(_, h)| matches!(h.reset_hint, ResetHint::Unknown | ResetHint::Gauge)) {
        return;
    }
    let mut before: Option<Arc<Histogram>> = None;
    for (_, now) in &mut buffer.histograms {
        let given = Arc::clone(now);
        let is_wrong = match now.reset_hint {
            ResetHint::Reset => true,
            ResetHint::NotReset => before.as_deref().is_some_and(|before| fell(before, now)),
            ResetHint::Unknown | ResetHint::Gauge => false,
        };
        if is_wrong {
            *now = Arc::new(Histogram { reset_hint: ResetHint::Unknown, ..Histogram::clone(now) });
        }
        before = Some(given);
    }
}

/// Whether `now` can't be `before` with observations added, whatever its hint says.
fn fell(before: &Histogram, now: &Histogram) -> bool {
    let now = FloatHistogram { hint: ResetHint::Unknown, ..FloatHistogram::from_model(now) };
    before.is_stale()
        || before.reset_hint == ResetHint::Gauge
        || now.is_reset_after(&FloatHistogram::from_model(before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BucketCounts;

    #[test]
    fn only_what_the_counts_bear_out_is_kept() {
        let sample = |(time, (count, reset_hint)): (i64, (f64, ResetHint))| {
            let counts = BucketCounts::Float { count, zero: count, positive: vec![], negative: vec![] };
            (time, Arc::new(Histogram { sum: count, counts, reset_hint, ..Histogram::stale() }))
        };
        use ResetHint::{Gauge, NotReset, Reset, Unknown};
        let given = [(5.0, NotReset), (6.0, NotReset), (1.0, NotReset), (9.0, Reset), (9.0, Gauge), (9.0, NotReset)];
        let histograms = (0..).zip(given).map(sample).collect();
        let mut buffer = SeriesBuf { histograms, ..SeriesBuf::default() };
        settle(&mut buffer);
        let hints: Vec<_> = buffer.histograms.iter().map(|(_, h)| h.reset_hint).collect();
        assert_eq!(hints, [NotReset, NotReset, Unknown, Unknown, Gauge, Unknown]);
    }
}
