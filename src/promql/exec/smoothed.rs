//! Smoothed instant selectors: between two samples the value on the line between them.

use std::sync::Arc;

use super::{
    context::Context,
    operator::{Operator, RowError, Scratch, Series},
    range_vector::RangeVector,
};
use crate::{
    model::{ResetHint, SeriesBuf, Span},
    promql::{
        QueryError,
        data::{
            annotations::AnnotationKind,
            grid::Grid,
            row::{Row, Sample},
        },
        functions::{
            native::FloatHistogram,
            window::{Annotator, interpolate, interpolate_native},
        },
        plan,
    },
};

/// A selector whose values are interpolated; after the last sample that one stands, for as long as the lookback.
pub(super) struct Smoothed<'c> {
    cx: &'c Context<'c>,
    /// Samples of windows without length, which reach a lookback to both sides.
    source: RangeVector<'c>,
    grid: Grid,
    span: Span,
}

impl<'c> Smoothed<'c> {
    pub(super) fn new(
        cx: &'c Context<'c>,
        select: &plan::Select,
        grid: Grid,
        function: &str,
        span: Span,
    ) -> Result<Self, QueryError> {
        Ok(Self { cx, source: RangeVector::storage(cx, select, 0, grid, function)?, grid, span })
    }

    fn value(&self, i: usize, buffer: &SeriesBuf, natives: &[FloatHistogram], now: i64) -> Option<Sample> {
        let (from, to) = self.source.read_range(now, now);
        let inside = |times: &[i64]| (times.partition_point(|t| *t <= from), times.partition_point(|t| *t <= to));
        let histogram_times: Vec<i64> = buffer.histograms.iter().map(|h| h.0).collect();
        let (floats, histograms) = (inside(&buffer.times), inside(&histogram_times));
        let (any_float, any_histogram) = (floats.0 < floats.1, histograms.0 < histograms.1);
        if any_float && any_histogram {
            let metric = self.source.metric_name(i).into_owned();
            self.cx.annotations.add(AnnotationKind::MixedFloatsHistograms(metric), self.span);
            return None;
        }
        if any_histogram {
            return self.histogram(i, (&histogram_times, natives), histograms, now);
        }
        let at = |i: usize| Some((*buffer.times.get(i)?, *buffer.values.get(i)?));
        let next = buffer.times.partition_point(|t| *t < now);
        let after = at(next).filter(|_| next < floats.1);
        let before = next.checked_sub(1).filter(|before| *before >= floats.0).and_then(at);
        match (before, after) {
            (_, Some((t, value))) if t == now => Some(Sample::Float(value)),
            (Some(before), Some(after)) => Some(Sample::Float(interpolate(before, after, now))),
            (Some((_, value)), None) => Some(Sample::Float(value)),
            (None, _) => None,
        }
    }

    fn histogram(
        &self,
        i: usize,
        (times, natives): (&[i64], &[FloatHistogram]),
        inside: (usize, usize),
        now: i64,
    ) -> Option<Sample> {
        let metric = || self.source.metric_name(i).into_owned();
        let add = |annotation| self.cx.annotations.add(annotation, self.span);
        let at = |i: usize| Some((*times.get(i)?, natives.get(i)?));
        let next = times.partition_point(|t| *t < now);
        let after = at(next).filter(|_| next < inside.1);
        let before = next.checked_sub(1).filter(|before| *before >= inside.0).and_then(at);
        let sample = |h: FloatHistogram| Some(Sample::Histogram(Arc::new(h.to_model())));
        match (before, after) {
            (_, Some((t, h))) if t == now => sample(h.clone()),
            (Some(before), Some(after)) => {
                if before.1.is_custom() != after.1.is_custom() {
                    add(AnnotationKind::MixedBucketSchemas(metric()));
                    return None;
                }
                let gauges = [before.1, after.1].iter().all(|h| h.hint == ResetHint::Gauge);
                let annotator = Annotator { metric: &metric, add: &add };
                sample(interpolate_native(before, after, now, !gauges, &annotator)?)
            }
            // The hint spoke of this sample and the one before, not of its value.
            (Some((_, h)), None) => sample(FloatHistogram { hint: ResetHint::Unknown, ..h.clone() }),
            (None, _) => None,
        }
    }
}

impl Operator for Smoothed<'_> {
    fn len(&self) -> usize {
        self.source.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        self.source.series(i)
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        let mut buffer = scratch.take_buffer();
        self.source.read(i, scratch, &mut buffer)?;
        let natives: Vec<FloatHistogram> =
            buffer.histograms.iter().map(|(_, h)| FloatHistogram::from_model(h)).collect();
        out.reset(self.grid.steps);
        for step in 0..self.grid.steps {
            let now = self.source.shift.apply(self.grid.time(step));
            if let Some(sample) = self.value(i, &buffer, &natives, now) {
                out.put(step, sample);
            }
        }
        scratch.give_buffer(buffer);
        Ok(())
    }

    fn one_name(&self) -> bool {
        self.source.one_name()
    }
}
