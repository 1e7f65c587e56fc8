//! Functions over windows.

use super::{
    context::Context,
    dedup::{Overlap, distinct},
    operator::{Op, Operator, RowError, Scratch, Series, renamed},
    range_vector::RangeVector,
    sample_count::{SampleCount, size},
    scalar::Numbers,
};
use crate::{
    model::{Counted, SeriesBuf, Span},
    promql::{
        QueryError,
        ast::Edges,
        data::{
            annotations::AnnotationKind,
            grid::Grid,
            row::{Row, Sample},
        },
        functions::{
            native::FloatHistogram,
            window::{
                Annotator, Extremes, Histograms, NativeFunction, View, WindowFunction, Windows, find_events, find_pairs,
            },
        },
        signature::Signature,
    },
    seams::select::{Projection, ProjectionVisitor},
};

/// A window function over every series of a range vector.
pub(super) struct Window<'c> {
    cx: &'c Context<'c>,
    source: RangeVector<'c>,
    function: &'static WindowFunction,
    args: Vec<Numbers>,
    grid: Grid,
    /// Where the window of each step ends; empty where nobody asks.
    ends: Vec<i64>,
    /// Where annotations point, and the whole call.
    place: (Span, Span),
}

/// Applies `function` to `source`; series that end up with the same labels are an error.
pub(super) fn apply<'c>(
    cx: &'c Context<'c>,
    (name, function): (&str, &'static WindowFunction),
    source: RangeVector<'c>,
    args: Vec<Numbers>,
    grid: Grid,
    place: (Span, Span),
) -> Result<Op<'c>, QueryError> {
    let refused = |modifier: &str, are: fn(&WindowFunction) -> bool| {
        let those = Signature::windows(are);
        Err(QueryError::Execution(format!("{modifier} modifier can only be used with: {those} - not with {name}")))
    };
    match source.edges {
        Edges::Anchored if function.anchored.is_none() => return refused("anchored", |f| f.anchored.is_some()),
        Edges::Smoothed if function.smoothed.is_none() => return refused("smoothed", |f| f.smoothed.is_some()),
        _ => {}
    }
    let stays_distinct = function.keeps_name || source.one_name() || cx.settings.delayed_name_removal;
    let op = unchecked(cx, function, source, args, grid, place);
    if stays_distinct { Ok(op) } else { distinct(cx, op, Overlap::RefuseAll, Ok) }
}

/// Applies `function` to `source` for a caller who doesn't care about labels: equal ones are no error.
pub(super) fn unchecked<'c>(
    cx: &'c Context<'c>,
    function: &'static WindowFunction,
    source: RangeVector<'c>,
    args: Vec<Numbers>,
    grid: Grid,
    place: (Span, Span),
) -> Op<'c> {
    let plain_difference = function.difference.filter(|_| source.edges == Edges::Plain);
    let steps = plain_difference.map_or(0, |_| grid.steps);
    let ends = (0..steps).map(|step| source.shift.apply(grid.time(step))).collect();
    Box::new(Window { cx, source, function, args, grid, ends, place })
}

/// After looking at so many samples a function asks whether to go on: some ms where each step sorts them.
const SAMPLES_PER_CHECK: usize = 64 << 10;

/// Indexes of the samples in a window that only moves forwards.
#[derive(Default)]
struct Slide {
    low: usize,
    high: usize,
}

impl Slide {
    /// Moves to `(start, end]`.
    fn to(&mut self, start: i64, end: i64, time: impl Fn(usize) -> Option<i64>) {
        while time(self.high).is_some_and(|t| t <= end) {
            self.high += 1;
        }
        while self.low < self.high && time(self.low).is_some_and(|t| t <= start) {
            self.low += 1;
        }
    }
}

impl Window<'_> {
    fn args(&self, step: usize) -> [f64; 2] {
        let mut numbers = self.args.iter().map(|n| n.at(step));
        [numbers.next().unwrap_or(f64::NAN), numbers.next().unwrap_or(f64::NAN)]
    }

    /// Annotates the call, after all annotations of its arguments.
    fn annotate(&self, annotation: AnnotationKind) {
        let (span, whole) = self.place;
        self.cx.annotations.add_of(annotation, span, whole);
    }

    fn slide(
        &self,
        i: usize,
        buffer: &SeriesBuf,
        events: &[u32],
        windows: &mut Windows,
        out: &mut Row,
    ) -> Result<(), QueryError> {
        let mut count = SampleCount::new(&self.cx.profile, &self.grid);
        if let Some(difference) = self.function.difference
            && self.source.edges == Edges::Plain
            && buffer.histograms.is_empty()
            && buffer.float_starts.is_empty()
            && count.is_plain()
        {
            windows.fit((&self.ends, self.source.range), difference, &buffer.times);
            windows.differences(difference, &buffer.values, events, |step, value| out.set(step, value));
            count.all(windows.looked_at(), if self.source.is_stored() { windows.fresh() } else { 0 });
            return Ok(());
        }
        let overlaps = self.overlaps(buffer);
        let (mut floats, mut inside, mut histograms) = (Slide::default(), Slide::default(), Slide::default());
        let (natives, resets) = self.natives(buffer);
        let mut extremes = self.function.beats.map(Extremes::new);
        let sizes = sizes(buffer);
        let mut looked_at = 0;
        let size = |from: usize, to: usize| match sizes.get(to).zip(sizes.get(from)) {
            Some((to, from)) => to.saturating_sub(*from),
            None => 0,
        };
        for step in 0..self.grid.steps {
            let now = self.grid.time(step);
            let end = self.source.shift.apply(now);
            let start = end.saturating_sub(self.source.range);
            let (from, to) = self.source.read_range(start, end);
            let seen = (floats.high, histograms.high);
            floats.to(from, to, |i| buffer.times.get(i).copied());
            histograms.to(from, to, |i| buffer.histograms.get(i).map(|h| h.0));
            if floats.low == floats.high && histograms.low == histograms.high {
                continue;
            }
            let samples = floats.high - floats.low + size(histograms.low, histograms.high);
            looked_at += samples;
            if looked_at > SAMPLES_PER_CHECK {
                self.cx.budget.check()?;
                looked_at = 0;
            }
            let fresh_floats = floats.high - floats.low.max(seen.0);
            let fresh = fresh_floats + size(histograms.low.max(seen.1), histograms.high);
            count.step(step, samples, if self.source.is_stored() { fresh } else { 0 });
            // An event lies between two samples, and both have to be inside.
            let position = |i: usize| events.get(i).map(|e| i64::from(*e));
            inside.to(floats.low as i64, floats.high as i64 - 1, position);
            let view = View {
                times: buffer.times.get(floats.low..floats.high).unwrap_or_default(),
                values: buffer.values.get(floats.low..floats.high).unwrap_or_default(),
                events: events.get(inside.low..inside.high).unwrap_or_default(),
                base: floats.low,
                float_starts: buffer.float_starts.slice(floats.low..floats.high),
                histograms: buffer.histograms.get(histograms.low..histograms.high).unwrap_or_default(),
                natives: natives.get(histograms.low..histograms.high).unwrap_or_default(),
                resets: resets.get(histograms.low..histograms.high).unwrap_or_default(),
                histogram_starts: buffer.histogram_starts.slice(histograms.low..histograms.high),
                start,
                end,
                now,
                args: self.args(step),
            };
            if let Some(check) = self.function.check
                && let Some(annotation) = check(&view).map_err(|error| self.source.settle(error))?
            {
                self.annotate(annotation);
            }
            if let Some(extended) = self.extended() {
                if let Some(sample) = self.annotated(i, &view, extended) {
                    out.put(step, sample);
                }
            } else if view.histograms.is_empty() {
                let later = overlaps.partition_point(|at| *at as usize <= floats.low);
                if overlaps.get(later).is_some_and(|at| (*at as usize) < floats.high) {
                    self.annotate(AnnotationKind::StartTimeOverlap(self.source.metric_name(i).into_owned()));
                }
                let extreme = extremes.as_mut().and_then(|e| e.slide(&buffer.values, floats.low, floats.high));
                if let Some(value) = extreme.or_else(|| (self.function.eval)(&view)) {
                    out.set(step, value);
                }
            } else if let Some(sample) = self.with_histograms(i, &view) {
                out.put(step, sample);
            }
        }
        Ok(())
    }

    /// The series' histograms laid out for calculation, each once however many windows it is in.
    fn natives(&self, buffer: &SeriesBuf) -> (Vec<FloatHistogram>, Vec<bool>) {
        if matches!(self.function.histograms, Histograms::Ignored) {
            return (Vec::new(), Vec::new());
        }
        let natives: Vec<FloatHistogram> =
            buffer.histograms.iter().map(|(_, h)| FloatHistogram::from_model(h)).collect();
        let counted = buffer.histograms_from().map(|(time, _, start)| Counted { time, start });
        let starts = counted.clone().zip(counted.skip(1)).map(|(before, now)| now.is_reset_after(before));
        let resets = natives.iter().zip(natives.iter().skip(1)).map(|(before, now)| now.is_reset_after(before));
        let resets = resets.zip(starts).map(|(by_counts, by_start)| by_counts || by_start);
        let resets = natives.first().map(|_| false).into_iter().chain(resets).collect();
        (natives, resets)
    }

    /// Positions of the floats of a counter whose start times contradict those of the ones before them.
    fn overlaps(&self, buffer: &SeriesBuf) -> Vec<u32> {
        let judged = self.function.wants_counter && self.source.edges == Edges::Plain;
        if judged && !buffer.float_starts.is_empty() { find_pairs(buffer, Counted::overlaps) } else { Vec::new() }
    }

    /// The function for windows that reach beyond their edges.
    fn extended(&self) -> Option<NativeFunction> {
        match self.source.edges {
            Edges::Plain => None,
            Edges::Anchored => self.function.anchored,
            Edges::Smoothed => self.function.smoothed,
        }
    }

    fn annotated(&self, i: usize, view: &View<'_>, function: NativeFunction) -> Option<Sample> {
        let metric = || self.source.metric_name(i).into_owned();
        function(view, &Annotator { metric: &metric, add: &|annotation| self.annotate(annotation) })
    }

    fn with_histograms(&self, i: usize, view: &View<'_>) -> Option<Sample> {
        let metric = || self.source.metric_name(i).into_owned();
        match self.function.histograms {
            Histograms::Taken(both) => self.annotated(i, view, both),
            Histograms::Ignored if view.values.is_empty() => None,
            Histograms::Ignored => {
                self.annotate(AnnotationKind::HistogramIgnoredInRange(metric()));
                (self.function.eval)(view).map(Sample::Float)
            }
            Histograms::Unmixed(native) if view.values.is_empty() => self.annotated(i, view, native),
            Histograms::Unmixed(_) => {
                self.annotate(AnnotationKind::MixedFloatsHistograms(metric()));
                None
            }
        }
    }

    /// Tells when a function for counters is applied to what isn't called like one.
    fn judge_name(&self, i: usize, out: &Row) {
        let has_float = out.present.ones().any(|step| out.histogram(step).is_none());
        if !self.function.wants_counter || !has_float {
            return;
        }
        let name = self.source.metric_name(i);
        if name.is_empty() {
            return;
        }
        if self.cx.settings.type_labels {
            let kind = self
                .source
                .series(i)
                .map_or_else(|_| String::new(), |s| s.labels.get("__type__").unwrap_or_default().to_owned());
            if kind != "counter" && kind != "histogram" {
                self.annotate(AnnotationKind::TypeIsNoCounter(name.into_owned(), kind));
            }
            return;
        }
        let like_a_counter = ["_total", "_sum", "_count", "_bucket"].iter().any(|s| name.ends_with(s));
        if !like_a_counter {
            self.annotate(AnnotationKind::PossibleNonCounter(name.into_owned()));
        }
    }
}

/// For each position in the histograms of a series, how many samples those before it count as.
fn sizes(buffer: &SeriesBuf) -> Vec<usize> {
    let mut sum = 0;
    let sizes = buffer.histograms.iter().map(|(_, histogram)| {
        sum += size(histogram);
        sum
    });
    std::iter::once(0).chain(sizes).collect()
}

impl Operator for Window<'_> {
    fn len(&self) -> usize {
        self.source.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        let series = self.source.series(i)?;
        Ok(if self.function.keeps_name { series } else { series.renamed(self.cx) })
    }

    fn each_projection(
        &self,
        projection: &Projection<'_>,
        visit: &mut ProjectionVisitor<'_>,
    ) -> Result<(), QueryError> {
        if self.function.keeps_name {
            self.source.each_projection(projection, visit)
        } else {
            self.source.each_projection(&renamed(projection, self.cx), visit)
        }
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        let mut buffer = scratch.take_buffer();
        self.source.read(i, scratch, &mut buffer)?;
        let mut events = scratch.take_indexes();
        find_events(self.function.events, &buffer, &mut events);
        out.reset(self.grid.steps);
        let mut windows = scratch.take_windows();
        self.slide(i, &buffer, &events, &mut windows, out)?;
        scratch.give_windows(windows);
        self.judge_name(i, out);
        scratch.give_indexes(events);
        scratch.give_buffer(buffer);
        Ok(())
    }

    fn one_name(&self) -> bool {
        self.source.one_name()
    }
}
