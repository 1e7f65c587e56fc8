//! What comes first, last, and after what.

use std::sync::Arc;

use super::{Annotator, View};
use crate::{model::Histogram, promql::data::row::Sample};

/// How often the event happened.
pub(super) fn events(view: &View<'_>) -> Option<f64> {
    Some(view.events.len() as f64)
}

pub(super) fn first(view: &View<'_>) -> Option<f64> {
    view.values.first().copied()
}

pub(super) fn last(view: &View<'_>) -> Option<f64> {
    view.values.last().copied()
}

pub(super) fn first_time(view: &View<'_>) -> Option<f64> {
    view.times.first().map(|t| *t as f64 / 1000.0)
}

pub(super) fn last_time(view: &View<'_>) -> Option<f64> {
    view.times.last().map(|t| *t as f64 / 1000.0)
}

fn histogram(sample: &(i64, Arc<Histogram>)) -> Sample {
    Sample::Histogram(Arc::clone(&sample.1))
}

pub(super) fn first_of_both(view: &View<'_>, _: &Annotator<'_>) -> Option<Sample> {
    match (view.times.first(), view.histograms.first()) {
        (Some(t), Some(h)) if h.0 <= *t => Some(histogram(h)),
        (None, h) => h.map(histogram),
        _ => first(view).map(Sample::Float),
    }
}

pub(super) fn last_of_both(view: &View<'_>, _: &Annotator<'_>) -> Option<Sample> {
    match (view.times.last(), view.histograms.last()) {
        (Some(t), Some(h)) if h.0 >= *t => Some(histogram(h)),
        (None, h) => h.map(histogram),
        _ => last(view).map(Sample::Float),
    }
}

pub(super) fn first_time_of_both(view: &View<'_>, _: &Annotator<'_>) -> Option<Sample> {
    let times = [view.times.first().copied(), view.histograms.first().map(|h| h.0)];
    times.into_iter().flatten().min().map(|t| Sample::Float(t as f64 / 1000.0))
}

pub(super) fn last_time_of_both(view: &View<'_>, _: &Annotator<'_>) -> Option<Sample> {
    let times = [view.times.last().copied(), view.histograms.last().map(|h| h.0)];
    times.into_iter().flatten().max().map(|t| Sample::Float(t as f64 / 1000.0))
}

/// The position of a float or a histogram.
enum At {
    Float(usize),
    Histogram(usize),
}

/// Counts neighbours in time of which `differ` says so, given the position of the later one; a float beside a histogram
/// always counts.
fn count_pairs(view: &View<'_>, floats: impl Fn(usize) -> bool, histograms: impl Fn(usize) -> bool) -> Option<Sample> {
    let mut all: Vec<(i64, At)> = view.times.iter().enumerate().map(|(i, t)| (*t, At::Float(i))).collect();
    all.extend(view.histograms.iter().enumerate().map(|(i, (t, _))| (*t, At::Histogram(i))));
    all.sort_by_key(|(t, _)| *t);
    let differ = |(before, now): &(&(i64, At), &(i64, At))| match (&before.1, &now.1) {
        (At::Float(_), At::Float(i)) => floats(*i),
        (At::Histogram(_), At::Histogram(i)) => histograms(*i),
        _ => true,
    };
    Some(Sample::Float(all.iter().zip(all.iter().skip(1)).filter(differ).count() as f64))
}

/// Item `i` and the one before it.
fn pair<T>(all: &[T], i: usize) -> Option<(&T, &T)> {
    all.get(i.checked_sub(1)?).zip(all.get(i))
}

pub(super) fn changes(view: &View<'_>, _: &Annotator<'_>) -> Option<Sample> {
    let floats = |i| pair(view.values, i).is_some_and(|(a, b)| a != b && !(a.is_nan() && b.is_nan()));
    count_pairs(view, floats, |i| pair(view.natives, i).is_some_and(|(a, b)| !a.says_the_same(b)))
}

pub(super) fn resets(view: &View<'_>, _: &Annotator<'_>) -> Option<Sample> {
    let anew = |i: usize| view.float(i - 1).zip(view.float(i)).is_some_and(|(a, b)| b.is_reset_after(a));
    let floats = |i| pair(view.values, i).is_some_and(|(a, b)| b < a) || anew(i);
    count_pairs(view, floats, |i| view.resets.get(i).copied().unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::super::tests::over;

    #[test]
    fn changes_and_resets_are_counted_between_samples_inside_the_window() {
        let samples = [(1, 1.0), (2, 2.0), (3, 1.0), (4, 1.0), (5, f64::NAN), (6, f64::NAN), (7, 0.0)];
        assert_eq!(over("changes", &samples, (0, 7), [0.0; 2]), Some(4.0));
        assert_eq!(over("resets", &samples, (0, 7), [0.0; 2]), Some(1.0));
        assert_eq!(over("resets", &samples, (2, 7), [0.0; 2]), Some(0.0), "the fall lies at the open edge");
    }

    #[test]
    fn the_outermost_samples_and_their_times_are_told() {
        let samples = [(1, 1.0), (2, 2.0), (3, 3.0)];
        let of = |name| over(name, &samples, (1, 3), [0.0; 2]).unwrap();
        assert_eq!((of("first_over_time"), of("last_over_time")), (2.0, 3.0));
        assert_eq!((of("ts_of_first_over_time"), of("ts_of_last_over_time")), (2.0, 3.0));
    }
}
