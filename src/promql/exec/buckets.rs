//! Quantiles and fractions of histograms: classic ones, whose series differ in `le` only, and native ones.

use std::sync::Arc;

use super::{
    context::Context,
    dedup::{Overlap, distinct},
    label_sets::LabelSets,
    operator::{Op, Operator, RowError, Scratch, Series},
    scalar::Numbers,
};
use crate::{
    model::{self, BUCKET_LABEL, Labels, METRIC_NAME, Span, decimal},
    promql::{
        QueryError,
        data::{
            annotations::{AnnotationKind, Monotonicity},
            grid::Grid,
            row::Row,
        },
        functions::{
            buckets::{Bucket, fraction, quantile},
            native::FloatHistogram,
        },
    },
};

/// What is to be told of a histogram.
pub(super) enum Statistic {
    Quantile(Numbers),
    /// Several, told apart by this label.
    Quantiles(String, Vec<Numbers>),
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
    statistic: Statistic,
    grid: Grid,
    span: Span,
}

/// Tells `statistic` of every histogram in `inner`. `span` is the part of the query that `inner` came from.
pub(super) fn apply<'c>(
    cx: &'c Context<'c>,
    inner: Op<'c>,
    statistic: Statistic,
    grid: Grid,
    span: Span,
) -> Result<Op<'c>, QueryError> {
    if let Statistic::Quantiles(_, qs) = &statistic
        && qs.iter().any(|q| q.iter(grid.steps).any(|v| v.to_bits() != q.at(0).to_bits()))
    {
        return Err(QueryError::Unsupported(
            "histogram_quantiles() with a quantile that changes by the step".to_owned(),
        ));
    }
    let mut sets = LabelSets::default();
    let mut histograms: Vec<Histogram> = Vec::new();
    for i in 0..inner.len() {
        let series = inner.series(i)?;
        let bound = series.labels.get(BUCKET_LABEL).and_then(parse_bound);
        // Names count here, as long as they haven't been dropped.
        let (at, new) = sets.number(&series.labels, |name| name != BUCKET_LABEL.as_bytes());
        if let Some(labels) = new {
            cx.budget.keep(labels)?;
            histograms.push(Histogram {
                series: Series { labels: labels.clone(), drop_name: series.drop_name },
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
    let op: Op<'c> = Box::new(Buckets { cx, inner, histograms, statistic, grid, span });
    if cx.settings.delayed_name_removal { Ok(op) } else { distinct(cx, op, Overlap::Refuse, Ok) }
}

/// A bound as Prometheus writes and reads it.
fn parse_bound(text: &str) -> Option<f64> {
    match text {
        "+Inf" | "Inf" | "inf" | "+inf" => Some(f64::INFINITY),
        "-Inf" | "-inf" => Some(f64::NEG_INFINITY),
        _ => decimal::parse_float(text),
    }
}

impl Buckets<'_> {
    fn metric<'s>(&self, series: &'s Series) -> &'s str {
        if self.cx.settings.delayed_name_removal { series.labels.get(METRIC_NAME).unwrap_or_default() } else { "" }
    }

    /// How many output series each histogram has.
    fn width(&self) -> usize {
        match &self.statistic {
            Statistic::Quantiles(_, qs) => qs.len(),
            Statistic::Quantile(_) | Statistic::Fraction(..) => 1,
        }
    }

    /// The histogram of output series `i`, and which of its answers that is.
    fn locate(&self, i: usize) -> Option<(&Histogram, usize)> {
        let width = self.width().max(1);
        Some((self.histograms.get(i / width)?, i % width))
    }

    /// The quantile asked for; `None` when the statistic is another.
    fn q(&self, part: usize, step: usize) -> Option<f64> {
        match &self.statistic {
            Statistic::Quantile(q) => Some(q.at(step)),
            Statistic::Quantiles(_, qs) => qs.get(part).map(|q| q.at(step)),
            Statistic::Fraction(..) => None,
        }
    }

    fn of_classic(&self, metric: &str, part: usize, step: usize, buckets: &mut Vec<Bucket>) -> f64 {
        if let Statistic::Fraction(lower, upper) = &self.statistic {
            return fraction(lower.at(step), upper.at(step), buckets);
        }
        let (value, fix) = quantile(self.q(part, step).unwrap_or(f64::NAN), buckets);
        if let Some(fix) = fix {
            let annotation = AnnotationKind::ForcedMonotonicity(Monotonicity {
                metric: metric.to_owned(),
                time: self.grid.time(step),
                bounds: fix.bounds,
                difference: fix.difference,
            });
            self.cx.annotations.add(annotation, self.span);
        }
        value
    }

    fn of_native(&self, metric: &str, part: usize, step: usize, native: &FloatHistogram) -> f64 {
        let (value, annotation) = match &self.statistic {
            Statistic::Fraction(lower, upper) => native.fraction(lower.at(step), upper.at(step), metric),
            _ => native.quantile(self.q(part, step).unwrap_or(f64::NAN), metric),
        };
        if let Some(annotation) = annotation {
            self.cx.annotations.add(annotation, self.span);
        }
        value
    }

    /// Reads the series of a histogram: classic buckets and native samples by step.
    fn read(&self, histogram: &Histogram, scratch: &mut Scratch) -> Result<HistogramRows, RowError> {
        let mut row = scratch.take_row();
        let mut read = HistogramRows { counts: vec![Vec::new(); self.grid.steps], natives: Vec::new() };
        let with = histogram.buckets.iter().map(|(member, bound)| (*member, Some(*bound)));
        let without = histogram.others.iter().map(|member| (*member, None));
        for (member, bound) in with.chain(without) {
            self.inner.row(member, scratch, &mut row)?;
            let steps = row.present.ones();
            read.natives.extend(steps.filter_map(|step| Some((step, Arc::clone(row.histogram(step)?)))));
            row.drop_histograms();
            let Some(bound) = bound else {
                if row.present.any() {
                    let value = self.inner.series(member)?.labels.get(BUCKET_LABEL).unwrap_or_default().to_owned();
                    let metric = self.metric(&histogram.series).to_owned();
                    self.cx.annotations.add(AnnotationKind::BadBucketLabel(metric, value), self.span);
                }
                continue;
            };
            for step in row.present.ones() {
                if let (Some(buckets), Some(count)) = (read.counts.get_mut(step), row.values.get(step)) {
                    buckets.push(Bucket { bound, count: *count });
                }
            }
        }
        scratch.give_row(row);
        Ok(read)
    }
}

/// What the series of a histogram hold.
struct HistogramRows {
    counts: Vec<Vec<Bucket>>,
    natives: Vec<(usize, Arc<model::Histogram>)>,
}

/// A number as the value of a label: with a point or an exponent, always.
fn label_value(v: f64) -> String {
    let text = decimal::general(v);
    if !v.is_finite() || text.contains(['.', 'e']) { text } else { format!("{text}.0") }
}

impl Operator for Buckets<'_> {
    fn len(&self) -> usize {
        self.histograms.len() * self.width()
    }

    fn series(&self, i: usize) -> Result<Series, QueryError> {
        let Some((histogram, part)) = self.locate(i) else { return Ok(Series::new(Labels::empty())) };
        let mut series = histogram.series.clone().renamed(self.cx);
        if let (Statistic::Quantiles(name, _), Some(q)) = (&self.statistic, self.q(part, 0)) {
            let refused = |limit| QueryError::Execution(format!("histogram_quantiles(): {limit}"));
            series.labels = series.labels.with(name, &label_value(q)).map_err(refused)?;
        }
        Ok(series)
    }

    fn row(&self, i: usize, scratch: &mut Scratch, out: &mut Row) -> Result<(), RowError> {
        out.reset(self.grid.steps);
        let Some((histogram, part)) = self.locate(i) else { return Ok(()) };
        let mut read = self.read(histogram, scratch)?;
        let metric = self.metric(&histogram.series);
        for (step, native) in &read.natives {
            match read.counts.get_mut(*step) {
                Some(buckets) if !buckets.is_empty() => {
                    self.cx.annotations.add(AnnotationKind::MixedClassicNative(metric.to_owned()), self.span);
                    buckets.clear();
                }
                _ => out.set(*step, self.of_native(metric, part, *step, &FloatHistogram::from_model(native))),
            }
        }
        for (step, buckets) in read.counts.iter_mut().enumerate().filter(|(_, b)| !b.is_empty()) {
            out.set(step, self.of_classic(metric, part, step, buckets));
        }
        Ok(())
    }
}
