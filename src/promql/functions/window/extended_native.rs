//! Native histograms in windows with a value at their very edges.

use std::sync::Arc;

use super::{
    Annotator, View,
    edges::{Change, edges},
    native::told,
};
use crate::{
    model::ResetHint,
    promql::{
        data::{annotations::AnnotationKind, row::Sample},
        functions::native::FloatHistogram,
    },
};

/// The histogram at `t` between two others. A counter that was reset between them started from nothing.
pub(crate) fn interpolate(
    (t1, h1): (i64, &FloatHistogram),
    (t2, h2): (i64, &FloatHistogram),
    t: i64,
    counter: bool,
    annotator: &Annotator<'_>,
) -> Option<FloatHistogram> {
    let mut result = h2.clone();
    if t == t1 || t == t2 {
        return Some(if t == t1 { h1.clone() } else { result });
    }
    let share = t.saturating_sub(t1) as f64 / t2.saturating_sub(t1) as f64;
    if counter && h2.is_reset_after(h1) {
        result.multiply(share);
        return Some(result);
    }
    told(result.subtract(h1), "subtraction", annotator)?;
    result.multiply(share);
    told(result.add(h1), "addition", annotator)?;
    Some(result)
}

pub(super) fn change(view: &View<'_>, annotator: &Annotator<'_>, how: Change) -> Option<Sample> {
    let times: Vec<i64> = view.histograms.iter().map(|h| h.0).collect();
    let (first, last) = edges(&times, view, how.smoothed)?;
    let at = |i: usize| Some((*times.get(i)?, view.natives.get(i)?));
    let inside = view.natives.get(first..=last)?;
    let custom = inside.first()?.is_custom();
    if inside.iter().any(|h| h.is_custom() != custom) {
        (annotator.add)(AnnotationKind::MixedBucketSchemas((annotator.metric)()));
        return None;
    }
    if how.counter && inside.iter().any(|h| h.hint == ResetHint::Gauge) {
        (annotator.add)(AnnotationKind::NotCounter((annotator.metric)()));
    }
    let starts_before = how.smoothed && at(first)?.0 < view.start;
    let left = match at(first)? {
        sample if starts_before => interpolate(sample, at(first + 1)?, view.start, how.counter, annotator)?,
        (_, h) => h.clone(),
    };
    let right = match at(last)? {
        sample if how.smoothed && last > 0 && sample.0 > view.end => {
            interpolate(at(last - 1)?, sample, view.end, how.counter, annotator)?
        }
        (_, h) => h.clone(),
    };
    if !how.counter && (left.hint != ResetHint::Gauge || right.hint != ResetHint::Gauge) {
        (annotator.add)(AnnotationKind::NotGauge((annotator.metric)()));
    }
    let mut result = right.clone();
    told(result.subtract(&left), "subtraction", annotator)?;
    if how.counter {
        let mut before = &left;
        let mut next = first + 1;
        // A reset that the left value was interpolated across is in that value already.
        if starts_before && at(first + 1)?.1.is_reset_after(at(first)?.1) {
            before = at(first + 1)?.1;
            next += 1;
        }
        if next <= last {
            for h in view.natives.get(next..last)?.iter().chain([&right]) {
                if h.is_reset_after(before) {
                    told(result.add(before), "addition", annotator)?;
                }
                before = h;
            }
        }
    }
    if how.per_second {
        result.divide(view.end.saturating_sub(view.start) as f64 / 1000.0);
    }
    result.hint = ResetHint::Gauge;
    Some(Sample::Histogram(Arc::new(result.compact().to_model())))
}
