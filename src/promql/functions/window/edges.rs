//! Windows with a value at their very edges (`anchored`, `smoothed`).
//!
//! Their views reach beyond the window by the lookback: backwards for both, forwards for `smoothed`.

use super::{Annotator, View, extended_native, order};
use crate::promql::data::{annotations::AnnotationKind, row::Sample};

/// What to compute from the values at the edges.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    /// Falls are resets.
    pub(super) counter: bool,
    pub(super) per_second: bool,
    /// Values at the edges are interpolated; otherwise the nearest samples stand there.
    pub(super) smoothed: bool,
}

const RATE: Change = Change { counter: true, per_second: true, smoothed: false };
const INCREASE: Change = Change { per_second: false, ..RATE };
const DELTA: Change = Change { counter: false, ..INCREASE };

pub(super) fn anchored_rate(view: &View<'_>, annotator: &Annotator<'_>) -> Option<Sample> {
    change(view, annotator, RATE)
}

pub(super) fn smoothed_rate(view: &View<'_>, annotator: &Annotator<'_>) -> Option<Sample> {
    change(view, annotator, Change { smoothed: true, ..RATE })
}

pub(super) fn anchored_increase(view: &View<'_>, annotator: &Annotator<'_>) -> Option<Sample> {
    change(view, annotator, INCREASE)
}

pub(super) fn smoothed_increase(view: &View<'_>, annotator: &Annotator<'_>) -> Option<Sample> {
    change(view, annotator, Change { smoothed: true, ..INCREASE })
}

pub(super) fn anchored_delta(view: &View<'_>, annotator: &Annotator<'_>) -> Option<Sample> {
    change(view, annotator, DELTA)
}

pub(super) fn smoothed_delta(view: &View<'_>, annotator: &Annotator<'_>) -> Option<Sample> {
    change(view, annotator, Change { smoothed: true, ..DELTA })
}

/// The samples at the edges: positions of the last one at or before the start (or the first of all) and of the last one
/// (smoothed: the first at or after the end). `None` when nothing is inside.
pub(super) fn edges(times: &[i64], view: &View<'_>, smoothed: bool) -> Option<(usize, usize)> {
    let mut last = times.len().checked_sub(1)?;
    let before_last = times.get(..last).unwrap_or_default();
    let first = before_last.partition_point(|t| *t <= view.start).saturating_sub(1);
    if smoothed {
        last = before_last.partition_point(|t| *t < view.end);
    }
    let (first_time, last_time) = (*times.get(first)?, *times.get(last)?);
    let outside = last_time <= view.start || (smoothed && first_time > view.end);
    (!outside).then_some((first, last))
}

fn change(view: &View<'_>, annotator: &Annotator<'_>, how: Change) -> Option<Sample> {
    match (view.values.is_empty(), view.natives.is_empty()) {
        (false, true) => floats(view, how).map(Sample::Float),
        (true, false) => extended_native::change(view, annotator, how),
        (true, true) => None,
        (false, false) => {
            (annotator.add)(AnnotationKind::MixedFloatsHistograms((annotator.metric)()));
            None
        }
    }
}

/// The value at `t` on the line between two samples. A counter that was reset between them started from 0.
pub(super) fn interpolate((t1, v1): (i64, f64), (t2, v2): (i64, f64), t: i64, counter: bool) -> f64 {
    let v1 = if counter && v2 < v1 { 0.0 } else { v1 };
    v1 + (v2 - v1) * t.saturating_sub(t1) as f64 / t2.saturating_sub(t1) as f64
}

fn floats(view: &View<'_>, how: Change) -> Option<f64> {
    let (mut first, mut last) = edges(view.times, view, how.smoothed)?;
    let at = |i: usize| Some((*view.times.get(i)?, *view.values.get(i)?));
    let left = match at(first)? {
        sample if how.smoothed && sample.0 < view.start => interpolate(sample, at(first + 1)?, view.start, how.counter),
        (_, value) => value,
    };
    let right = match at(last)? {
        sample if how.smoothed && last > 0 && sample.0 > view.end => {
            interpolate(at(last - 1)?, sample, view.end, how.counter)
        }
        (_, value) => value,
    };
    let mut result = right - left;
    if how.counter {
        // Resets at the edges are in the values there; those between samples inside are still to be added.
        if at(first)?.0 <= view.start {
            first += 1;
        }
        let end = if at(last)?.0 >= view.end { last } else { last + 1 };
        last = end.max(first);
        let mut before = left;
        for value in view.values.get(first..last)?.iter().copied().chain([right]) {
            if value < before {
                result += before;
            }
            before = value;
        }
    }
    let seconds = view.end.saturating_sub(view.start) as f64 / 1000.0;
    Some(if how.per_second { result / seconds } else { result })
}

/// The view from the newest sample at or before the start on; `None` when nothing lies inside.
fn from_anchor<'a>(view: &View<'a>) -> Option<View<'a>> {
    let floats = view.times.partition_point(|t| *t <= view.start);
    let histograms = view.histograms.partition_point(|(t, _)| *t <= view.start);
    if floats >= view.times.len() && histograms >= view.histograms.len() {
        return None;
    }
    let float_time = floats.checked_sub(1).and_then(|i| view.times.get(i));
    let histogram_time = histograms.checked_sub(1).and_then(|i| view.histograms.get(i)).map(|h| h.0);
    let (floats, histograms) = match (float_time, histogram_time) {
        (None, None) => (floats, histograms),
        (Some(f), Some(h)) if *f < h => (floats, histograms - 1),
        (None, Some(_)) => (floats, histograms - 1),
        (Some(_), _) => (floats - 1, histograms),
    };
    Some(View {
        times: view.times.get(floats..)?,
        values: view.values.get(floats..)?,
        histograms: view.histograms.get(histograms..)?,
        natives: view.natives.get(histograms..)?,
        resets: view.resets.get(histograms..).unwrap_or_default(),
        float_starts: view.float_starts.get(floats..).unwrap_or_default(),
        histogram_starts: view.histogram_starts.get(histograms..).unwrap_or_default(),
        ..*view
    })
}

pub(super) fn changes(view: &View<'_>, annotator: &Annotator<'_>) -> Option<Sample> {
    order::changes(&from_anchor(view)?, annotator)
}

pub(super) fn resets(view: &View<'_>, annotator: &Annotator<'_>) -> Option<Sample> {
    order::resets(&from_anchor(view)?, annotator)
}

/// The samples of an extended window with values at both edges, for showing a range vector as it is.
pub(crate) fn with_edges(view: &View<'_>, smoothed: bool) -> Option<Vec<(i64, f64)>> {
    let (first, last) = edges(view.times, view, smoothed)?;
    let at = |i: usize| Some((*view.times.get(i)?, *view.values.get(i)?));
    let left = match at(first)? {
        sample if smoothed && sample.0 < view.start => interpolate(sample, at(first + 1)?, view.start, false),
        (_, value) => value,
    };
    let right = match at(last)? {
        sample if smoothed && last > 0 && sample.0 > view.end => interpolate(at(last - 1)?, sample, view.end, false),
        (_, value) => value,
    };
    let all = view.times.iter().copied().zip(view.values.iter().copied());
    let inside = all.skip(first).take(last + 1 - first).filter(|(t, _)| *t > view.start && *t < view.end);
    Some([(view.start, left)].into_iter().chain(inside).chain([(view.end, right)]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view<'a>(times: &'a [i64], values: &'a [f64]) -> View<'a> {
        View { times, values, start: 10_000, end: 40_000, now: 40_000, ..View::default() }
    }

    #[test]
    fn an_anchored_window_starts_at_the_sample_before_it() {
        let view = view(&[5_000, 20_000, 35_000], &[1.0, 4.0, 6.0]);
        assert_eq!(floats(&view, INCREASE), Some(5.0));
        assert_eq!(floats(&view, RATE), Some(5.0 / 30.0));
    }

    #[test]
    fn a_smoothed_window_is_interpolated_at_both_edges() {
        let view = view(&[0, 20_000, 60_000], &[0.0, 20.0, 60.0]);
        assert_eq!(floats(&view, Change { smoothed: true, ..DELTA }), Some(30.0));
        assert_eq!(with_edges(&view, true), Some(vec![(10_000, 10.0), (20_000, 20.0), (40_000, 40.0)]));
    }

    #[test]
    fn resets_inside_an_anchored_window_count() {
        let view = view(&[5_000, 20_000, 30_000, 35_000], &[1.0, 4.0, 1.0, 2.0]);
        assert_eq!(floats(&view, INCREASE), Some(5.0));
        assert_eq!(floats(&view, DELTA), Some(1.0));
    }
}
