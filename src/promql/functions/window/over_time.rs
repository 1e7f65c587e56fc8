//! Aggregates over time.

use super::{Annotator, View};
use crate::promql::{
    QueryError,
    data::{annotations::AnnotationKind, row::Sample},
    functions::{
        kahan::{Kahan, Mean},
        quantile,
    },
};

pub(super) fn count(view: &View<'_>) -> Option<f64> {
    Some(view.values.len() as f64)
}

pub(super) fn count_both(view: &View<'_>, _: &Annotator<'_>) -> Option<Sample> {
    Some(Sample::Float((view.values.len() + view.histograms.len()) as f64))
}

pub(super) fn present(_: &View<'_>) -> Option<f64> {
    Some(1.0)
}

pub(super) fn present_both(_: &View<'_>, _: &Annotator<'_>) -> Option<Sample> {
    Some(Sample::Float(1.0))
}

pub(super) fn sum(view: &View<'_>) -> Option<f64> {
    let mut sum = Kahan::default();
    view.values.iter().for_each(|v| sum.add(*v));
    Some(if sum.sum.is_infinite() { sum.sum } else { sum.total() })
}

pub(super) fn avg(view: &View<'_>) -> Option<f64> {
    let (first, rest) = view.values.split_first()?;
    let mut mean = Mean::of(*first);
    rest.iter().for_each(|v| mean.add(*v));
    Some(mean.value())
}

/// The extreme value and its time; NaN only when there is nothing else.
fn extreme(view: &View<'_>, beats: impl Fn(f64, f64) -> bool) -> Option<(i64, f64)> {
    let mut samples = view.times.iter().copied().zip(view.values.iter().copied());
    let mut best = samples.next()?;
    for sample in samples {
        if best.1.is_nan() || beats(sample.1, best.1) {
            best = sample;
        }
    }
    Some(best)
}

pub(super) fn min(view: &View<'_>) -> Option<f64> {
    extreme(view, |v, best| v < best).map(|(_, v)| v)
}

pub(super) fn max(view: &View<'_>) -> Option<f64> {
    extreme(view, |v, best| v > best).map(|(_, v)| v)
}

/// The last time at which the minimum was reached, in seconds.
pub(super) fn time_of_min(view: &View<'_>) -> Option<f64> {
    extreme(view, |v, best| v <= best).map(|(t, _)| t as f64 / 1000.0)
}

/// The last time at which the maximum was reached, in seconds.
pub(super) fn time_of_max(view: &View<'_>) -> Option<f64> {
    extreme(view, |v, best| v >= best).map(|(t, _)| t as f64 / 1000.0)
}

/// Welford's variance with compensated mean and squares.
pub(super) fn stdvar(view: &View<'_>) -> Option<f64> {
    if view.values.is_empty() {
        return None;
    }
    let (mut mean, mut squares, mut count) = (Kahan::default(), Kahan::default(), 0.0);
    for value in view.values {
        count += 1.0;
        let delta = value - mean.total();
        mean.add(delta / count);
        squares.add(delta * (value - mean.total()));
    }
    Some(squares.total() / count)
}

pub(super) fn stddev(view: &View<'_>) -> Option<f64> {
    stdvar(view).map(f64::sqrt)
}

/// The median of the distances to the median.
pub(super) fn mad(view: &View<'_>) -> Option<f64> {
    if view.values.is_empty() {
        return None;
    }
    if view.values.iter().any(|v| v.is_nan()) {
        return Some(f64::NAN);
    }
    let mut values = view.values.to_vec();
    let median = quantile::quantile(0.5, &mut values);
    values.iter_mut().for_each(|v| *v = (*v - median).abs());
    Some(quantile::quantile(0.5, &mut values))
}

pub(super) fn quantile(view: &View<'_>) -> Option<f64> {
    if view.values.is_empty() {
        return None;
    }
    let [q, _] = view.args;
    Some(quantile::quantile(q, &mut view.values.to_vec()))
}

pub(super) fn check_quantile(view: &View<'_>) -> Result<Option<AnnotationKind>, QueryError> {
    let [q, _] = view.args;
    Ok((!view.values.is_empty() && !(0.0..=1.0).contains(&q)).then_some(AnnotationKind::InvalidQuantile(q)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::over;

    fn of(name: &str, values: &[f64]) -> f64 {
        let samples: Vec<_> = (1..).zip(values.iter().copied()).collect();
        over(name, &samples, (0, 100), [0.5, 0.0]).unwrap()
    }

    #[test]
    fn each_aggregate_matches_a_count_by_hand() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        let expected = [
            ("count_over_time", 8.0),
            ("sum_over_time", 40.0),
            ("avg_over_time", 5.0),
            ("min_over_time", 2.0),
            ("max_over_time", 9.0),
            ("stddev_over_time", 2.0),
            ("stdvar_over_time", 4.0),
            ("mad_over_time", 0.5),
            ("quantile_over_time", 4.5),
            ("present_over_time", 1.0),
            ("ts_of_max_over_time", 8.0),
            ("ts_of_min_over_time", 1.0),
        ];
        for (name, value) in expected {
            assert_eq!(of(name, &values), value, "{name}");
        }
    }

    #[test]
    fn sums_keep_what_rounding_loses() {
        assert_eq!(of("sum_over_time", &[1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(of("sum_over_time", &[f64::INFINITY, 1.0]), f64::INFINITY);
        assert_eq!(of("avg_over_time", &[f64::MAX, f64::MAX]), f64::MAX);
    }

    #[test]
    fn nan_loses_to_any_number() {
        assert_eq!(of("min_over_time", &[f64::NAN, 3.0, f64::NAN]), 3.0);
        assert_eq!(of("max_over_time", &[f64::NAN, -3.0]), -3.0);
        assert!(of("max_over_time", &[f64::NAN]).is_nan());
        assert!(of("mad_over_time", &[1.0, f64::NAN]).is_nan());
    }

    #[test]
    fn of_equal_extremes_the_last_time_counts() {
        assert_eq!(of("ts_of_max_over_time", &[1.0, 5.0, 5.0, 2.0]), 3.0);
    }
}
