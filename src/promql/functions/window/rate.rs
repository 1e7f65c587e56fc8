//! How fast a series moves.

use super::View;

/// A sample nearer to the window's edge than this many average distances is taken to continue up to the edge.
pub(super) const EXTRAPOLATION_THRESHOLD: f64 = 1.1;

/// What a function makes of the difference between the first and the last sample of a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Difference {
    /// Falls are resets, and nothing was ever below zero.
    pub(super) counter: bool,
    pub(super) per_second: bool,
}

pub(super) const RATE: Difference = Difference { counter: true, per_second: true };
pub(super) const INCREASE: Difference = Difference { counter: true, per_second: false };
pub(super) const DELTA: Difference = Difference { counter: false, per_second: false };

pub(super) fn rate(view: &View<'_>) -> Option<f64> {
    extrapolated(view, RATE)
}

pub(super) fn increase(view: &View<'_>) -> Option<f64> {
    extrapolated(view, INCREASE)
}

pub(super) fn delta(view: &View<'_>) -> Option<f64> {
    extrapolated(view, DELTA)
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// The difference between the first and the last sample, stretched to the whole window.
pub(super) fn extrapolated(view: &View<'_>, Difference { counter, per_second }: Difference) -> Option<f64> {
    let (first, last) = (*view.values.first()?, *view.values.last()?);
    let mut result = last - first;
    if counter {
        // A counter that fell had been reset to 0: what it had reached before counts.
        for event in view.events {
            result += view.values.get((*event as usize).checked_sub(view.base + 1)?)?;
        }
    }
    let factor = match view.float(0)?.zero_after(view.start).filter(|_| counter) {
        Some(zero) => {
            result += first;
            from_zero(zero, *view.times.first()?, *view.times.last()?, view.times.len(), view.end)
        }
        None if view.values.len() < 2 => return None,
        None => extrapolation(view, view.times, |sampled| {
            (counter && result > 0.0 && first >= 0.0).then(|| sampled * (first / result))
        })?,
    };
    let factor = if per_second { factor / seconds(view.end.saturating_sub(view.start)) } else { factor };
    Some(result * factor)
}

/// The factor from what was counted since `zero`, which lies in the window, to the time from there to the window's end.
pub(super) fn from_zero(zero: i64, first: i64, last: i64, samples: usize, end: i64) -> f64 {
    let mut to_end = seconds(end.saturating_sub(last));
    let parts = samples.saturating_sub(1);
    let average = if parts == 0 { 0.0 } else { seconds(last.saturating_sub(first)) / parts as f64 };
    if to_end >= average * EXTRAPOLATION_THRESHOLD {
        to_end = average / 2.0;
    }
    let counted = seconds(last.saturating_sub(zero));
    (counted + to_end) / counted
}

/// The factor from what was sampled to the whole window.
///
/// Edges are reached when a sample is near; otherwise the series is taken to begin or end half an average distance
/// beyond its outermost sample. `to_zero` tells, for a counter, how long before its first sample it must have been 0:
/// it can't have begun before.
pub(super) fn extrapolation(view: &View<'_>, times: &[i64], to_zero: impl Fn(f64) -> Option<f64>) -> Option<f64> {
    let (first, last) = (*times.first()?, *times.last()?);
    let mut to_start = seconds(first.saturating_sub(view.start));
    let mut to_end = seconds(view.end.saturating_sub(last));
    let sampled = seconds(last.saturating_sub(first));
    let average = sampled / (times.len() - 1) as f64;
    let reach = average * EXTRAPOLATION_THRESHOLD;
    if to_start >= reach {
        to_start = average / 2.0;
    }
    if let Some(to_zero) = to_zero(sampled)
        && to_zero < to_start
    {
        to_start = to_zero;
    }
    if to_end >= reach {
        to_end = average / 2.0;
    }
    Some((sampled + to_start + to_end) / sampled)
}

/// The last two samples.
fn last_two(view: &View<'_>) -> Option<((i64, f64), (i64, f64))> {
    let [.., t1, t2] = view.times else { return None };
    let [.., v1, v2] = view.values else { return None };
    (t1 != t2).then_some(((*t1, *v1), (*t2, *v2)))
}

pub(super) fn irate(view: &View<'_>) -> Option<f64> {
    let ((t1, v1), (t2, v2)) = last_two(view)?;
    let (before, now) = view.float(view.times.len().checked_sub(2)?).zip(view.float(view.times.len() - 1))?;
    let rise = if v2 < v1 || now.is_reset_after(before) { v2 } else { v2 - v1 };
    Some(rise / seconds(t2.saturating_sub(t1)))
}

pub(super) fn idelta(view: &View<'_>) -> Option<f64> {
    let ((_, v1), (_, v2)) = last_two(view)?;
    Some(v2 - v1)
}

#[cfg(test)]
mod tests {
    use super::super::tests::over;

    const NONE: [f64; 2] = [0.0; 2];

    #[test]
    fn a_steady_counter_is_extrapolated_to_both_edges() {
        let samples: Vec<_> = (1..=5).map(|i| (i * 60, i as f64 * 60.0)).collect();
        // 240 in 240 s; the window is 300 s and begins within reach of the first sample.
        assert_eq!(over("rate", &samples, (0, 300), NONE), Some(1.0));
        assert_eq!(over("increase", &samples, (0, 300), NONE), Some(300.0));
        assert_eq!(over("delta", &samples, (0, 300), NONE), Some(300.0));
    }

    #[test]
    fn extrapolation_stops_half_a_distance_beyond_a_series_end() {
        let samples = [(100, 10.0), (110, 20.0), (120, 30.0)];
        // 20 in 20 s, plus 5 s (half of 10 s) at the end; a counter at 10 that rises by 1/s began 10 s before, so
        // half a distance at the start, too.
        assert_eq!(over("increase", &samples, (0, 300), NONE), Some(30.0));
        assert_eq!(over("delta", &samples, (0, 300), NONE), Some(30.0));
    }

    #[test]
    fn a_counter_is_never_extrapolated_below_zero() {
        let samples = [(100, 1.0), (110, 11.0), (120, 21.0)];
        assert_eq!(over("increase", &samples, (95, 120), NONE), Some(21.0));
        assert_eq!(over("delta", &samples, (95, 120), NONE), Some(25.0));
    }

    #[test]
    fn what_a_counter_had_before_a_reset_counts() {
        let samples = [(15, 100.0), (30, 110.0), (45, 5.0), (60, 10.0)];
        // 10 − 100 + 110 = 20 in 45 s, over a window of 60 s.
        assert_eq!(over("increase", &samples, (0, 60), NONE), Some(20.0 * (60.0 / 45.0)));
        assert_eq!(over("delta", &samples, (0, 60), NONE), Some(-90.0 * (60.0 / 45.0)));
    }

    #[test]
    fn one_sample_has_no_rate() {
        for name in ["rate", "irate", "delta", "idelta"] {
            assert_eq!(over(name, &[(10, 1.0)], (0, 60), NONE), None);
        }
    }

    #[test]
    fn the_instant_functions_look_at_the_last_two_samples() {
        let samples = [(10, 1.0), (20, 50.0), (30, 40.0)];
        assert_eq!(over("irate", &samples, (0, 30), NONE), Some(4.0), "after a reset the whole value counts");
        assert_eq!(over("idelta", &samples, (0, 30), NONE), Some(-10.0));
        assert_eq!(over("irate", &samples, (0, 20), NONE), Some(4.9));
    }
}
