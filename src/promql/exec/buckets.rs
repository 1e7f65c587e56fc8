//! Classic histograms: functions over the series that differ in `le` only.

use std::collections::HashMap;

use super::{
    context::Context,
    merge::{Overlap, distinct},
    notes::{Monotonicity, Note},
    operator::{Op, Operator, Scratch, Series},
    row::Row,
    scalar::Numbers,
};
use crate::{
    model::{BUCKET_LABEL, Labels, METRIC_NAME, Span},
    promql::{
        QueryError,
        exec::grid::Grid,
        functions::buckets::{Bucket, fraction, quantile},
    },
};

/// What is asked of a histogram.
pub(super) enum Question {
    Quantile(Numbers),
    /// The quantile, told in a label.
    LabelledQuantile(Numbers, String, String),
    /// Observations between the two.
    Fraction(Numbers, Numbers),
}

struct Histogram {
    series: Series,
    /// Input series and their bounds.
    buckets: Vec<(usize, f64)>,
    /// Input series without a usable bound: native histograms may stand there.
    others: Vec<usize>,
}

/// One output series per histogram.
struct Buckets<'c> {
    cx: &'c Context<'c>,
    inner: Op<'c>,
    histograms: Vec<Histogram>,
    question: Question,
    grid: Grid,
    span: Span,
}

/// Asks `question` of every histogram in `inner`. `span` is the part of the query that `inner` came from.
pub(super) fn ask<'c>(
    cx: &'c Context<'c>,
    inner: Op<'c>,
    question: Question,
    grid: Grid,
    span: Span,
) -> Result<Op<'c>, QueryError> {
    let mut index: HashMap<Labels, usize> = HashMap::new();
    let mut histograms: Vec<Histogram> = Vec::new();
    for i in 0..inner.len() {
        let series = inner.series(i)?;
        let bound = series.labels.get(BUCKET_LABEL).and_then(parse_bound);
        // Names count here, as long as they haven't been dropped.
        let key = series.labels.filtered(|name| name != BUCKET_LABEL);
        let next = histograms.len();
        let at = *index.entry(key.clone()).or_insert(next);
        if at == next {
            histograms.push(Histogram {
                series: Series { labels: key, drop_name: series.drop_name },
                buckets: Vec::new(),
                others: Vec::new(),
            });
        }
        if let Some(histogram) = histograms.get_mut(at) {
            match bound {
                Some(bound) => histogram.buckets.push((i, bound)),
                None => histogram.others.push(i),
            }
        }
    }
    let op: Op<'c> = Box::new(Buckets { cx, inner, histograms, question, grid, span });
    if cx.settings.delayed_name_removal { Ok(op) } else { distinct(cx, op, Overlap::Refuse, |series| series) }
}

/// A bound as Prometheus writes and reads it.
fn parse_bound(text: &str) -> Option<f64> {
    match text {
        "+Inf" | "Inf" | "inf" | "+inf" => Some(f64::INFINITY),
        "-Inf" | "-inf" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok(),
    }
}

impl Buckets<'_> {
    fn metric<'s>(&self, series: &'s Series) -> &'s str {
        if self.cx.settings.delayed_name_removal { series.labels.get(METRIC_NAME).unwrap_or_default() } else { "" }
    }

    fn answer(&self, histogram: &Histogram, step: usize, buckets: &mut Vec<Bucket>) -> f64 {
        match &self.question {
            Question::Fraction(lower, upper) => fraction(lower.at(step), upper.at(step), buckets),
            Question::Quantile(q) | Question::LabelledQuantile(q, ..) => {
                let (value, fix) = quantile(q.at(step), buckets);
                if let Some(fix) = fix {
                    let note = Note::ForcedMonotonicity(Monotonicity {
                        metric: self.metric(&histogram.series).to_owned(),
                        time: self.grid.time(step),
                        bounds: fix.bounds,
                        difference: fix.difference,
                    });
                    self.cx.notes.add(note, self.span);
                }
                value
            }
        }
    }
}

impl Operator for Buckets<'_> {
    fn len(&self) -> usize {
        self.histograms.len()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        let Some(histogram) = self.histograms.get(i) else { return Ok(Series::new(Labels::empty())) };
        let mut series = histogram.series.clone().renamed(self.cx);
        if let Question::LabelledQuantile(_, name, value) = &self.question {
            series.labels = series.labels.builder().set(name, value).build();
        }
        Ok(series)
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), QueryError> {
        let steps = self.grid.steps;
        out.reset(steps);
        let Some(histogram) = self.histograms.get(i) else { return Ok(()) };
        let mut row = scratch.take_row();
        let mut counts: Vec<Vec<Bucket>> = Vec::new();
        for (member, bound) in
            histogram.buckets.iter().map(|(m, b)| (*m, Some(*b))).chain(histogram.others.iter().map(|m| (*m, None)))
        {
            self.inner.row(member, scratch, &mut row)?;
            if row.drop_histograms() {
                return Err(QueryError::Unsupported("quantiles and fractions of native histograms".to_owned()));
            }
            let Some(bound) = bound else {
                if row.present.any() {
                    let value = self.inner.series(member)?.labels.get(BUCKET_LABEL).unwrap_or_default().to_owned();
                    let metric = self.metric(&histogram.series).to_owned();
                    self.cx.notes.add(Note::BadBucketLabel(metric, value), self.span);
                }
                continue;
            };
            counts.resize_with(steps, Vec::new);
            for step in row.present.ones() {
                if let (Some(buckets), Some(count)) = (counts.get_mut(step), row.float(step)) {
                    buckets.push(Bucket { bound, count });
                }
            }
        }
        scratch.give_row(row);
        for (step, buckets) in counts.iter_mut().enumerate().filter(|(_, b)| !b.is_empty()) {
            out.set(step, self.answer(histogram, step, buckets));
        }
        Ok(())
    }
}
