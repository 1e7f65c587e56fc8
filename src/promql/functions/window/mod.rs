//! Functions over the samples of one series in a window.
//!
//! A [`View`] is what a function sees: slices of the series' columns, so that moving a window is moving two indexes.
//! Where walking a whole window at each step would cost too much, the positions of rare events (a counter that falls,
//! a value that changes) are found once per series, and the view brings those inside the window.

mod differences;
mod edges;
mod extended_native;
mod extremes;
mod native;
mod order;
mod over_time;
mod rate;
mod regression;

pub(crate) use differences::Windows;
pub(crate) use edges::with_edges;
pub(crate) use extended_native::interpolate as interpolate_native;
pub(crate) use extremes::Extremes;
pub(crate) use rate::Difference;

use std::sync::Arc;

use super::native::FloatHistogram;
use crate::{
    model::{Counted, Histogram, SeriesBuf},
    promql::{
        QueryError,
        data::{annotations::AnnotationKind, row::Sample},
    },
};

/// A window over one series.
#[derive(Default)]
pub(crate) struct View<'a> {
    /// Times of the floats inside, ascending.
    pub(crate) times: &'a [i64],
    /// Their values.
    pub(crate) values: &'a [f64],
    /// Positions in `values`, from `base` on, where the event happened between this value and the one before it.
    pub(crate) events: &'a [u32],
    /// What to subtract from an event's position.
    pub(crate) base: usize,
    /// Their start times; those beyond have none.
    pub(crate) float_starts: &'a [i64],
    /// Histograms inside, with their times.
    pub(crate) histograms: &'a [(i64, Arc<Histogram>)],
    /// The same, laid out for calculation.
    pub(crate) natives: &'a [FloatHistogram],
    /// For each of them, whether it is reset after the one before it in the series.
    pub(crate) resets: &'a [bool],
    /// Start times of the histograms; those beyond have none.
    pub(crate) histogram_starts: &'a [i64],
    /// The window is `(start, end]`, in ms.
    pub(crate) start: i64,
    /// End of the window in ms.
    pub(crate) end: i64,
    /// The evaluation time in ms.
    pub(crate) now: i64,
    /// The scalar arguments at this step.
    pub(crate) args: [f64; 2],
}

impl View<'_> {
    /// Time and start time of float `i`.
    fn float(&self, i: usize) -> Option<Counted> {
        let start = self.float_starts.get(i).copied().unwrap_or(0);
        self.times.get(i).map(|time| Counted { time: *time, start })
    }

    /// Time and start time of histogram `i`.
    fn histogram(&self, i: usize) -> Option<Counted> {
        let start = self.histogram_starts.get(i).copied().unwrap_or(0);
        self.histograms.get(i).map(|h| Counted { time: h.0, start })
    }
}

/// What is looked for once per series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Events {
    /// Nothing.
    None,
    /// A value below the one before, or counted anew after it.
    Falls,
    /// A value that isn't the one before.
    Changes,
}

/// Where a function for histograms leaves its annotations.
pub(crate) struct Annotator<'a> {
    /// The metric's name.
    pub(crate) metric: &'a dyn Fn() -> String,
    pub(crate) add: &'a dyn Fn(AnnotationKind),
}

/// A function over a window with histograms.
pub(crate) type NativeFunction = fn(&View<'_>, &Annotator<'_>) -> Option<Sample>;

/// How a function treats histograms in a window.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Histograms {
    /// It works on the floats and tells that there was more.
    Ignored,
    /// It has no answer for a mix, and this one for histograms alone.
    Unmixed(NativeFunction),
    /// It takes both.
    Taken(NativeFunction),
}

/// A function over a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowFunction {
    /// Its value where the window has floats and nothing else.
    pub(crate) eval: FloatFunction,
    pub(crate) events: Events,
    pub(crate) histograms: Histograms,
    /// For the extremes: whether the first value beats the second. Those are found without looking at a whole window.
    pub(crate) beats: Option<fn(f64, f64) -> bool>,
    /// For the extrapolated differences: which. A series without histograms is gone through in one go then.
    pub(crate) difference: Option<Difference>,
    /// Whether its values are still the metric's values.
    pub(crate) keeps_name: bool,
    /// Whether it is meant for counters only.
    pub(crate) wants_counter: bool,
    /// Judges the scalar arguments where there is a window to apply them to.
    pub(crate) check: Option<Check>,
    /// The function for a window whose last sample before it stands at its start.
    pub(crate) anchored: Option<NativeFunction>,
    /// The function for a window with interpolated values at both edges.
    pub(crate) smoothed: Option<NativeFunction>,
}

/// Judges scalar arguments.
pub(crate) type Check = fn(&View<'_>) -> Result<Option<AnnotationKind>, QueryError>;

const PLAIN: WindowFunction = WindowFunction {
    eval: |_| None,
    events: Events::None,
    histograms: Histograms::Ignored,
    beats: None,
    difference: None,
    keeps_name: false,
    wants_counter: false,
    check: None,
    anchored: None,
    smoothed: None,
};

/// A function of a window's floats.
type FloatFunction = fn(&View<'_>) -> Option<f64>;

/// One that works on floats only.
const fn ignoring(eval: FloatFunction) -> WindowFunction {
    WindowFunction { eval, ..PLAIN }
}

/// One that has an answer for floats and one for histograms, and none for a mix.
const fn unmixed(eval: FloatFunction, native: NativeFunction) -> WindowFunction {
    WindowFunction { eval, histograms: Histograms::Unmixed(native), ..PLAIN }
}

/// One that takes floats and histograms together.
const fn taking(eval: FloatFunction, both: NativeFunction) -> WindowFunction {
    WindowFunction { eval, histograms: Histograms::Taken(both), ..PLAIN }
}

/// One for counters.
const fn counter(eval: FloatFunction, native: NativeFunction) -> WindowFunction {
    WindowFunction { events: Events::Falls, wants_counter: true, ..unmixed(eval, native) }
}

pub(crate) static RATE: WindowFunction = WindowFunction {
    anchored: Some(edges::anchored_rate),
    smoothed: Some(edges::smoothed_rate),
    difference: Some(rate::RATE),
    ..counter(rate::rate, native::rate)
};
pub(crate) static INCREASE: WindowFunction = WindowFunction {
    anchored: Some(edges::anchored_increase),
    smoothed: Some(edges::smoothed_increase),
    difference: Some(rate::INCREASE),
    ..counter(rate::increase, native::increase)
};
pub(crate) static DELTA: WindowFunction = WindowFunction {
    anchored: Some(edges::anchored_delta),
    smoothed: Some(edges::smoothed_delta),
    difference: Some(rate::DELTA),
    ..unmixed(rate::delta, native::delta)
};
pub(crate) static IRATE: WindowFunction = taking(rate::irate, native::irate);
pub(crate) static IDELTA: WindowFunction = taking(rate::idelta, native::idelta);
pub(crate) static DERIV: WindowFunction = ignoring(regression::deriv);
pub(crate) static PREDICT_LINEAR: WindowFunction = ignoring(regression::predict_linear);
pub(crate) static SMOOTHING: WindowFunction =
    WindowFunction { check: Some(regression::check_factors), ..ignoring(regression::smoothing) };
pub(crate) static RESETS: WindowFunction =
    WindowFunction { events: Events::Falls, anchored: Some(edges::resets), ..taking(order::events, order::resets) };
pub(crate) static CHANGES: WindowFunction =
    WindowFunction { events: Events::Changes, anchored: Some(edges::changes), ..taking(order::events, order::changes) };
pub(crate) static FIRST: WindowFunction =
    WindowFunction { keeps_name: true, ..taking(order::first, order::first_of_both) };
pub(crate) static LAST: WindowFunction =
    WindowFunction { keeps_name: true, ..taking(order::last, order::last_of_both) };
pub(crate) static TIME_OF_FIRST: WindowFunction = taking(order::first_time, order::first_time_of_both);
pub(crate) static TIME_OF_LAST: WindowFunction = taking(order::last_time, order::last_time_of_both);
pub(crate) static COUNT: WindowFunction = taking(over_time::count, over_time::count_both);
pub(crate) static PRESENT: WindowFunction = taking(over_time::present, over_time::present_both);
pub(crate) static SUM: WindowFunction = unmixed(over_time::sum, native::sum);
pub(crate) static AVG: WindowFunction = unmixed(over_time::avg, native::avg);
pub(crate) static MIN: WindowFunction = WindowFunction { beats: Some(|a, b| a < b), ..ignoring(over_time::min) };
pub(crate) static MAX: WindowFunction = WindowFunction { beats: Some(|a, b| a > b), ..ignoring(over_time::max) };
pub(crate) static TIME_OF_MIN: WindowFunction = ignoring(over_time::time_of_min);
pub(crate) static TIME_OF_MAX: WindowFunction = ignoring(over_time::time_of_max);
pub(crate) static STDDEV: WindowFunction = ignoring(over_time::stddev);
pub(crate) static STDVAR: WindowFunction = ignoring(over_time::stdvar);
pub(crate) static MAD: WindowFunction = ignoring(over_time::mad);
pub(crate) static QUANTILE: WindowFunction =
    WindowFunction { check: Some(over_time::check_quantile), ..ignoring(over_time::quantile) };

/// The value at `t` on the line between two samples.
pub(crate) fn interpolate(before: (i64, f64), after: (i64, f64), t: i64) -> f64 {
    edges::interpolate(before, after, t, false)
}

/// Puts the positions of `events` in `samples` into `out`.
pub(crate) fn find_events(events: Events, samples: &SeriesBuf, out: &mut Vec<u32>) {
    out.clear();
    let values = &samples.values;
    let happens: fn(f64, f64) -> bool = match events {
        Events::None => return,
        Events::Falls => |before, now| now < before,
        Events::Changes => |before, now| now != before && !(now.is_nan() && before.is_nan()),
    };
    let pairs = values.iter().zip(values.iter().skip(1)).zip(1u32..);
    if events == Events::Falls && !samples.float_starts.is_empty() {
        let anew = find_pairs(samples, Counted::is_reset_after);
        let anew = |i: u32| anew.binary_search(&i).is_ok();
        out.extend(pairs.filter(|((before, now), i)| happens(**before, **now) || anew(*i)).map(|(_, i)| i));
    } else {
        out.extend(pairs.filter(|((before, now), _)| happens(**before, **now)).map(|(_, i)| i));
    }
}

/// Positions of the floats of which `holds` says so, with regard to the float before them.
pub(crate) fn find_pairs(samples: &SeriesBuf, holds: fn(Counted, Counted) -> bool) -> Vec<u32> {
    let counted = samples.floats().map(|(time, _, start)| Counted { time, start });
    let pairs = counted.clone().zip(counted.skip(1)).zip(1u32..);
    pairs.filter(|((before, now), _)| holds(*now, *before)).map(|(_, i)| i).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::StartTimes;

    /// Evaluates a function over one window `(start, end]` given in seconds.
    pub(in super::super) fn over(
        name: &str,
        samples: &[(i64, f64)],
        (start, end): (i64, i64),
        args: [f64; 2],
    ) -> Option<f64> {
        let function = crate::promql::signature::Signature::find(name).and_then(|f| f.window()).unwrap();
        let inside: Vec<_> = samples.iter().filter(|s| s.0 > start && s.0 <= end).collect();
        let times: Vec<i64> = inside.iter().map(|s| s.0 * 1000).collect();
        let values: Vec<f64> = inside.iter().map(|s| s.1).collect();
        let mut events = Vec::new();
        let samples = SeriesBuf { times, values, ..SeriesBuf::default() };
        find_events(function.events, &samples, &mut events);
        (function.eval)(&View {
            times: &samples.times,
            values: &samples.values,
            events: &events,
            start: start * 1000,
            end: end * 1000,
            now: end * 1000,
            args,
            ..View::default()
        })
    }

    #[test]
    fn events_are_where_values_fall_or_change() {
        let mut samples = SeriesBuf::default();
        let values = [1.0, 2.0, 1.0, 1.0, f64::NAN, f64::NAN, 0.0];
        (0..).zip(values).for_each(|(t, v)| samples.push_float(t * 10, v));
        let mut found = Vec::new();
        find_events(Events::Falls, &samples, &mut found);
        assert_eq!(found, [2]);
        find_events(Events::Changes, &samples, &mut found);
        assert_eq!(found, [1, 2, 4, 6]);
        samples.float_starts = StartTimes::new(vec![0, 0, 15, 25, 0]);
        find_events(Events::Falls, &samples, &mut found);
        assert_eq!(found, [2, 3], "a start time between two samples is a fall");
        find_events(Events::Changes, &SeriesBuf::default(), &mut found);
        assert!(found.is_empty());
    }
}
