//! How fast a series moves.

use super::{Counted, View};

/// A sample nearer to the window's edge than this many average distances is taken to continue up to the edge.
const REACH: f64 = 1.1;

/// What a function makes of the difference between the first and the last sample of a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Difference {
    /// Falls are resets, and nothing was ever below zero.
    counter: bool,
    per_second: bool,
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
fn extrapolated(view: &View<'_>, Difference { counter, per_second }: Difference) -> Option<f64> {
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
    if to_end >= average * REACH {
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
    let reach = average * REACH;
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

/// So many windows are worked on together.
const TOGETHER: usize = 16;

/// What is known of some windows with two samples or more, before arithmetic: one column for each number, so that the
/// processor divides several at a time and never has to guess which way a comparison goes.
struct Edges {
    windows: usize,
    steps: [usize; TOGETHER],
    /// First value and difference.
    first: [f64; TOGETHER],
    result: [f64; TOGETHER],
    /// Distances between samples, in ms from the first sample to the last, and to both ends of the window.
    parts: [f64; TOGETHER],
    sampled: [f64; TOGETHER],
    to_start: [f64; TOGETHER],
    to_end: [f64; TOGETHER],
    whole: [f64; TOGETHER],
}

impl Edges {
    fn new() -> Self {
        let zeros = [0.0; TOGETHER];
        Self {
            windows: 0,
            steps: [0; TOGETHER],
            first: zeros,
            result: zeros,
            parts: zeros,
            sampled: zeros,
            to_start: zeros,
            to_end: zeros,
            whole: zeros,
        }
    }

    /// Leaves in `result` what [`extrapolated`] makes of each window.
    fn extrapolate(&mut self, Difference { counter, per_second }: Difference) {
        let (result, _) = self.result.split_at_mut(self.windows.min(TOGETHER));
        let samples = self.first.iter().zip(result);
        let inner = self.parts.iter().zip(&self.sampled);
        let outer = self.to_start.iter().zip(&self.to_end).zip(&self.whole);
        for (((first, result), (parts, sampled)), ((to_start, to_end), whole)) in samples.zip(inner).zip(outer) {
            let (sampled, start, end) = (sampled / 1000.0, to_start / 1000.0, to_end / 1000.0);
            let average = sampled / parts;
            let (reach, half) = (average * REACH, average / 2.0);
            let start = if start >= reach { half } else { start };
            let to_zero = sampled * (first / *result);
            let began = counter & (*result > 0.0) & (*first >= 0.0) & (to_zero < start);
            let start = if began { to_zero } else { start };
            let end = if end >= reach { half } else { end };
            let factor = (sampled + start + end) / sampled;
            let factor = if per_second { factor / (whole / 1000.0) } else { factor };
            *result *= factor;
        }
    }

    /// Hands over the results and is empty again.
    fn finish(&mut self, difference: Difference, set: &mut impl FnMut(usize, f64)) {
        self.extrapolate(difference);
        self.steps.iter().zip(&self.result).take(self.windows).for_each(|(step, value)| set(*step, *value));
        self.windows = 0;
    }
}

/// The floats of a series.
pub(crate) struct Floats<'a> {
    pub(crate) times: &'a [i64],
    pub(crate) values: &'a [f64],
    /// Start times; those beyond have none.
    pub(crate) starts: &'a [i64],
}

/// Windows of `range` ms that end at these times.
pub(crate) struct Windows<'a> {
    /// Ascending, one for each step.
    pub(crate) ends: &'a [i64],
    pub(crate) range: i64,
}

impl Windows<'_> {
    /// Hands the steps where `difference` has a value to `set`: the same values that [`extrapolated`] finds window by
    /// window, by the same operations in the same order.
    ///
    /// `events` are the positions of the falls in `values`. Answers how many samples the windows have, and how many of them
    /// were not in the one before.
    pub(crate) fn differences(
        &self,
        difference: Difference,
        Floats { times, values, starts }: Floats<'_>,
        events: &[u32],
        mut set: impl FnMut(usize, f64),
    ) -> (usize, usize) {
        let (mut looked_at, mut fresh) = (0, 0);
        let mut edges = Edges::new();
        let (mut low, mut high, mut falls) = (0, 0, events);
        for (step, &end) in self.ends.iter().enumerate() {
            let start = end.saturating_sub(self.range);
            let seen = high;
            while times.get(high).is_some_and(|t| *t <= end) {
                high += 1;
            }
            while low < high && times.get(low).is_some_and(|t| *t <= start) {
                low += 1;
            }
            if low == high {
                continue;
            }
            looked_at += high - low;
            fresh += high - low.max(seen);
            let (Some(&first_time), Some(&last_time)) = (times.get(low), times.get(high - 1)) else { continue };
            let (Some(&first), Some(&last)) = (values.get(low), values.get(high - 1)) else { continue };
            let began = starts.get(low).filter(|_| difference.counter);
            let began = began.and_then(|&begun| Counted { time: first_time, start: begun }.zero_after(start));
            if began.is_none() && high < low + 2 {
                continue;
            }
            let mut result = last - first;
            if difference.counter && !falls.is_empty() {
                while falls.first().is_some_and(|at| *at as usize <= low) {
                    falls = falls.get(1..).unwrap_or_default();
                }
                for at in falls.iter().map(|at| *at as usize).take_while(|at| *at < high) {
                    result += values.get(at - 1).copied().unwrap_or(f64::NAN);
                }
            }
            if let Some(zero) = began {
                let factor = from_zero(zero, first_time, last_time, high - low, end);
                let whole = if difference.per_second { seconds(end.saturating_sub(start)) } else { 1.0 };
                set(step, (result + first) * (factor / whole));
                continue;
            }
            let i = edges.windows;
            for (column, number) in [
                (&mut edges.first, first),
                (&mut edges.result, result),
                (&mut edges.parts, (high - 1 - low) as f64),
                (&mut edges.sampled, last_time.saturating_sub(first_time) as f64),
                (&mut edges.to_start, first_time.saturating_sub(start) as f64),
                (&mut edges.to_end, end.saturating_sub(last_time) as f64),
                (&mut edges.whole, end.saturating_sub(start) as f64),
            ] {
                if let Some(place) = column.get_mut(i) {
                    *place = number;
                }
            }
            if let Some(place) = edges.steps.get_mut(i) {
                *place = step;
            }
            edges.windows += 1;
            if edges.windows == TOGETHER {
                edges.finish(difference, &mut set);
            }
        }
        if edges.windows > 0 {
            edges.finish(difference, &mut set);
        }
        (looked_at, fresh)
    }
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
    use proptest::prelude::*;

    use super::{super::tests::over, *};

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

    proptest! {
        #[test]
        fn going_through_a_series_finds_what_each_window_by_itself_has(
            steps in prop::collection::vec((prop_oneof![3 => Just(15_000i64), 1 => 1i64..40_000], value(), start()), 0..60),
            from in -50_000i64..200_000,
            step in 1i64..70_000,
            range in 1i64..200_000,
        ) {
            let mut time = 0;
            let times: Vec<i64> = steps.iter().map(|(gap, ..)| { time += gap; time }).collect();
            let values: Vec<f64> = steps.iter().map(|(_, value, _)| *value).collect();
            let starts: Vec<i64> = times.iter().zip(&steps).map(|(time, (.., start))| start.map_or(0, |s| time - s)).collect();
            let falls: Vec<u32> = (1..values.len()).filter(|i| values[*i] < values[*i - 1]).map(|i| i as u32).collect();
            let ends: Vec<i64> = (0..40).map(|i| from + i * step).collect();
            for difference in [RATE, INCREASE, DELTA] {
                let mut found = vec![None; ends.len()];
                let windows = Windows { ends: &ends, range };
                let floats = Floats { times: &times, values: &values, starts: &starts };
                windows.differences(difference, floats, &falls, |step, value| found[step] = Some(value.to_bits()));
                for (end, found) in ends.iter().zip(found) {
                    let low = times.partition_point(|t| *t <= end - range);
                    let high = times.partition_point(|t| t <= end).max(low);
                    let inside = |at: &&u32| low < **at as usize && (**at as usize) < high;
                    let events: Vec<u32> = falls.iter().filter(inside).copied().collect();
                    let view = View {
                        times: &times[low..high],
                        values: &values[low..high],
                        float_starts: &starts[low..high],
                        events: &events,
                        base: low,
                        start: end - range,
                        end: *end,
                        ..View::default()
                    };
                    prop_assert_eq!(extrapolated(&view, difference).map(f64::to_bits), found);
                }
            }
        }
    }

    /// How long before the sample.
    fn start() -> impl Strategy<Value = Option<i64>> {
        prop_oneof![2 => Just(None), 1 => prop_oneof![-5_000i64..30_000, 0i64..200_000].prop_map(Some)]
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            8 => (0u32..1000).prop_map(f64::from),
            1 => any::<f64>(),
            1 => Just(f64::INFINITY),
            1 => Just(-0.0),
        ]
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
