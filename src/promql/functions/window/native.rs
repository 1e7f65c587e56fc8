//! The same over native histograms.

use std::sync::Arc;

use super::{
    Annotator, View,
    rate::{extrapolation, from_zero},
};
use crate::{
    model::{Counted, ResetHint},
    promql::{
        data::{annotations::AnnotationKind, row::Sample},
        functions::native::{Combined, FloatHistogram, Incompatible, NativeMean},
    },
};

fn sample(h: FloatHistogram) -> Option<Sample> {
    Some(Sample::Histogram(Arc::new(h.compact().to_model())))
}

/// Tells what a combination brought up; `None` when there was none.
pub(super) fn told(
    result: Result<Combined, Incompatible>,
    what: &'static str,
    annotator: &Annotator<'_>,
) -> Option<Combined> {
    match result {
        Ok(combined) => {
            if combined.bounds_reconciled {
                (annotator.add)(AnnotationKind::BoundsReconciled(what));
            }
            Some(combined)
        }
        Err(Incompatible) => {
            (annotator.add)(AnnotationKind::MixedBucketSchemas((annotator.metric)()));
            None
        }
    }
}

pub(super) fn rate(view: &View<'_>, annotator: &Annotator<'_>) -> Option<Sample> {
    extrapolated(view, annotator, true, true)
}

pub(super) fn increase(view: &View<'_>, annotator: &Annotator<'_>) -> Option<Sample> {
    extrapolated(view, annotator, true, false)
}

pub(super) fn delta(view: &View<'_>, annotator: &Annotator<'_>) -> Option<Sample> {
    extrapolated(view, annotator, false, false)
}

fn extrapolated(view: &View<'_>, annotator: &Annotator<'_>, counter: bool, per_second: bool) -> Option<Sample> {
    let first = view.natives.first()?;
    let times: Vec<i64> = view.histograms.iter().map(|h| h.0).collect();
    let risen = if times.len() > 1 { Some(difference(view, annotator, counter)?) } else { None };
    let zero = view.histogram(0)?.zero_after(view.start).filter(|_| counter);
    let (mut result, mut factor) = match (zero, risen) {
        (Some(zero), risen) => {
            let result = match risen {
                None => first.clone(),
                Some(mut risen) => {
                    told(risen.add(first), "addition", annotator)?;
                    risen
                }
            };
            (result, from_zero(zero, *times.first()?, *times.last()?, times.len(), view.end))
        }
        (None, None) => return None,
        (None, Some(risen)) => {
            let (first, total) = (first.count.total(), risen.count.total());
            let factor = extrapolation(view, &times, |sampled| {
                (counter && total > 0.0 && first >= 0.0).then(|| sampled * (first / total))
            })?;
            (FloatHistogram { hint: ResetHint::Gauge, ..risen }, factor)
        }
    };
    if per_second {
        factor /= view.end.saturating_sub(view.start) as f64 / 1000.0;
    }
    result.multiply(factor);
    sample(result)
}

/// The last histogram minus the first, with what had been reached before each reset added again.
fn difference(view: &View<'_>, annotator: &Annotator<'_>, counter: bool) -> Option<FloatHistogram> {
    let [first, middle @ .., last] = view.natives else { return None };
    let is_gauge = |h: &FloatHistogram| h.hint == ResetHint::Gauge;
    if counter && view.natives.iter().any(is_gauge) {
        (annotator.add)(AnnotationKind::NotCounter((annotator.metric)()));
    }
    let both_gauges = is_gauge(first) && is_gauge(last);
    if !counter && !both_gauges {
        (annotator.add)(AnnotationKind::NotGauge((annotator.metric)()));
    }
    // After a reset right behind it, the layout of the first histogram doesn't matter.
    let second_is_reset = counter && view.resets.get(1).copied().unwrap_or(false);
    let from = if second_is_reset { FloatHistogram::empty_like(view.natives.get(1)?) } else { first.clone() };
    let custom = from.is_custom();
    let mixed = last.is_custom() != custom || (counter && middle.iter().any(|h| h.is_custom() != custom));
    if mixed {
        (annotator.add)(AnnotationKind::MixedBucketSchemas((annotator.metric)()));
        return None;
    }
    let mut result = last.clone();
    told(result.subtract(&from), "subtraction", annotator)?;
    if counter {
        let mut pairs = (1..view.natives.len()).filter_map(|i| view.histogram(i - 1).zip(view.histogram(i)));
        if pairs.any(|(before, now)| now.overlaps(before)) {
            (annotator.add)(AnnotationKind::StartTimeOverlap((annotator.metric)()));
        }
        let before = std::iter::once(&from).chain(middle);
        for (before, _) in before.zip(view.resets.iter().skip(1)).filter(|(_, reset)| **reset) {
            told(result.add(before), "addition", annotator)?;
        }
    }
    result.hint = ResetHint::Gauge;
    Some(result.compact())
}

/// A float or a histogram and its time.
enum Last<'a> {
    Float(f64, Counted),
    Histogram(&'a FloatHistogram),
}

/// The last two samples of either kind, the later one last.
fn last_two<'a>(view: &'a View<'_>) -> Option<[(i64, Last<'a>); 2]> {
    let positions = (0..view.times.len()).rev().take(2);
    let float = |i: usize| Some((*view.times.get(i)?, Last::Float(*view.values.get(i)?, view.float(i)?)));
    let floats = positions.filter_map(float);
    let natives = view.histograms.iter().zip(view.natives).rev().take(2).map(|((t, _), h)| (*t, Last::Histogram(h)));
    let mut all: Vec<_> = floats.chain(natives).collect();
    all.sort_by_key(|(t, _)| std::cmp::Reverse(*t));
    let mut all = all.into_iter();
    let (last, before) = (all.next()?, all.next()?);
    (last.0 != before.0).then_some([before, last])
}

pub(super) fn irate(view: &View<'_>, annotator: &Annotator<'_>) -> Option<Sample> {
    instant(view, annotator, true)
}

pub(super) fn idelta(view: &View<'_>, annotator: &Annotator<'_>) -> Option<Sample> {
    instant(view, annotator, false)
}

fn instant(view: &View<'_>, annotator: &Annotator<'_>, rate: bool) -> Option<Sample> {
    let [(t1, before), (t2, last)] = last_two(view)?;
    let seconds = t2.saturating_sub(t1) as f64 / 1000.0;
    let (before, last) = match (before, last) {
        (Last::Float(a, before), Last::Float(b, now)) if rate => {
            let anew = b < a || now.is_reset_after(before);
            return Some(Sample::Float(if anew { b } else { b - a } / seconds));
        }
        (Last::Float(a, _), Last::Float(b, _)) => return Some(Sample::Float(b - a)),
        (Last::Histogram(a), Last::Histogram(b)) => (a, b),
        _ => {
            (annotator.add)(AnnotationKind::MixedFloatsHistograms((annotator.metric)()));
            return None;
        }
    };
    let gauges = [before, last].iter().filter(|h| h.hint == ResetHint::Gauge).count();
    if rate && gauges > 0 {
        (annotator.add)(AnnotationKind::NotCounter((annotator.metric)()));
    }
    if !rate && gauges < 2 {
        (annotator.add)(AnnotationKind::NotGauge((annotator.metric)()));
    }
    let mut result = last.clone();
    // The last two samples are the last two histograms.
    let is_reset = view.resets.last().copied().unwrap_or(false);
    if !rate || !is_reset {
        told(result.subtract(before), "subtraction", annotator)?;
    }
    if rate {
        result.divide(seconds);
    }
    result.hint = ResetHint::Gauge;
    sample(result)
}

/// Tells when some histograms of an aggregation say they were reset and others that they weren't.
fn judge_hints(natives: &[FloatHistogram], annotator: &Annotator<'_>) {
    let has = |hint| natives.iter().any(|h| h.hint == hint);
    if has(ResetHint::Reset) && has(ResetHint::NotReset) {
        (annotator.add)(AnnotationKind::HintsCollide("aggregation"));
    }
}

pub(super) fn sum(view: &View<'_>, annotator: &Annotator<'_>) -> Option<Sample> {
    let (first, rest) = view.natives.split_first()?;
    let mut sum = first.clone();
    for other in rest {
        told(sum.add(other), "aggregation", annotator)?;
    }
    judge_hints(view.natives, annotator);
    Some(Sample::Histogram(Arc::new(sum.to_model())))
}

pub(super) fn avg(view: &View<'_>, annotator: &Annotator<'_>) -> Option<Sample> {
    let (first, rest) = view.natives.split_first()?;
    let mut mean = NativeMean::of(first.clone());
    for other in rest {
        told(mean.add(other), "aggregation", annotator)?;
    }
    judge_hints(view.natives, annotator);
    Some(Sample::Histogram(Arc::new(mean.value().to_model())))
}
